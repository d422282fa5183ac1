"""Ablations and curves."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from xbert.model import ABLATIONS
from xbert.tasks.ablation import VARIANTS, ablate, settings_of, variants
from xbert.tasks.curves import arms, curves
from xbert.tasks.data import load
from xbert.tasks.learn import Settings
from xbert.tasks.record import TaskError, read_task

SMALL = {"width": 16, "layers": 1, "heads": 2, "feed_forward": 16, "graph_width": 8}


def test_every_part_of_the_model_has_its_row() -> None:
    removed = [part for change in VARIANTS.values() for part in change.get("ablated", ())]
    assert sorted(removed) == sorted(ABLATIONS)
    assert settings_of("GNN alone", Settings()).kind == "graph alone"
    assert variants([]) == list(VARIANTS)
    assert variants(["gnn"]) == ["without GNN", "GNN alone"]
    with pytest.raises(TaskError, match="'spin'"):
        variants(["spin"])


def test_an_ablation_makes_one_table_and_goes_on_where_it_stopped(folder: Path, tmp_path: Path) -> None:
    task = read_task(folder / "size.yaml")
    data = load(task, task.protocol, folder, folder / "cache")
    settings = Settings(architecture=SMALL)
    place = tmp_path / "out"

    def go(names: list[str]) -> dict:
        return ablate(task, data, task.protocol, settings, place, folder, "xbert ablate", names, only_fold=0)

    go(variants(["electron"]))
    times = (place / "without-electron-count" / "random" / "fold-0" / "model.safetensors").stat().st_mtime_ns
    result = go(variants([]))
    again = (place / "without-electron-count" / "random" / "fold-0" / "model.safetensors").stat().st_mtime_ns
    assert times == again
    assert list(result["variants"]) == list(VARIANTS)
    assert json.loads((place / "ablation.json").read_text()) == json.loads(json.dumps(result))
    rows = [line for line in (place / "ablation.md").read_text().splitlines() if line.startswith("| w")]
    assert len(rows) == len(ABLATIONS)
    assert all(row.count("|") == 7 for row in rows)  # name, accuracy, F1, AUC and F1 of two classes


def test_curves_of_three_arms_are_written_and_drawn(folder: Path, tmp_path: Path) -> None:
    task = read_task(folder / "volume.yaml")
    data = load(task, task.protocol, folder, folder / "cache")
    first = Settings(architecture=SMALL, epochs=2)
    curves(task, data, task.protocol, first, tmp_path / "first", folder, "xbert curves")
    pretrained = tmp_path / "first" / "xbert-from-scratch" / "formula" / "fold-0"
    settings = Settings(architecture=SMALL, epochs=2, init=pretrained)
    assert list(arms(settings)) == ["XBERT, pretrained", "XBERT, from scratch", "CGCNN alone"]
    result = curves(task, data, task.protocol, settings, tmp_path / "out", folder, "xbert curves")
    assert list(result["curves"]) == list(arms(settings))
    for epochs in result["curves"].values():
        assert [entry["epoch"] for entry in epochs] == [1, 2]
        assert all(entry["loss"] > 0 and entry["held_out"]["mae"] > 0 for entry in epochs)
    assert result["n_train"] + result["n_held_out"] == len(data)
    assert Image.open(tmp_path / "out" / "curves.png").size[0] > 1000
    assert ElementTree.parse(tmp_path / "out" / "curves.svg").getroot().tag.endswith("svg")
