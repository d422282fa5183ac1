"""Topology labels of the three sources, as soft targets that respect that the sources disagree."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

SOURCES = ("materiae", "tqc", "arsenal")
CONSENSUS = "consensus"
OUTPUTS = (*SOURCES, CONSENSUS)
"""What the model answers: what each source would say, and the mean of those that do."""

CLASSES = ("trivial", "ti", "tsm")
"""Not symmetry-indicated; (crystalline) insulator; semimetal."""

_TRIVIAL, _TI, _TSM = range(3)

MEANING = {
    "materiae": {"Triv_Ins": _TRIVIAL, "TI": _TI, "TCI": _TI, "HSP_SM": _TSM, "HSL_SM": _TSM},
    "tqc": {"trivial": _TRIVIAL, "TI": _TI, "SM": _TSM},
    "arsenal": {"trivial": _TRIVIAL, "TI": _TI, "TCI": _TI, "TSM": _TSM},
}
"""Source → its word → index into ``CLASSES``. "Unknown" of Materiae (odd or magnetic) is no label."""

_COLUMNS = {"materiae": "materiae_soc", "tqc": "tqc_class", "arsenal": "arsenal"}


@dataclass(frozen=True)
class TopologyLabels:
    """Soft labels of n crystals.

    Attributes:
        ids: names of the crystals.
        targets: (n, 3 sources, 3 classes) float32; a row sums to 1, or to 0 where the source is silent.
            Where a source's own lists conflict its row is shared among the classes they name.
    """

    ids: list[str]
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def known(self) -> np.ndarray:
        """(n, 3) bool: which source has a label."""
        return self.targets.sum(2) > 0

    @property
    def with_consensus(self) -> np.ndarray:
        """(n, 4 outputs, 3 classes) float32: the targets and the mean over the sources that speak."""
        votes = self.known.sum(1)[:, None]
        consensus = self.targets.sum(1) / np.maximum(votes, 1)
        return np.concatenate([self.targets, consensus[:, None]], axis=1).astype(np.float32)

    @property
    def majority(self) -> np.ndarray:
        """(n,) float32: 1 topological, 0 trivial by most sources; NaN for a tie or none."""
        votes = np.where(self.known, self.targets[:, :, _TRIVIAL], 0.5)
        lean = (0.5 - votes).sum(1)
        return np.where(np.abs(lean) < 1e-6, np.nan, lean > 0).astype(np.float32)

    def take(self, rows: np.ndarray) -> "TopologyLabels":
        """Return the labels at ``rows``."""
        return TopologyLabels([self.ids[i] for i in rows], self.targets[rows])


def read_topology_labels(path: Path) -> TopologyLabels:
    """Read labels from Parquet with columns ``mp_id, materiae_soc, tqc_class, arsenal``.

    Raises:
        ValueError: naming the column and the word, for a class that is not known.
    """
    table = pq.read_table(path, columns=["mp_id", *_COLUMNS.values()])
    targets = np.zeros((table.num_rows, len(SOURCES), len(CLASSES)), dtype=np.float32)
    for s, source in enumerate(SOURCES):
        for row, text in enumerate(table.column(_COLUMNS[source]).to_pylist()):
            for word in (text or "").split("|"):
                if word in MEANING[source]:
                    targets[row, s, MEANING[source][word]] = 1.0
                elif word not in ("", "Unknown"):
                    raise ValueError(
                        f"{path}: unknown class {word!r} in column {_COLUMNS[source]}; "
                        f"known are {', '.join(MEANING[source])}"
                    )
    total = targets.sum(2, keepdims=True)
    return TopologyLabels(table.column("mp_id").to_pylist(), targets / np.maximum(total, 1.0))


def hide_blind_trivials(labels: TopologyLabels, undiagnosable: np.ndarray) -> TopologyLabels:
    """Drop labels that say only that symmetry cannot see.

    In a group whose indicator group is trivial no eigenvalue can show a topological insulator, so
    "trivial" there is silence, not knowledge. Semimetal labels there rest on enforced degeneracies
    and stay.

    Args:
        labels: of n crystals.
        undiagnosable: (n,) bool, whether the crystal's indicator group is trivial.
    """
    targets = labels.targets.copy()
    blind = undiagnosable[:, None] & (targets[:, :, _TRIVIAL] > 0)
    targets[blind] = 0.0
    return TopologyLabels(labels.ids, targets)
