"""The loader is held against a file that pymatgen and monty write in the form of matminer."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from monty.json import MontyEncoder
from pymatgen.core import Lattice, Structure

from tests.xbert.tasks.conftest import strained_crystals
from xbert.tasks import matminer
from xbert.tasks.data import folds, load
from xbert.tasks.record import Task, TaskError, read_task

KEY = "matbench_jdft2d"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    structures = [crystal.to_structure() for crystal in strained_crystals(12)]
    structures.append(Structure(Lattice.cubic(4), [{"Fe": 0.5, "Co": 0.5}], [[0, 0, 0]]))
    rows = [[structure, float(i)] for i, structure in enumerate(structures)]
    frame = {"index": list(range(13)), "columns": ["structure", "exfoliation_en"], "data": rows}
    (tmp_path / "matbench").mkdir()
    text = json.dumps(frame, cls=MontyEncoder)
    (tmp_path / "matbench" / f"{KEY}.json.gz").write_bytes(gzip.compress(text.encode()))
    named = {f"fold_{k}": [f"mb-jdft2d-{i:02d}" for i in range(1, 14) if i % 5 == k] for k in range(5)}
    (tmp_path / "matbench_targets").mkdir()
    path = tmp_path / "matbench_targets" / "matbench_v0.1_test_folds.json.gz"
    path.write_bytes(gzip.compress(json.dumps({KEY: named}).encode()))
    return tmp_path


def test_rows_are_named_as_matbench_names_them() -> None:
    assert matminer.matbench_ids("matbench_dielectric", 4764)[7] == "mb-dielectric-0008"
    assert matminer.matbench_ids("matbench_jdft2d", 636)[11] == "mb-jdft2d-012"
    assert matminer.matbench_ids("matbench_mp_e_form", 132752)[-1] == "mb-mp-e-form-132752"


def test_structures_values_and_folds_come_together(data: Path) -> None:
    task = read_task(KEY)
    found = load(task, task.protocol, data, data / "cache")
    assert found.targets.ids == [f"mb-jdft2d-{i:02d}" for i in range(1, 13)]
    np.testing.assert_array_equal(found.targets.values, np.arange(12))
    assert list(found.refused) == ["mb-jdft2d-13"]
    assert "disordered" in found.refused["mb-jdft2d-13"]
    expected = [len(c.numbers) for c in strained_crystals(12)][:1]
    assert np.diff(found.features.offsets)[0] == expected[0]
    parts = folds(found, task.protocol, data)
    assert len(parts) == 5
    tested = np.concatenate([part.test for part in parts])
    assert sorted(tested.tolist()) == list(range(12))
    assert [found.targets.ids[i] for i in parts[2].test] == [f"mb-jdft2d-{i:02d}" for i in (2, 7, 12)]
    assert all(not set(part.train) & set(part.test) for part in parts)


def test_the_real_folds_fit_the_real_rows(shared: Path) -> None:
    path = shared / "data" / "matbench_targets" / "matbench_v0.1_test_folds.json.gz"
    named = json.loads(gzip.decompress(path.read_bytes()))
    for key, rows in {"matbench_dielectric": 4764, "matbench_jdft2d": 636, "matbench_mp_gap": 106113}.items():
        tested = [id_ for fold in named[key].values() for id_ in fold]
        assert sorted(tested) == matminer.matbench_ids(key, rows)


def test_a_file_that_is_missing_or_something_else_is_refused(tmp_path: Path) -> None:
    task = read_task(KEY)
    with pytest.raises(TaskError, match=f"xbert tasks --download {KEY}"):
        load(task, task.protocol, tmp_path, tmp_path / "cache")
    (tmp_path / "matbench").mkdir()
    (tmp_path / "matbench" / f"{KEY}.json.gz").write_bytes(b"{}")
    with pytest.raises(TaskError, match="columns and data"):
        load(task, task.protocol, tmp_path, tmp_path / "cache")


def test_a_download_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    content = b"the data set"
    client = httpx.Client(
        transport=httpx.MockTransport(lambda _request: httpx.Response(200, content=content))
    )
    monkeypatch.setattr(httpx, "stream", client.stream)
    task = read_task(KEY)
    with pytest.raises(TaskError, match="sha256"):
        matminer.download(task, tmp_path)
    assert not list((tmp_path / "matbench").iterdir())
    known = hashlib.sha256(content).hexdigest()
    right = Task.model_validate(task.model_dump() | {"download": ("https://example.org/f", known)})
    assert matminer.download(right, tmp_path).read_bytes() == content
    with pytest.raises(TaskError, match="nothing to download"):
        matminer.download(read_task("topoA"), tmp_path)
