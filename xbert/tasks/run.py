"""Learn a task fold by fold, resumable, and write scores and a card; score a model again."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xbert.tasks import card
from xbert.tasks import model as models
from xbert.tasks.data import TaskData, folds
from xbert.tasks.files import write_json, write_text
from xbert.tasks.learn import OnEpoch, OnStep, Settings, finished, held_out_digest, train_fold
from xbert.tasks.model import Scale
from xbert.tasks.record import Protocol, Task, TaskError
from xbert.tasks.scores import over_folds, score

SCORES = "scores.json"


def run(
    task: Task,
    data: TaskData,
    protocol: Protocol,
    settings: Settings,
    output: Path,
    directory: Path,
    command: str,
    only_fold: int | None = None,
    device: str = "cpu",
    on_step: OnStep | None = None,
    on_epoch: OnEpoch | None = None,
) -> dict[str, Any]:
    """Train and score the folds of a protocol, and return its scores.

    ``output/PROTOCOL/fold-K`` keeps a checkpoint while it trains, then the model with its scores; a fold
    that is finished is not trained again. ``scores.json`` holds each protocol that was run beside the
    others, ``README.md`` shows them.

    Args:
        task: record.
        data: its crystals.
        protocol: how they are held out.
        settings: of the network and the schedule.
        output: directory of the results.
        directory: of the data.
        command: that was given, for the card.
        only_fold: train this fold alone.
        device: torch device.
        on_step: called after every step.
        on_epoch: called with (epoch, averaged network); what it returns goes to the fold's ``log.jsonl``.

    Raises:
        TaskError: if a finished fold belongs to another training.
    """
    _same_model(output, settings)
    parts = folds(data, protocol, directory)
    if only_fold is not None and not 0 <= only_fold < len(parts):
        raise TaskError(f"there is no fold {only_fold}: {protocol.by} gives folds 0 to {len(parts) - 1}")
    found: dict[str, dict[str, Any]] = {}
    for k, part in enumerate(parts):
        place = output / protocol.by / f"fold-{k}"
        scores = finished(place, task, data, settings, part)
        if scores is None and only_fold in (None, k):
            scores = train_fold(
                task, data, part, k, protocol, settings, place, command, device, on_step, on_epoch
            )
        if scores is not None:
            found[str(k)] = scores
    result = {
        "protocol": protocol.model_dump(mode="json"),
        "folds_in_all": len(parts),
        "n": len(data),
        "command": command,
        "folds": found,
        **over_folds(list(found.values())),
    }
    return _record(task, data, settings, output, protocol.by, result)


def score_again(directory: Path, data: TaskData, root: Path, device: str = "cpu") -> dict[str, Any]:
    """Score a model on the crystals that were held out when it was trained.

    Args:
        directory: of the model.
        data: crystals of its task, drawn with its limit.
        root: directory of the data.
        device: torch device.

    Raises:
        TaskError: if the held-out crystals are no longer the same.
    """
    network, model, task = models.load(directory, device)
    part = folds(data, Protocol.model_validate(model.protocol), root)[model.fold]
    if model.held_out != held_out_digest(data, part):
        raise TaskError(
            f"{directory} was scored on other crystals than fold {model.fold} has now; the data changed "
            "since it was trained"
        )
    features = data.features.take(part.test)
    predicted = models.predict(network, Scale(**model.scale), task, features, device)
    return score(task, data.targets.values[part.test], predicted)


def _told(settings: Settings) -> dict[str, Any]:
    told = {**asdict(settings), "init": str(settings.init) if settings.init else None}
    plain: dict[str, Any] = json.loads(json.dumps(told))
    return plain


def _same_model(output: Path, settings: Settings) -> None:
    path = output / SCORES
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("model") != _told(settings):
        raise TaskError(f"{path} tells of a model with other settings; choose another --output or remove it")


def _record(
    task: Task, data: TaskData, settings: Settings, output: Path, by: str, result: dict[str, Any]
) -> dict[str, Any]:
    path = output / SCORES
    former = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    protocols = {**former.get("protocols", {}), by: result}
    scores = {
        "task": task.model_dump(mode="json"),
        "model": _told(settings),
        "refused": len(data.refused),
        "data": data.hashes,
        "protocols": protocols,
    }
    write_json(path, scores)
    write_text(output / "README.md", card.render(task, scores))
    return result
