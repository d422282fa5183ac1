"""Explain a model from its files to JSON, a table and pictures, as ``xbert explain`` does it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xbert.explain import (
    Direction,
    by_group,
    direction,
    occlude,
    rank_correlation,
    space_group_value,
    token_values,
    told_tokens,
    weight_mass,
)
from xbert.explain_figures import draw_groups, draw_mass, draw_table_of_groups
from xbert.features import Features
from xbert.model import SPACE_GROUP_TOKENS, XBERT

if TYPE_CHECKING:
    from torch import Tensor

RESULT, ATTRIBUTIONS = "explain.json", "attributions.csv"
Progress = Callable[[str, int, int, str], None]
"""(what, done, all, note)."""


@dataclass(frozen=True)
class Subject:
    """What is explained.

    Attributes:
        name: of the model or its task.
        model: in evaluation mode.
        along: the answer that is split.
        value: the answer in words, for axes.
        target: what is compared with it, in words.
        ids: of n crystals.
        features: of them.
        targets: (n,) what the labels say.
    """

    name: str
    model: XBERT
    along: Direction
    value: str
    target: str
    ids: list[str]
    features: Features
    targets: np.ndarray


def of_task(
    directory: Path,
    data: Path,
    cache: Path,
    limit: int | None = None,
    workers: int = 1,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> Subject:
    """Read a model of ``xbert finetune --task`` and the crystals of its task.

    Of the classes of a task the first counts down and the others count up.

    Raises:
        TaskError: naming the file and what is wrong in it.
        ValueError: the model is not an XBERT.
    """
    from xbert.tasks import model as models
    from xbert.tasks.data import load
    from xbert.tasks.record import Protocol

    network, description, task = models.load(directory, device)
    if not isinstance(network, XBERT):
        raise ValueError(f"{directory} holds no XBERT but {description.kind!r}, which has no tokens")
    show = on_progress or (lambda *_: None)
    crystals = load(
        task,
        Protocol.model_validate(description.protocol),
        data,
        cache,
        limit or description.limit,
        getattr(getattr(network, "graph", None), "needs_vectors", False),
        workers,
        lambda done, total: show("features", done, total, ""),
    )
    values = crystals.targets.values
    if task.kind == "regression":
        along, name = direction(network, models.HEAD, [0]), task.target.unit or "target"
        return Subject(
            task.name, network, along, "value of the space group", f"mean target ({name})",
            crystals.targets.ids, crystals.features, values.astype(np.float64),
        )  # fmt: skip
    classes = task.target.classes
    along = direction(network, models.HEAD, range(1, len(classes)), [0])
    targets = values[:, 1:].sum(1) if values.ndim == 2 else (values > 0).astype(np.float64)
    return Subject(
        task.name, network, along, "value of the space group", f"share of {' or '.join(classes[1:])}",
        crystals.targets.ids, crystals.features, targets,
    )  # fmt: skip


def of_topology_model(
    model: str,
    structures: Path,
    labels: Path,
    cache: Path,
    limit: int | None = None,
    workers: int = 1,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> Subject:
    """Read the first network of a topology model and labelled crystals.

    The answer is its consensus logit, the mean of TI and TSM less trivial.

    Raises:
        CheckpointError: there is no such model.
        ValueError: a table cannot be used.
    """
    from xbert.checkpoint import load_model, locate
    from xbert.training.data import load_labelled
    from xbert.training.labels import KINDS, OUTPUTS

    members, description = load_model(locate(model))
    network = members[0].to(device)
    show = on_progress or (lambda *_: None)
    vectors = getattr(getattr(network, "graph", None), "needs_vectors", False)
    data = load_labelled(
        structures, labels, cache, workers, lambda done, total: show("features", done, total, ""), vectors
    )
    first = (len(OUTPUTS) - 1) * len(KINDS)
    consensus = data.labels.with_consensus[:, -1]
    rows = np.flatnonzero(consensus.sum(1) > 0)
    if limit is not None:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:limit])
    return Subject(
        description.name, network, direction(network, "topology", [first + 1, first + 2, first + 3], [first]),
        "value of the space group", "share of topological crystals",
        [data.labels.ids[row] for row in rows], data.features.take(rows), 1.0 - consensus[rows, 0],
    )  # fmt: skip


def run(subject: Subject, directory: Path, sample: int, command: str, device: str = "cpu") -> dict[str, Any]:
    """Measure, write ``explain.json``, ``attributions.csv`` and the pictures, and return what was measured.

    Args:
        subject: what is explained.
        directory: for the files.
        sample: crystals of which each token is blotted out in turn, drawn at random.
        command: that was typed, for the record.
        device: torch device.
    """
    directory.mkdir(parents=True, exist_ok=True)
    tokens = subject.model.config.kept_tokens
    values, sizes = token_values(subject.model, subject.along, subject.features, device)
    mass = weight_mass(subject.along, sizes, tokens)
    result: dict[str, Any] = {
        "model": subject.name,
        "answer": subject.along.meaning,
        "crystals": len(subject.ids),
        "layers": subject.model.config.layers,
        "heads": subject.model.config.heads,
        "weight_mass": mass,
        "command": command,
    }
    draw_mass(mass, directory / "tokens.png", subject.name)
    if any(token in SPACE_GROUP_TOKENS for token in tokens):
        of_groups = space_group_value(values, tokens)
        groups = by_group(of_groups, subject.features.spacegroup, subject.targets)
        correlation = rank_correlation(groups)
        result |= {"rank_correlation": correlation, "groups": [asdict(group) for group in groups]}
        if groups:
            note = "" if correlation is None else f"rank correlation {correlation:.2f}"
            draw_groups(groups, directory / "groups.png", subject.value, subject.target, note)
            draw_table_of_groups(groups, directory / "table.png", subject.value)
    result["occlusion"] = _attributions(subject, directory / ATTRIBUTIONS, sample, device)
    (directory / RESULT).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return result


def _attributions(subject: Subject, path: Path, sample: int, device: str) -> dict[str, float]:
    """Write what each token is worth to each of some crystals; return the mean of its absolute value."""
    import csv

    import torch

    n = len(subject.ids)
    rows = np.sort(np.random.default_rng(0).permutation(n)[:sample])
    weight = torch.from_numpy(subject.along.weight.reshape(-1)).to(device)

    def answer(vectors: "Tensor") -> np.ndarray:
        found: np.ndarray = (vectors.float() @ weight + subject.along.bias).cpu().numpy()
        return found

    chosen = subject.features.take(rows)
    whole, without = occlude(subject.model, answer, chosen, chosen, device)
    names = [subject.model.config.kept_tokens[place] for place in told_tokens(subject.model)]
    worth = whole - without
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "spacegroup", "answer", *names])
        for i, row in enumerate(rows):
            numbers = [round(float(value), 4) for value in (whole[i], *worth[:, i])]
            table.writerow([subject.ids[row], int(subject.features.spacegroup[row]), *numbers])
    return {name: float(np.abs(one).mean()) for name, one in zip(names, worth, strict=True)}
