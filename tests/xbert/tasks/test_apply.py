import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.sample_crystals import disguise
from tests.xbert.tasks.conftest import strained_crystals
from tests.xbert.tasks.test_run import SMALL
from xbert.crystals import CrystalTable
from xbert.tasks.apply import Ensemble, predict_files, write
from xbert.tasks.data import load
from xbert.tasks.learn import Settings
from xbert.tasks.record import TaskError, read_task
from xbert.tasks.run import run


@pytest.fixture
def models(folder: Path, tmp_path: Path) -> dict[str, Path]:
    places = {}
    for name in ("volume", "size"):
        task = read_task(folder / f"{name}.yaml")
        data = load(task, task.protocol, folder, folder / "cache")
        run(task, data, task.protocol, Settings(architecture=SMALL), tmp_path / name, folder, "c")
        places[name] = tmp_path / name / task.protocol.by
    return places


def test_folds_are_averaged_and_their_spread_is_the_uncertainty(
    models: dict[str, Path], folder: Path
) -> None:
    file = str(folder / "crystals.parquet")
    both = predict_files(Ensemble.read(models["volume"]), [file])
    each = [predict_files(Ensemble.read(models["volume"] / f"fold-{k}"), [file]) for k in (0, 1)]
    values = np.stack([table["volume"].to_numpy() for table in each])
    np.testing.assert_allclose(both["volume"].to_numpy(), values.mean(0), rtol=1e-5)
    np.testing.assert_allclose(both["uncertainty"].to_numpy(), values.std(0), rtol=1e-3, atol=1e-5)
    assert both["id"].to_pylist() == [c.id for c in strained_crystals()]


def test_class_probabilities_sum_to_one(models: dict[str, Path], folder: Path) -> None:
    table = predict_files(Ensemble.read(models["size"]), [str(folder / "crystals.parquet")])
    total = table["p_small"].to_numpy() + table["p_large"].to_numpy()
    np.testing.assert_allclose(total, 1.0, rtol=1e-5)


def test_another_cell_of_a_crystal_has_the_same_value(models: dict[str, Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    crystals = strained_crystals(4)
    CrystalTable.from_crystals(crystals).write_parquet(tmp_path / "one.parquet")
    others = [disguise(crystal, rng, (2, 1, 1)) for crystal in crystals]
    CrystalTable.from_crystals(others).write_parquet(tmp_path / "other.parquet")
    ensemble = Ensemble.read(models["volume"])
    one, other = (predict_files(ensemble, [str(tmp_path / f"{n}.parquet")]) for n in ("one", "other"))
    np.testing.assert_allclose(one["volume"].to_numpy(), other["volume"].to_numpy(), rtol=1e-3)


def test_what_cannot_be_read_keeps_its_row(models: dict[str, Path], tmp_path: Path) -> None:
    CrystalTable.from_crystals(strained_crystals(2)).write_parquet(tmp_path / "good.parquet")
    (tmp_path / "bad.cif").write_text("data_x\n")
    table = predict_files(Ensemble.read(models["volume"]), [str(tmp_path / "*.*")])
    assert table.num_rows == 3
    errors = table["error"].to_pylist()
    assert sum(error is None for error in errors) == 2
    for name in ("out.parquet", "out.csv", "out.jsonl"):
        write(table, tmp_path / "out" / name)
    assert pq.read_table(tmp_path / "out" / "out.parquet").equals(table)
    lines = (tmp_path / "out" / "out.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["id"] == "c00"
    assert len((tmp_path / "out" / "out.csv").read_text().splitlines()) == 4


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no model in"):
        Ensemble.read(tmp_path)
