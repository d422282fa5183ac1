"""One training with its scores, by the split that was asked for."""

import json
import platform
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from xbert.checkpoint import Description, save_model
from xbert.model import XBERT
from xbert.predict import Outputs, Prediction, outputs_of
from xbert.training.calibration import fit_temperatures
from xbert.training.classes import crystal_systems, leave_one_out
from xbert.training.data import LabelledCrystals
from xbert.training.evaluation import score_held_out, score_transfer
from xbert.training.finetune import Progress, describe, taught_labels, train_members
from xbert.training.held_out import Fold, fair_prediction, load_fold, save_fold
from xbert.training.recipes import Recipe
from xbert.training.report import revise, write_card
from xbert.training.splits import formula_fold, random_fold, transfer_split
from xbert.training.tables import OUT_OF_CLASS, OUT_OF_FOLD, write_calibration, write_table
from xbert.training.transfer_calibration import fit_scaling, log_odds
from xbert.trust import write_trust

Split = Literal["formula", "random", "folds", "transfer", "crystal-system"]

TENTHS = 10
FOLDS = 5
SCALING = "scaling.json"
"""What the split by crystal system writes, for `Description.scaling`."""

_WHAT = {
    "formula": "A tenth of all formulas, never trained on. Each half was scored with temperatures set on "
    "the other half; the shipped ones are set on the whole.",
    "random": "A random tenth of rows, which leaks: polymorphs of one formula fall on both sides.",
    "folds": f"{FOLDS}-fold cross-validation by formula: each crystal by the networks that never saw its "
    "formula, with temperatures set on the other folds. The model is all these networks together.",
    "transfer": "Trained on centrosymmetric groups alone; tested on the even-electron crystals of the 25 "
    "groups without inversion that have an indicator, no shared formula. “Seen” asks what the indicator of "
    "the group can show (xbert.training.visible), “topological” what the crystal is.",
    "crystal-system": "Centrosymmetric crystals, each crystal system by networks that saw neither it nor any "
    "formula in it.",
}


