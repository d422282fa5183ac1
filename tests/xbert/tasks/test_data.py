from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase.io import write

import xbert.tasks.data as module
from tests.xbert.tasks.conftest import strained_crystals
from xbert.tasks.data import folds, load
from xbert.tasks.record import Protocol, Task, TaskError, read_task

CIF = {"file": "cifs.parquet", "form": "cif", "id": "name", "column": "text"}


def _load(folder: Path, name: str = "volume", **changes):
    task = read_task(folder / f"{name}.yaml")
    if changes:
        task = Task.model_validate(task.model_dump() | changes)
    return load(task, task.protocol, folder, folder / "cache")


def test_targets_stand_beside_the_features_of_their_crystals(folder: Path) -> None:
    found = _load(folder)
    assert found.targets.ids == [c.id for c in strained_crystals()]
    np.testing.assert_allclose(found.targets.values, found.features.volume_per_atom, rtol=1e-3)
    assert not found.refused


def test_features_are_computed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _load(folder)
    monkeypatch.setattr(module, "_compute", lambda *_: pytest.fail("computed again"))
    # Another task over some of the same crystals finds them there too.
    again = _load(folder, "size")
    assert len(again) == len(whole) - 1
    np.testing.assert_array_equal(again.features.distances, whole.features.take(np.arange(1, 24)).distances)


def test_crystals_that_are_absent_or_unusable_are_told(folder: Path) -> None:
    path = folder / "values.csv"
    path.write_text(path.read_text() + "x1,3.0,small,train\n")
    table = pq.read_table(folder / "crystals.parquet")
    numbers = table["atomic_numbers"].to_pylist()
    numbers[3][0] = 118
    index = table.column_names.index("atomic_numbers")
    table = table.set_column(index, "atomic_numbers", pa.array(numbers, pa.list_(pa.uint8())))
    pq.write_table(table, folder / "crystals.parquet")
    found = _load(folder)
    assert len(found) == 23
    assert found.refused["x1"] == "crystals.parquet does not hold it"
    assert "118" in found.refused["c03"]


def test_structures_come_from_cif_text_and_from_files(folder: Path) -> None:
    cifs = folder / "cifs"
    cifs.mkdir()
    for crystal in strained_crystals():
        write(cifs / f"{crystal.id}.cif", crystal.to_atoms())
    texts = {f"{c.id}": (cifs / f"{c.id}.cif").read_text() for c in strained_crystals()}
    texts["c05"] = "data_x\nnothing"
    pq.write_table(pa.table({"name": list(texts), "text": list(texts.values())}), folder / "cifs.parquet")
    table = _load(folder)
    text = _load(folder, structures=CIF)
    assert list(text.refused) == ["c05"]
    np.testing.assert_allclose(
        text.features.volume_per_atom, np.delete(table.features.volume_per_atom, 5), rtol=1e-4
    )
    files = _load(folder, structures={"file": "cifs", "form": "files"})
    assert files.targets.ids == table.targets.ids
    np.testing.assert_array_equal(files.features.spacegroup, table.features.spacegroup)


def test_a_file_without_geometry_is_refused(folder: Path) -> None:
    with pytest.raises(TaskError, match=r"empty\.parquet has no column id, lattice"):
        _load(folder, structures={"file": "empty.parquet"})


def test_no_common_crystal_is_refused(folder: Path) -> None:
    path = folder / "values.csv"
    path.write_text(path.read_text().replace("\nc", "\nother"))
    with pytest.raises(TaskError, match="gives no crystal"):
        _load(folder)


def test_random_folds_are_even_and_formula_folds_share_no_formula(folder: Path) -> None:
    found = _load(folder)
    for by in ("random", "formula"):
        parts = folds(found, Protocol(by=by, folds=3), folder)
        assert sorted(np.concatenate([part.test for part in parts]).tolist()) == list(range(24))
        for part in parts:
            assert len(part.train) + len(part.test) == 24
            if by == "formula":
                assert not {found.keys[i] for i in part.train} & {found.keys[i] for i in part.test}


def test_a_given_split_is_followed_and_the_rest_left_out(folder: Path) -> None:
    path = folder / "values.csv"
    path.write_text(path.read_text().replace(",train", ",val", 2))
    protocol = {"by": "given", "column": "part"}
    found = _load(folder, protocol=protocol)
    assert len(found) == 22
    (part,) = folds(found, Protocol(**protocol), folder)
    assert [found.targets.ids[i] for i in part.test] == ["c00", "c04", "c08", "c12", "c16", "c20"]
    assert len(part.train) == 16


def test_a_limit_draws_the_same_crystals_every_time_and_keeps_a_test(folder: Path) -> None:
    task = read_task(folder / "volume.yaml")
    draws = [load(task, task.protocol, folder, folder / "cache", limit=10).targets.ids for _ in range(2)]
    assert draws[0] == draws[1]
    assert len(draws[0]) == 10
    protocol = Protocol(by="given", column="part")
    task = task.model_copy(update={"protocol": protocol})
    found = load(task, protocol, folder, folder / "cache", limit=10)
    (part,) = folds(found, protocol, folder)
    assert len(part.test) >= 2
    assert len(found) == 10


def test_a_fold_without_crystals_is_refused(folder: Path) -> None:
    found = _load(folder)
    with pytest.raises(TaskError, match="0 held out"):
        folds(found, Protocol(by="random", folds=30), folder)


def test_groups_that_symmetry_cannot_diagnose_can_be_left_out(folder: Path) -> None:
    found = _load(folder, only="diagnosable")
    # α-quartz (154) and wurtzite (186) have a trivial indicator group.
    assert not set(found.features.spacegroup.tolist()) & {154, 186}
    assert len(found) == 18
