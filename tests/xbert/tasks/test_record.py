from pathlib import Path

import pytest

from xbert.tasks.record import TaskError, choose_protocol, read_task, task_names


def test_every_task_of_the_paper_has_a_record() -> None:
    assert {
        *("topoA", "topoB", "topo3", "topo3-all", "megnet-gap", "megnet-e-form", "mp20-gap", "mp20-e-form"),
        *("is-metal", "perovskites", "3dsc", "matbench_dielectric", "matbench_log_gvrh", "matbench_log_kvrh"),
        *("matbench_jdft2d", "matbench_phonons", "matbench_mp_gap", "matbench_mp_e_form"),
    } <= set(task_names())


@pytest.mark.parametrize("name", task_names())
def test_records_are_whole(name: str) -> None:
    task = read_task(name)
    assert task.name == name
    assert task.title
    assert task.source
    assert (task.kind == "regression") == (not task.target.classes)


def test_the_folds_are_those_of_the_paper() -> None:
    assert read_task("topoA").protocol.folds == 11
    assert read_task("topoB").protocol.folds == 10
    assert read_task("3dsc").protocol.folds == 5
    assert all(read_task(name).protocol.by == "random" for name in ("topoA", "topoB", "topo3", "3dsc"))


def test_a_file_is_named_by_its_stem(folder: Path) -> None:
    assert read_task(folder / "volume.yaml").name == "volume"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: regression", "kind: magic", r"volume\.yaml: kind: .*classification"),
        ("column: volume, ", "colum: volume, ", r"target\.colum"),
        ("folds: 2", "folds: 1", r"protocol\.folds"),
        ("by: formula", "by: given", "needs a column"),
        ("column: volume,", "column: volume, classes: [a, b],", "a regression has a column"),
        ("title: Volume", "title: [Volume", "is not YAML"),
    ],
)
def test_a_wrong_record_is_refused_with_file_and_key(folder: Path, old: str, new: str, message: str) -> None:
    path = folder / "volume.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(TaskError, match=message):
        read_task(path)


def test_a_label_must_be_a_class(folder: Path) -> None:
    path = folder / "size.yaml"
    path.write_text(path.read_text().replace("large: large", "large: huge"))
    with pytest.raises(TaskError, match="'huge' is not among the classes"):
        read_task(path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(TaskError, match="topoA"):
        read_task("topoZ")


def test_another_protocol_can_be_chosen() -> None:
    topo, gap = read_task("topoA"), read_task("megnet-gap")
    assert choose_protocol(topo, "formula").by == "formula"
    assert choose_protocol(topo, None, 3).folds == 3
    assert choose_protocol(gap, "formula", 4).folds == 4
    assert choose_protocol(gap) == gap.protocol
    with pytest.raises(TaskError, match="given"):
        choose_protocol(gap, None, 4)
    with pytest.raises(TaskError, match="'given'"):
        choose_protocol(topo, "given")
