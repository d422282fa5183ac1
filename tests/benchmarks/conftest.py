"""Benchmarks are programs, not a package: their folder has to be where modules are looked for."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase.build import bulk

from tests.sample_crystals import from_atoms
from xbert.crystals import CrystalTable
from xbert.training.data import LabelledCrystals, load_labelled

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

CATIONS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Zn", "Cd")
ANIONS = ("N", "P", "As", "Sb", "Bi", "O", "S", "Se", "Te", "F", "Cl", "Br")
TOPOLOGICAL = ("Sb", "Bi", "Te")
"""In this made-up chemistry these anions alone make a crystal topological."""

STRUCTURES = ("rocksalt", "zincblende", "wurtzite")
"""Space groups 225, with inversion; 216, with an indicator; 186, without."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Structures, labels and gaps of 288 crystals, under the names that benchmarks look for."""
    where = tmp_path_factory.mktemp("data")
    crystals, labels = [], []
    for cation in CATIONS:
        for anion in ANIONS:
            for structure in STRUCTURES:
                length = 4.0 + 0.1 * CATIONS.index(cation) + 0.1 * ANIONS.index(anion)
                atoms = bulk(cation + anion, structure, a=length)
                crystals.append(from_atoms(atoms, f"{cation}{anion}-{structure}"))
                seen = anion in TOPOLOGICAL and structure != "wurtzite"
                words = ("TCI", "TI", "TI") if seen else ("Triv_Ins", "trivial", "trivial")
                labels.append(("HSP_SM", "SM", "TSM") if anion == "Te" and seen else words)
    CrystalTable.from_crystals(crystals).write_parquet(where / "mp_structures.parquet")
    ids = [crystal.id for crystal in crystals]
    columns = dict(zip(("materiae_soc", "tqc_class", "arsenal"), zip(*labels, strict=True), strict=True))
    pq.write_table(
        pa.table({"mp_id": ids} | {k: list(v) for k, v in columns.items()}), where / "topology_labels.parquet"
    )
    gaps = {"id": ids, "megnet_band_gap": np.ones(len(ids))}
    for name in ("mp20_band_gap", "roost_nonmetal_band_gap"):
        gaps[name] = np.full(len(ids), np.nan)
    pq.write_table(pa.table(gaps), where / "mp_properties.parquet")
    return where


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache of the features of those crystals."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="session")
def data(folder: Path, features: Path) -> LabelledCrystals:
    """The labelled crystals of ``folder``."""
    return load_labelled(folder / "mp_structures.parquet", folder / "topology_labels.parquet", features)


@pytest.fixture
def xbert_folder(data: LabelledCrystals, tmp_path: Path) -> Path:
    """What ``xbert finetune --split folds`` leaves, from an oracle that is wrong about tellurides."""
    from held_out import FOLDS

    from xbert.training.labels import KINDS, OUTPUTS
    from xbert.training.splits import formula_fold

    topological = np.array([id_.split("-")[0][-2:] in ("Sb", "Bi") for id_ in data.labels.ids])
    columns = {
        "id": data.labels.ids,
        "fold": formula_fold(data.keys, FOLDS),
        "formula_key": data.keys,
        "spacegroup": data.features.spacegroup,
        "n_electrons": data.features.n_electrons,
    }
    probabilities = {"trivial": ~topological * 0.8 + 0.1, "ti": topological * 0.5, "tci": topological * 0.3}
    probabilities["tsm"] = 1.0 - sum(probabilities.values())
    for source in OUTPUTS:
        for kind in KINDS:
            columns[f"p_{source}_{kind}"] = probabilities[kind].astype(np.float32)
    columns["uncertainty"] = np.array(["Te" in id_ for id_ in data.labels.ids], dtype=np.float32)
    pq.write_table(pa.table(columns), tmp_path / "out_of_fold.parquet")
    return tmp_path
