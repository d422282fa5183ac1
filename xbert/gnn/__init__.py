"""Graph encoders behind one interface.

An encoder is a module with the attribute ``width`` that maps a `Batch` to (b, width), one vector a crystal.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

ENCODERS = ("cgcnn", "alignn")
"""Names that `make_encoder` knows."""


def make_encoder(name: str, width: int, layers: int, pooling: str = "mean") -> "nn.Module":
    """Return a graph encoder with fresh weights.

    Args:
        name: one of ``ENCODERS``.
        width: length of the atom vectors.
        layers: convolutions.
        pooling: of atoms, one of ``xbert.gnn.pooling.POOLINGS``.

    Raises:
        ValueError: if there is no such encoder.
    """
    if name == "cgcnn":
        from xbert.gnn.cgcnn import CGCNN

        return CGCNN(width, layers, pooling)
    if name == "alignn":
        from xbert.gnn.alignn import ALIGNN

        return ALIGNN(width, layers, pooling)
    raise ValueError(f"no graph encoder {name!r}: there are {', '.join(ENCODERS)}")
