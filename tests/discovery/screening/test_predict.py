import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ase.io import write

from discovery.screening import predict as module
from discovery.screening.parts import Parts
from discovery.screening.predict import COLUMNS, count_errors, predict_files, write_table
from tests.sample_crystals import sample_atoms, sample_table
from xbert.predict import Predictor


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor("discovery")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "crystals"
    place.mkdir()
    for name, atoms in sample_atoms().items():
        write(place / f"{name}.cif", atoms)
    (place / "broken.cif").write_text("data_broken\nloop_\n_atom_site_label\n")
    return place


def _predict(folder: Path, predictor: Predictor, scratch: Path):
    return predict_files([str(folder)], predictor, Parts(scratch / "parts", {}))


def test_every_file_has_its_row_and_broken_ones_their_reason(folder: Path, predictor, tmp_path: Path) -> None:
    table = _predict(folder, predictor, tmp_path)
    assert table.schema == COLUMNS
    rows = {row["id"]: row for row in table.to_pylist()}
    assert len(rows) == 9
    assert count_errors(table) == 1
    broken = next(row for row in rows.values() if row["error"])
    assert broken["source_file"].endswith("broken.cif")
    assert broken["p_topological"] is None
    assert {row["spacegroup"] for row in rows.values() if not row["error"]} == {
        227,
        216,
        229,
        225,
        186,
        154,
        136,
        166,
    }
    assert all(0 < row["p_topological"] < 1 for row in rows.values() if not row["error"])


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_rows_are_written_in_each_form(folder: Path, predictor, tmp_path: Path, suffix: str) -> None:
    table = _predict(folder, predictor, tmp_path)
    path = tmp_path / f"out{suffix}"
    write_table(table, path)
    if suffix == ".parquet":
        assert pq.read_table(path).equals(table)
    elif suffix == ".csv":
        lines = path.read_text().splitlines()
        assert lines[0].startswith("id,source_file,formula,spacegroup")
        assert len(lines) == 10
    else:
        read = [json.loads(line) for line in path.read_text().splitlines()]
        assert read == table.to_pylist()


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.parquet"):
        write_table(COLUMNS.empty_table(), tmp_path / "out.xlsx")


def test_an_interrupted_prediction_goes_on(predictor, tmp_path: Path, monkeypatch) -> None:
    sample_table().write_parquet(tmp_path / "c.parquet")
    monkeypatch.setattr(module, "CHUNK", 3)
    paths = [str(tmp_path / "c.parquet")]
    whole = predict_files(paths, predictor, Parts(tmp_path / "whole", {}))
    interrupted = Parts(tmp_path / "killed", {})

    def stop(done: int) -> None:
        if done > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_files(paths, predictor, interrupted, on_progress=stop)
    calls = []
    resumed = predict_files(paths, predictor, interrupted, on_progress=calls.append)
    assert resumed.equals(whole)
    assert calls == [8]  # two of three pieces were there already