def run(
    recipe: Recipe,
    data: LabelledCrystals,
    split: Split,
    directory: Path,
    command: str,
    device: str = "cpu",
    on_progress: Progress | None = None,
    init: Path | None = None,
    scaling: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Train by ``recipe``, score by ``split``, and return the scores.

    ``formula`` holds out the tenth of all formulas whose hash ends so; ``random`` a random tenth of rows
    (leaks, only for comparison with published numbers); ``folds`` cross-validates over five parts by formula.
    These leave a model in ``directory``. ``transfer`` trains on centrosymmetric groups and tests where there
    is no inversion; ``crystal-system`` leaves out one after the other, and leaves ``scaling.json``. Scores go
    to ``scores.json``.

    Args:
        recipe: what to make.
        data: labelled crystals.
        split: what is held out.
        directory: for checkpoints, model and scores.
        command: that was typed, for the record.
        device: torch device.
        on_progress: called after every step.
        init: trunk or model to start from.
        scaling: what ``crystal-system`` found, to go into the model.
    """
    directory.mkdir(parents=True, exist_ok=True)
    work = _Work(recipe, data, directory, command, device, on_progress, init, scaling)
    scores = {"transfer": work.transfer, "crystal-system": work.crystal_systems}.get(
        split, lambda: work.model(split)
    )()
    scores = {"what": _WHAT[split], **scores, "command": command}
    (directory / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    return scores


class _Work:
    """The arguments of `run`, which all splits share."""

    def __init__(
        self,
        recipe: Recipe,
        data: LabelledCrystals,
        directory: Path,
        command: str,
        device: str,
        on_progress: Progress | None,
        init: Path | None,
        scaling: dict[str, Any] | None,
    ) -> None:
        self.recipe, self.data, self.directory, self.command = recipe, data, directory, command
        self.device, self.on_progress, self.init, self.scaling = device, on_progress, init, scaling
        self.labels = taught_labels(recipe, data)

    def fold(self, name: str, rows: np.ndarray, held_out: np.ndarray, seed: int = 0) -> Fold:
        """Train on ``rows`` and predict ``held_out``, or read what was kept of it."""
        where = self.directory / name
        told = vars(self.recipe) | {"from a trunk": self.init is not None}
        if fold := load_fold(where, held_out, told):
            return fold
        rows = rows[self.labels.known[rows].any(1)]
        members, auxiliary = train_members(
            self.recipe, self.data, rows, where, self.device, self.on_progress, self.init, seed
        )
        outputs = outputs_of(members, self.data.features.take(held_out), self.device)
        fold = Fold(held_out, [member.cpu() for member in members], outputs, auxiliary, len(rows))
        save_fold(where, fold, told)
        return fold

    def model(self, split: Split) -> dict[str, Any]:
        """Train, score what was held out, and leave a model."""
        data, n = self.data, len(self.data.labels)
        if split == "folds":
            parts = formula_fold(data.keys, FOLDS)
            # A seed of its own for each fold: members that began alike would err alike.
            folds = [
                self.fold(
                    f"fold-{k}",
                    np.flatnonzero(parts != k),
                    np.flatnonzero(parts == k),
                    k * self.recipe.members,
                )
                for k in range(FOLDS)
            ]
        else:
            parts = formula_fold(data.keys, TENTHS) if split == "formula" else random_fold(n, TENTHS)
            folds = [self.fold("fold", np.flatnonzero(parts != 0), np.flatnonzero(parts == 0))]
        rows = np.concatenate([fold.rows for fold in folds])
        outputs = Outputs.concatenate([fold.outputs for fold in folds])
        of_row = np.concatenate([np.full(len(fold.rows), k) for k, fold in enumerate(folds)])
        if len(folds) == 1:  # two halves of formulas, so that calibration is measured fairly
            of_row = formula_fold([data.keys[row] for row in rows], 2, seed=1)
        held, labels = data.take(rows), self.labels.take(rows)
        plain = self._describe(folds[0], sum(len(fold.members) for fold in folds))
        prediction = fair_prediction(outputs, of_row, held, labels, plain)
        if prediction.gap is not None:
            plain.auxiliary["gap"]["held_out_error"] = _gap_error(held, prediction)
        description = replace(plain, temperature=fit_temperatures(outputs, labels), scaling=self.scaling)
        scores = score_held_out(held, prediction, self._scorable(held))
        name = "Held-out rows at random" if split == "random" else "Held-out formulas"
        full = {"what": _WHAT[split], **scores, "command": self.command}
        members = [member for fold in folds for member in fold.members]
        n_train = sum(fold.n_train for fold in folds) // len(folds)
        description = self._save(members, description, n_train, {name: full})
        table = write_table(self.directory / OUT_OF_FOLD, held, prediction, "fold", of_row)
        write_calibration(self.directory, name, held, prediction, self._scorable(held))
        learned = np.arange(n) if split == "folds" else np.flatnonzero(parts != 0)
        learned = learned[self.labels.known[learned].any(1)]
        write_trust(self.directory, table, labels.majority, data.features.take(learned))
        write_card(self.directory, description)
        return scores

    def transfer(self) -> dict[str, Any]:
        """Train where there is inversion, and score where there is none but an indicator."""
        data = self.data
        labelled = ~np.isnan(data.labels.majority)
        rows, test = transfer_split(data.features.spacegroup, data.features.n_electrons, data.keys, labelled)
        # Calibrate on a tenth of what is trained on: the test must stay unseen.
        tenth = formula_fold(data.keys, TENTHS)[rows] == 0
        fold = self.fold("fold", rows[~tenth], np.concatenate([rows[tenth], test]))
        first = np.arange(int(tenth.sum()))
        own = self.labels.take(rows[tenth])
        temperature = fit_temperatures(fold.outputs.take(first), own)
        description = replace(self._describe(fold, len(fold.members)), temperature=temperature)
        outputs = fold.outputs.take(np.arange(len(first), len(fold.rows)))
        return score_transfer(data.take(test), outputs, description, self.scaling)

    def crystal_systems(self) -> dict[str, Any]:
        """Leave out one crystal system after the other, and fit what their predictions need to be right."""
        data = self.data
        inversion = np.flatnonzero(data.centrosymmetric & ~np.isnan(data.labels.majority))
        base = data.take(inversion)
        systems = leave_one_out(crystal_systems(base.features), base.keys, np.arange(len(inversion)))
        folds, names = [], []
        for number, (name, rows, held_out) in enumerate(systems):
            folds.append(self.fold(name, inversion[rows], inversion[held_out], number))
            names.append(np.full(len(held_out), name))
        outputs = Outputs.concatenate([fold.outputs for fold in folds])
        rows, left_out = np.concatenate([fold.rows for fold in folds]), np.concatenate(names)
        held = data.take(rows)
        plain = self._describe(folds[0], self.recipe.members)
        prediction = fair_prediction(outputs, left_out, held, self.labels.take(rows), plain)
        write_table(self.directory / OUT_OF_CLASS, held, prediction, "left_out", left_out)
        found = fit_scaling(log_odds(prediction.topological), held.labels.majority, left_out)
        unseen = np.unique(data.features.spacegroup[data.undiagnosable]).tolist()
        scaling = vars(found) | {"spacegroups": unseen}
        (self.directory / SCALING).write_text(json.dumps(scaling, indent=1) + "\n", encoding="utf-8")
        scores = score_held_out(held, prediction, np.ones(len(held.labels), dtype=bool))
        return {**scores, "scaling": vars(found)}

    def _describe(self, fold: Fold, members: int) -> Description:
        config = fold.members[0].config.to_json()
        return describe(self.recipe, config, members, auxiliary=fold.auxiliary)

    def _scorable(self, held: LabelledCrystals) -> np.ndarray:
        # A model that was told the blind labels are no labels cannot be scored against them.
        return ~held.undiagnosable if self.recipe.hide_blind else np.ones(len(held.labels), dtype=bool)

    def _save(
        self, members: list[XBERT], description: Description, n_train: int, metrics: dict[str, Any]
    ) -> Description:
        import torch

        gpu = self.device.startswith("cuda")
        training = {
            **description.training,
            "command": self.command,
            "n_train": n_train,
            "parameters": sum(p.numel() for p in members[0].parameters()),
            "hardware": torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} CPU cores",
            "created": datetime.now(UTC).strftime("%Y-%m-%d"),
            "data": self.data.hashes,
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
        }
        description = replace(description, training=training, metrics=metrics)
        save_model(self.directory, members, description)
        return description


def add_scores(directory: Path, name: str, scores: dict[str, Any]) -> None:
    """Add the scores of another split to the description and the card of a model.

    Raises:
        ValueError: if these are not scores that ``run`` wrote.
    """
    from xbert.checkpoint import read_description

    if not {"what", "command"} <= scores.keys():
        raise ValueError(f"the scores of {name!r} do not say what they are and which command made them")
    description = read_description(directory)
    revise(directory, replace(description, metrics={**description.metrics, name: scores}))


def _gap_error(held: LabelledCrystals, prediction: Prediction) -> float:
    """Return the mean absolute error of the gap in eV, where it is known."""
    true = np.expm1(held.properties["gap"][:, 0])
    known = ~np.isnan(true)
    assert prediction.gap is not None
    return round(float(np.abs(prediction.gap - true)[known].mean()), 4) if known.any() else 0.0
