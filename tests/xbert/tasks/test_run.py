import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import xbert.tasks.learn as learn
from xbert.tasks import model as models
from xbert.tasks.data import load
from xbert.tasks.learn import Settings
from xbert.tasks.model import Scale
from xbert.tasks.record import TaskError, choose_protocol, read_task
from xbert.tasks.run import run, score_again
from xbert.training.loop import ema_for

SMALL = {"width": 16, "layers": 1, "heads": 2, "feed_forward": 16, "graph_width": 8}


def _run(folder: Path, output: Path, name: str = "volume", by: str | None = None, **changes):
    task = read_task(folder / f"{name}.yaml")
    protocol = choose_protocol(task, by)
    data = load(task, protocol, folder, folder / "cache")
    only = changes.pop("only_fold", None)
    settings = Settings(**({"architecture": SMALL} | changes))
    return run(task, data, protocol, settings, output, folder, "xbert finetune", only), task, data


def test_a_regression_leaves_scores_models_and_a_card(folder: Path, tmp_path: Path) -> None:
    result, _, data = _run(folder, tmp_path / "out")
    assert set(result["folds"]) == {"0", "1"}
    assert sum(fold["n"] for fold in result["folds"].values()) == len(data)
    errors = [fold["mae"] for fold in result["folds"].values()]
    assert result["mean"]["mae"] == pytest.approx(np.mean(errors))
    assert result["std"]["mae"] == pytest.approx(np.std(errors, ddof=1))
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["protocols"]["formula"]["mean"] == result["mean"]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| MAE (Å³) |" in card
    assert "± " in card
    assert not list((tmp_path / "out").rglob("last.ckpt"))


def test_a_model_scores_again_what_it_scored(folder: Path, tmp_path: Path) -> None:
    for name in ("volume", "size"):
        result, _, data = _run(folder, tmp_path / name, name)
        by = result["protocol"]["by"]
        table = pq.read_table(tmp_path / name / by / "fold-1" / "predictions.parquet")
        truth = table["truth" if name == "volume" else "truth_large"].to_numpy()
        own = {id_: row for row, id_ in enumerate(data.targets.ids)}
        expected = data.targets.values[[own[id_] for id_ in table["id"].to_pylist()]]
        np.testing.assert_array_equal(truth, expected if name == "volume" else expected[:, 1])
        if name == "volume":
            error = np.abs(table["predicted"].to_numpy() - truth).mean()
            assert error == pytest.approx(result["folds"]["1"]["mae"])
        again = score_again(tmp_path / name / by / "fold-1", data, folder)
        assert again.keys() == result["folds"]["1"].keys()
        for key, value in result["folds"]["1"].items():
            assert again[key] == pytest.approx(value, nan_ok=True), key


def test_training_learns_the_value(folder: Path, tmp_path: Path) -> None:
    before, _, data = _run(folder, tmp_path / "short")
    after, _, _ = _run(folder, tmp_path / "long", epochs=30, learning_rate=5e-3)
    spread = float(np.abs(data.targets.values - data.targets.values.mean()).mean())
    assert after["mean"]["mae"] < before["mean"]["mae"]
    assert after["mean"]["mae"] < 0.8 * spread


def test_protocols_stand_side_by_side(folder: Path, tmp_path: Path) -> None:
    _run(folder, tmp_path / "out", "size")
    _run(folder, tmp_path / "out", "size", by="formula")
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert list(scores["protocols"]) == ["random", "formula"]
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.index("## random") < card.index("flatters") < card.index("## formula")


def test_finished_folds_are_not_trained_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, _ = _run(folder, tmp_path / "out", only_fold=1)
    assert list(first["folds"]) == ["1"]
    trained = []
    real = learn.train_fold
    monkeypatch.setattr("xbert.tasks.run.train_fold", lambda *a: trained.append(a[3]) or real(*a))
    whole, _, _ = _run(folder, tmp_path / "out")
    assert trained == [0]
    assert whole["folds"]["1"] == first["folds"]["1"]


def test_a_killed_fold_goes_on_and_ends_alike(folder: Path, tmp_path: Path) -> None:
    task = read_task(folder / "volume.yaml")
    data = load(task, task.protocol, folder, folder / "cache")
    settings = Settings(architecture=SMALL, epochs=4)
    whole = run(task, data, task.protocol, settings, tmp_path / "whole", folder, "c", 0)

    def kill(epoch: int, _network) -> dict:
        if epoch == 3:
            raise KeyboardInterrupt
        return {}

    arguments = (task, data, task.protocol, settings, tmp_path / "killed", folder, "c", 0)
    with pytest.raises(KeyboardInterrupt):
        run(*arguments, on_epoch=kill)
    resumed = run(*arguments)
    assert resumed["folds"]["0"] == pytest.approx(whole["folds"]["0"])
    log = (tmp_path / "killed" / "formula" / "fold-0" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in log] == [1, 2, 3, 4]


