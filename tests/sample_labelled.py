"""Labelled crystals made by code, for tests that train."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.sample_crystals import sample_crystals
from xbert.crystals import Crystal, CrystalTable


def write_labelled(directory: Path, n: int = 60) -> tuple[Path, Path]:
    """Write structures and labels of strained copies of the samples, half of them "TI"; return both paths."""
    rng = np.random.default_rng(0)
    crystals = []
    for i in range(n):
        base = sample_crystals()[i % 8]
        numbers = np.clip(base.numbers.astype(int) + rng.integers(0, 3), 1, 100).astype(np.uint8)
        crystals.append(Crystal(f"c{i}", base.lattice * rng.uniform(0.97, 1.05), numbers, base.frac_coords))
    CrystalTable.from_crystals(crystals).write_parquet(directory / "structures.parquet")
    words = [("TI", "TI", "TCI") if i % 2 else ("Triv_Ins", "trivial", "trivial") for i in range(n)]
    table = {"mp_id": [c.id for c in crystals]}
    for k, name in enumerate(("materiae_soc", "tqc_class", "arsenal")):
        table[name] = [w[k] for w in words]
    pq.write_table(pa.table(table), directory / "labels.parquet")
    return directory / "structures.parquet", directory / "labels.parquet"
