"""Topology labels of the three sources, as soft targets that respect that the sources disagree."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

SOURCES = ("materiae", "tqc", "arsenal")
CONSENSUS = "consensus"
OUTPUTS = (*SOURCES, CONSENSUS)
"""What the model answers: what each source would say, and the mean of those that do."""

KINDS = ("trivial", "ti", "tci", "tsm")
"""Not symmetry-indicated; strong insulator; crystalline or weak insulator; semimetal: what a model tells."""

CLASSES = ("trivial", "ti", "tsm")
"""What all three sources tell: the insulators of ``KINDS`` are one class."""

_TRIVIAL, _TI, _TCI, _TSM, _EITHER = range(5)

MEANING = {
    "materiae": {"Triv_Ins": _TRIVIAL, "TI": _TI, "TCI": _TCI, "HSP_SM": _TSM, "HSL_SM": _TSM},
    "tqc": {"trivial": _TRIVIAL, "TI": _EITHER, "SM": _TSM},
    "arsenal": {"trivial": _TRIVIAL, "TI": _TI, "TCI": _TCI, "TSM": _TSM},
}
"""Source → its word → index into ``KINDS``, or one beyond them: an insulator, strong or crystalline.

TQC does not tell the two apart. "Unknown" of Materiae (odd or magnetic) is no label.
"""

_COLUMNS = {"materiae": "materiae_soc", "tqc": "tqc_class", "arsenal": "arsenal"}


@dataclass(frozen=True)
class TopologyLabels:
    """Soft labels of n crystals.

    Attributes:
        ids: names of the crystals.
        kinds: (n, 3 sources, 5) float32 of ``KINDS`` and "strong or crystalline"; a row sums to 1, or to 0
            where the source is silent. Where a source's own lists conflict its row is shared among what
            they name.
    """

    ids: list[str]
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def targets(self) -> np.ndarray:
        """(n, 3 sources, 3 classes) float32: the same by ``CLASSES``."""
        return classes_of_kinds(self.kinds)

    @property
    def known(self) -> np.ndarray:
        """(n, 3) bool: which source has a label."""
        return self.kinds.sum(2) > 0

    @property
    def with_consensus(self) -> np.ndarray:
        """(n, 4 outputs, 5) float32: the kinds and the mean over the sources that speak."""
        votes = self.known.sum(1)[:, None]
        consensus = self.kinds.sum(1) / np.maximum(votes, 1)
        return np.concatenate([self.kinds, consensus[:, None]], axis=1).astype(np.float32)

    @property
    def majority(self) -> np.ndarray:
        """(n,) float32: 1 topological, 0 trivial by most sources; NaN for a tie or none."""
        votes = np.where(self.known, self.kinds[:, :, _TRIVIAL], 0.5)
        lean = (0.5 - votes).sum(1)
        return np.where(np.abs(lean) < 1e-6, np.nan, lean > 0).astype(np.float32)

    def take(self, rows: np.ndarray) -> "TopologyLabels":
        """Return the labels at ``rows``."""
        return TopologyLabels([self.ids[i] for i in rows], self.kinds[rows])


def classes_of_kinds(kinds: np.ndarray) -> np.ndarray:
    """Sum (..., 4 or 5) over ``KINDS``, and "strong or crystalline" where it is told, to (..., 3) classes."""
    insulators = kinds[..., _TI] + kinds[..., _TCI]
    if kinds.shape[-1] > _EITHER:
        insulators = insulators + kinds[..., _EITHER]
    return np.stack([kinds[..., _TRIVIAL], insulators, kinds[..., _TSM]], axis=-1)


def read_topology_labels(path: Path) -> TopologyLabels:
    """Read labels from Parquet with columns ``mp_id, materiae_soc, tqc_class, arsenal``.

    Raises:
        ValueError: naming the column and the word, for a class that is not known.
    """
    table = pq.read_table(path, columns=["mp_id", *_COLUMNS.values()])
    kinds = np.zeros((table.num_rows, len(SOURCES), len(KINDS) + 1), dtype=np.float32)
    for s, source in enumerate(SOURCES):
        for row, text in enumerate(table.column(_COLUMNS[source]).to_pylist()):
            for word in (text or "").split("|"):
                if word in MEANING[source]:
                    kinds[row, s, MEANING[source][word]] = 1.0
                elif word not in ("", "Unknown"):
                    raise ValueError(
                        f"{path}: unknown class {word!r} in column {_COLUMNS[source]}; "
                        f"known are {', '.join(MEANING[source])}"
                    )
    # Lists that differ in the kind of insulator agree that it is one.
    both = (kinds[..., _TI] > 0) & (kinds[..., _TCI] > 0)
    kinds[both, _TI] = kinds[both, _TCI] = 0.0
    kinds[both, _EITHER] = 1.0
    total = kinds.sum(2, keepdims=True)
    return TopologyLabels(table.column("mp_id").to_pylist(), kinds / np.maximum(total, 1.0))


def hide_blind_trivials(labels: TopologyLabels, undiagnosable: np.ndarray) -> TopologyLabels:
    """Drop labels that say only that symmetry cannot see.

    In a group whose indicator group is trivial no eigenvalue can show a topological insulator, so
    "trivial" there is silence, not knowledge. Semimetal labels there rest on enforced degeneracies
    and stay.

    Args:
        labels: of n crystals.
        undiagnosable: (n,) bool, whether the crystal's indicator group is trivial.
    """
    kinds = labels.kinds.copy()
    blind = undiagnosable[:, None] & (kinds[:, :, _TRIVIAL] > 0)
    kinds[blind] = 0.0
    return TopologyLabels(labels.ids, kinds)


def blur_mirror_phases(labels: TopologyLabels, mirror_indicator: np.ndarray) -> TopologyLabels:
    """Take "crystalline" as "strong or crystalline" where the indicators are mirror Chern numbers.

    A mirror Chern number has the parity of the strong index, so a strong insulator is called crystalline in
    those groups (C3h; see ``xbert.training.carried``).

    Args:
        labels: of n crystals.
        mirror_indicator: (n,) bool, whether the crystal's group is one of them.
    """
    kinds = labels.kinds.copy()
    kinds[mirror_indicator, :, _EITHER] += kinds[mirror_indicator, :, _TCI]
    kinds[mirror_indicator, :, _TCI] = 0.0
    return TopologyLabels(labels.ids, kinds)