def test_another_training_does_not_go_on_in_the_same_place(folder: Path, tmp_path: Path) -> None:
    _run(folder, tmp_path / "out", only_fold=0)
    with pytest.raises(TaskError, match="other settings"):
        _run(folder, tmp_path / "out", epochs=2)
    (tmp_path / "out" / "scores.json").unlink()
    with pytest.raises(TaskError, match="trained otherwise"):
        _run(folder, tmp_path / "out", epochs=2)
    (tmp_path / "out" / "formula" / "fold-0" / "model.json").unlink()
    with pytest.raises(TaskError, match="trained otherwise"):
        _run(folder, tmp_path / "out", epochs=2)


def test_changed_data_are_noticed(folder: Path, tmp_path: Path) -> None:
    _run(folder, tmp_path / "out", "size")
    path = folder / "values.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-3]) + "\n")
    task = read_task(folder / "size.yaml")
    data = load(task, task.protocol, folder, folder / "cache")
    with pytest.raises(TaskError, match="the data changed"):
        score_again(tmp_path / "out" / "random" / "fold-0", data, folder)


def test_a_fold_that_is_not_there_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="folds 0 to 1"):
        _run(folder, tmp_path / "out", only_fold=2)


def test_a_training_starts_from_another_model(folder: Path, tmp_path: Path) -> None:
    _run(folder, tmp_path / "first", "size")
    start = tmp_path / "first" / "random" / "fold-0"
    _run(folder, tmp_path / "second", init=start, learning_rate=1e-9)
    given, _, _ = models.load(start)
    found, model, _ = models.load(tmp_path / "second" / "formula" / "fold-0")
    torch.testing.assert_close(found.embed_word.weight, given.embed_word.weight, atol=1e-5, rtol=0)
    assert model.training["init"] == str(start)
    whole = len(found.state_dict())
    assert model.training["init_tensors"] == f"{whole - 2} of {whole}"  # all but the head
    with pytest.raises(TaskError, match="no weights to start from"):
        _run(folder, tmp_path / "third", init=tmp_path)


def test_weights_that_were_changed_are_refused(folder: Path, tmp_path: Path) -> None:
    _run(folder, tmp_path / "model", "size")
    fold = tmp_path / "model" / "random" / "fold-0"
    weights = bytearray((fold / models.WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (fold / models.WEIGHTS).write_bytes(weights)
    with pytest.raises(TaskError, match="changed or cut off"):
        models.load(fold)


def test_a_topology_model_is_no_task_model() -> None:
    from xbert.checkpoint import locate

    with pytest.raises(TaskError, match="does not describe a model that was trained for a task"):
        models.read(locate("benchmark"))


@pytest.mark.parametrize("transform", ["none", "log10"])
def test_a_scale_and_its_inverse(transform: str) -> None:
    values = np.array([0.5, 3.0, 200.0])
    scale = Scale.of(values, transform)
    learnt = scale.forward(values)
    assert learnt.mean() == pytest.approx(0.0, abs=1e-12)
    assert learnt.std() == pytest.approx(1.0)
    np.testing.assert_allclose(scale.back(learnt), values)


def test_averaged_weights_forget_the_start_of_short_trainings() -> None:
    assert ema_for(100_000) == 0.998
    assert ema_for(200) == pytest.approx(0.9)
    assert ema_for(1) == 0.5


def test_a_score_without_a_number_is_null_in_json_and_survives(folder: Path, tmp_path: Path) -> None:
    path = folder / "values.csv"
    header, *lines = path.read_text().splitlines()
    kept = [line for line in lines if line.split(",")[2] == "small"]
    path.write_text("\n".join([header, *kept]) + "\n")
    first, _, _ = _run(folder, tmp_path / "out", "size")
    assert np.isnan(first["mean"]["roc_auc"])
    text = (tmp_path / "out" / "scores.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["protocols"]["random"]["mean"]["roc_auc"] is None
    again, _, _ = _run(folder, tmp_path / "out", "size")
    assert np.isnan(again["mean"]["roc_auc"])
    assert "| ROC-AUC | – |" in (tmp_path / "out" / "README.md").read_text()
