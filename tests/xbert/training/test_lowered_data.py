from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase.build import bulk

from tests.sample_crystals import from_atoms, sample_atoms
from xbert.crystals import CrystalTable
from xbert.spacegroups import group_flags
from xbert.training.augment import Distortion
from xbert.training.data import load_labelled
from xbert.training.lowered_data import Lowering, group_frequencies, load_lowered, with_lowered


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Bi2Se3 as a strong insulator, TiO2 and PbTe as gapped and trivial, and others that must not pass."""
    atoms = sample_atoms() | {"PbTe": bulk("PbTe", "rocksalt", a=6.46)}
    structures, labels, properties = (tmp_path / f"{name}.parquet" for name in ("mp", "labels", "properties"))
    CrystalTable.from_crystals([from_atoms(a, name) for name, a in atoms.items()]).write_parquet(structures)
    said = {  # crystal: Materiae, TQC, Arsenal, gap
        "Bi2Se3": ("TI", "TI", "TI", 0.0),
        "TiO2": ("Triv_Ins", None, "trivial", 1.8),
        "PbTe": ("Triv_Ins", "trivial", None, 0.8),
        "Si": ("Triv_Ins", "trivial", "trivial", 0.6),  # cannot be lowered
        "SiO2": ("Triv_Ins", "trivial", "trivial", 5.7),  # has no inversion, and blind labels
        "W": (None, "SM", "TSM", 0.0),
    }
    columns = list(zip(*said.values(), strict=True))
    words = dict(zip(("materiae_soc", "tqc_class", "arsenal"), columns, strict=False))
    pq.write_table(pa.table({"mp_id": list(said), **words}), labels)
    gaps = {"id": pa.array(list(said)), "megnet_band_gap": pa.array(columns[3])}
    none = pa.nulls(len(said), pa.float64())
    pq.write_table(pa.table({**gaps, "mp20_band_gap": none, "roost_nonmetal_band_gap": none}), properties)
    return structures, labels, properties


def test_known_crystals_come_back_without_inversion(files, tmp_path: Path) -> None:
    lowering = Lowering(seed=1, copies=3)
    seen: list[tuple[int, int]] = []
    made = load_lowered(*files, tmp_path / "cache", lowering, on_progress=lambda *p: seen.append(p))
    assert sorted(set(made.labels.ids)) == ["Bi2Se3", "PbTe", "TiO2"]
    assert len(made.labels) == len(made.features) == 9
    assert not group_flags(made.features.spacegroup)[0].any()
    targets = dict(zip(made.labels.ids, made.labels.targets.tolist(), strict=True))
    assert targets["Bi2Se3"] == [[0, 1, 0]] * 3
    # A source that was silent on the parent is silent on the child.
    assert targets["TiO2"] == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert seen[-1] == (5, 5)
    again = load_lowered(
        *files, tmp_path / "cache", lowering, on_progress=lambda *_: pytest.fail("computed anew")
    )
    np.testing.assert_array_equal(again.features.distances, made.features.distances)
    assert again.labels.ids == made.labels.ids
    other = load_lowered(*files, tmp_path / "cache", Lowering(seed=2, copies=3))
    assert not np.array_equal(other.features.distances, made.features.distances)


def test_what_was_won_is_kept_and_blind_labels_are_not(files, tmp_path: Path) -> None:
    data = load_labelled(files[0], files[1], tmp_path / "cache")
    made = load_lowered(*files, tmp_path / "cache", Lowering(distortion=Distortion((0.05, 0.05), strain=0.0)))
    both = with_lowered(data, made)
    assert len(both.labels) == len(both.features) == len(data.labels) + len(made.labels)
    blind = both.labels.ids.index("SiO2")
    assert data.labels.known[blind].all()
    assert not both.labels.known[blind].any()
    new = np.arange(len(data.labels), len(both.labels))
    assert both.labels.known[new].any(1).all()
    # A split by formula cannot put a crystal and its distortion on two sides.
    for row in new:
        assert both.keys[row] == both.keys[both.labels.ids.index(both.labels.ids[row])]


def test_targets_as_frequent_as_in_a_database(files, tmp_path: Path) -> None:
    database = tmp_path / "database.parquet"
    pq.write_table(pa.table({"spacegroup_symprec_0.1": [160, 160, 113, 225, None]}), database)
    weights = group_frequencies(database)
    assert (weights[160], weights[113], weights[225], len(weights)) == (2.0, 1.0, 1.0, 231)
    made = load_lowered(*files, tmp_path / "cache", Lowering(weights=weights))
    groups = dict(zip(made.labels.ids, made.features.spacegroup.tolist(), strict=True))
    assert groups == {"Bi2Se3": 160, "TiO2": 113, "PbTe": 160}


def test_nothing_to_lower_is_said(files, tmp_path: Path) -> None:
    words = pq.read_table(files[1])
    pq.write_table(words.filter(pa.compute.equal(words["mp_id"], "W")), files[1])
    with pytest.raises(ValueError, match="outlives its inversion"):
        load_lowered(*files, tmp_path / "cache")
