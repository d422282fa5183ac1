"""One training run from files to a model directory, as ``xbert finetune`` does it."""

import json
import platform
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from xbert.checkpoint import save_model
from xbert.predict import Prediction
from xbert.training.data import LabelledCrystals
from xbert.training.evaluation import score_majority, score_sources
from xbert.training.finetune import Progress, Trained, predict_rows, train
from xbert.training.labels import TopologyLabels
from xbert.training.recipes import Recipe
from xbert.training.report import write_card
from xbert.training.splits import formula_fold, random_fold, transfer_split

Split = Literal["formula", "random", "folds", "transfer"]
_WHAT = {
    "formula": "A tenth of all formulas, never trained on. Each half was scored with temperatures set on "
    "the other half; the shipped ones are set on the whole.",
    "random": "A random tenth of rows, which leaks: polymorphs of one formula fall on both sides.",
}
TENTHS = 10
FOLDS = 5


def run(
    recipe: Recipe,
    data: LabelledCrystals,
    split: Split,
    directory: Path,
    command: str,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Train by ``recipe``, score by ``split``, and return the scores.

    ``formula`` holds out the tenth of all formulas whose hash ends so; ``random`` a random tenth of rows
    (leaks, only for comparison with published numbers); ``folds`` cross-validates over five parts by
    formula and leaves no model; ``transfer`` trains on centrosymmetric groups and tests where there is no
    inversion. Scores go to ``scores.json``; ``formula`` and ``random`` also leave a model in ``directory``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if split == "folds":
        scores = _cross_validate(recipe, data, directory, device, on_progress)
    elif split == "transfer":
        scores = _transfer(recipe, data, directory, device, on_progress)
    else:
        n = len(data.labels)
        fold = formula_fold(data.keys, TENTHS) if split == "formula" else random_fold(n, TENTHS)
        train_rows, held_out = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
        trained = train(recipe, data, train_rows, held_out, directory, device, on_progress)
        scores = {"what": _WHAT[split], **_held_out_scores(recipe, data, held_out, trained.prediction)}
        name = "Held-out formulas" if split == "formula" else "Held-out rows at random"
        _save(data, {name: {**scores, "command": command}}, directory, command, device, trained)
    scores["command"] = command
    (directory / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    return scores


def add_scores(directory: Path, name: str, scores: dict[str, Any]) -> None:
    """Add the scores of another split to the description and the card of a model.

    Raises:
        ValueError: if these are not scores that ``run`` wrote.
    """
    from xbert.checkpoint import DESCRIPTION, read_description

    if not {"what", "command"} <= scores.keys():
        raise ValueError(f"the scores of {name!r} do not say what they are and which command made them")
    description = read_description(directory)
    description = replace(description, metrics={**description.metrics, name: scores})
    text = json.dumps(vars(description), indent=1, ensure_ascii=False)
    (directory / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    write_card(directory, description)


def _held_out_scores(
    recipe: Recipe, data: LabelledCrystals, rows: np.ndarray, prediction: Prediction
) -> dict[str, Any]:
    # A model that was told the blind labels are no labels cannot be scored against them.
    seen = ~data.undiagnosable[rows] if recipe.hide_blind else np.ones(len(rows), dtype=bool)
    rows = rows[seen]
    prediction = Prediction(prediction.by_source[seen], prediction.uncertainty[seen])
    labels = data.labels.take(rows)
    scores = score_sources(labels, prediction, data.even[rows])
    return {**scores, "majority": score_majority(labels, prediction)}


def _cross_validate(
    recipe: Recipe, data: LabelledCrystals, directory: Path, device: str, on_progress: Progress | None
) -> dict[str, Any]:
    fold = formula_fold(data.keys, FOLDS)
    parts: list[tuple[np.ndarray, Prediction]] = []
    for k in range(FOLDS):
        rows, held_out = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        trained = train(recipe, data, rows, held_out, directory / f"fold-{k}", device, on_progress)
        parts.append((held_out, trained.prediction))
    rows = np.concatenate([rows for rows, _ in parts])
    whole = Prediction(
        np.concatenate([p.by_source for _, p in parts]), np.concatenate([p.uncertainty for _, p in parts])
    )
    what = f"{FOLDS}-fold cross-validation by formula; each scored by a model that never saw its formula."
    return {"what": what, **_held_out_scores(recipe, data, rows, whole)}


def _transfer(
    recipe: Recipe, data: LabelledCrystals, directory: Path, device: str, on_progress: Progress | None
) -> dict[str, Any]:
    labelled = ~np.isnan(data.labels.majority)
    rows, test = transfer_split(data.features.spacegroup, data.features.n_electrons, data.keys, labelled)
    # Calibrate on a tenth of what is trained on: the test must stay unseen.
    tenth = formula_fold(data.keys, TENTHS)[rows] == 0
    trained = train(recipe, data, rows[~tenth], rows[tenth], directory, device, on_progress)
    prediction = predict_rows(trained, data.features, test, device)
    labels = data.labels.take(test)
    half = formula_fold([data.keys[i] for i in test], 2, seed=7)
    return {
        "what": "Trained on centrosymmetric groups alone; tested on the even-electron crystals of the 25 "
        "groups without inversion that have an indicator, no shared formula. Choices were made on the "
        "first half of these crystals (by formula hash); the second half played no part.",
        "majority": score_majority(labels, prediction),
        "majority (first half)": _score_part(labels, prediction, half == 0),
        "majority (second half)": _score_part(labels, prediction, half == 1),
    }


def _score_part(labels: TopologyLabels, prediction: Prediction, part: np.ndarray) -> dict[str, float]:
    chosen = Prediction(prediction.by_source[part], prediction.uncertainty[part])
    return score_majority(labels.take(np.flatnonzero(part)), chosen)


def _save(
    data: LabelledCrystals,
    metrics: dict[str, Any],
    directory: Path,
    command: str,
    device: str,
    trained: Trained,
) -> None:
    import torch

    facts = {
        **trained.description.training,
        "command": command,
        "n_train": trained.n_train,
        "parameters": sum(p.numel() for p in trained.members[0].parameters()),
        "hardware": torch.cuda.get_device_name()
        if device.startswith("cuda")
        else f"{torch.get_num_threads()} CPU cores",
        "created": datetime.now(UTC).strftime("%Y-%m-%d"),
        "data": data.hashes,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    description = replace(trained.description, training=facts, metrics=metrics)
    save_model(directory, trained.members, description)
    write_card(directory, description)
