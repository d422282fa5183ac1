"""A small task of one's own: strained copies of the sample crystals with a value that their volume gives."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sample_crystals import sample_crystals
from xbert.crystals import Crystal, CrystalTable

RECORD = """
title: Volume of an atom
kind: regression
structures: {file: crystals.parquet}
target: {file: values.csv, column: volume, unit: Å³}
protocol: {by: formula, folds: 2}
training: {epochs: 1, batch_size: 8}
"""

CLASSES = """
title: Large or small
kind: classification
structures: {file: crystals.parquet}
target:
  file: values.csv
  classes: [small, large]
  labels: {size: {small: small, large: large, unknown: null}}
protocol: {by: random, folds: 2}
training: {epochs: 1, batch_size: 8}
"""


def strained_crystals(count: int = 24) -> list[Crystal]:
    rng = np.random.default_rng(0)
    found = []
    for i in range(count):
        base = sample_crystals()[i % 8]
        numbers = np.clip(base.numbers.astype(int) + rng.integers(0, 3), 1, 100).astype(np.uint8)
        lattice = (base.lattice * rng.uniform(0.9, 1.1)).astype(np.float32)
        found.append(Crystal(f"c{i:02d}", lattice, numbers, base.frac_coords))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Directory with ``crystals.parquet``, ``values.csv``, ``volume.yaml`` and ``size.yaml``."""
    place = tmp_path / "task"
    place.mkdir()
    crystals = strained_crystals()
    CrystalTable.from_crystals(crystals).write_parquet(place / "crystals.parquet")
    volumes = [c.volume / len(c.numbers) for c in crystals]
    middle = float(np.median(volumes))
    part = ["train" if i % 4 else "test" for i in range(len(crystals))]
    lines = ["id,volume,size,part"]
    for i, (crystal, volume) in enumerate(zip(crystals, volumes, strict=True)):
        size = "unknown" if i == 0 else "large" if volume > middle else "small"
        lines.append(f"{crystal.id},{volume:.4f},{size},{part[i]}")
    (place / "values.csv").write_text("\n".join(lines) + "\n")
    (place / "volume.yaml").write_text(RECORD)
    (place / "size.yaml").write_text(CLASSES)
    pq.write_table(pa.table({"mp_id": [c.id for c in crystals]}), place / "empty.parquet")
    return place
