"""Answers for crystals whose formulas a model never saw: cached by model and fold, read, calibrated, scored.

All models answer for the same five parts by formula, ``formula_fold(keys, 5)``. A part is kept as Parquet
under a name that changes with the data and with the settings of the model; what the model chose on the way
(trees, penalties) stands beside it as JSON.
"""

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from xbert.training.data import LabelledCrystals
from xbert.training.labels import CLASSES, SOURCES, classes_of_kinds
from xbert.training.splits import formula_fold

FOLDS = 5
INNER = 11
"""Seed of the parts within the training crystals on which a model's settings are chosen."""

Answers = dict[str, np.ndarray]
"""``topological`` (m, 3 sources), ``classes`` (m, 3 sources, 3 classes), ``spread`` (m,)."""

Model = Callable[[LabelledCrystals, np.ndarray, np.ndarray, Path], tuple[Answers, dict[str, Any]]]
"""(data, rows to learn from, rows to answer for, directory to work in) → answers and what was chosen."""


@dataclass(frozen=True)
class HeldOut:
    """What one model says of n crystals, each by members that never saw its formula.

    Attributes:
        name: of the model.
        topological: (n, 3 sources) probability, NaN where the model says nothing.
        classes: (n, 3 sources, 3 classes) probabilities of trivial, TI (strong or crystalline), TSM.
        spread: (n,) standard deviation of the topological probability over members; NaN without members.
    """

    name: str
    topological: np.ndarray
    classes: np.ndarray
    spread: np.ndarray


def cross_validated(
    name: str,
    model: Model,
    settings: dict[str, Any],
    data: LabelledCrystals,
    cache: Path,
    parts: Collection[int] = range(FOLDS),
) -> HeldOut:
    """Answer for every crystal by the model that was trained without its part, or read what was answered.

    Args:
        name: of the model.
        model: what trains and answers.
        settings: everything that decides its answers beside the data; another cache for others.
        data: n labelled crystals.
        cache: directory; a run that was killed goes on after the last part that was finished.
        parts: to compute. Of the others only what is kept is read; without it they stay NaN.
    """
    told = json.dumps({"name": name, "settings": settings, "data": data.hashes}, sort_keys=True)
    where = cache / f"{name.replace(' ', '-')}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    where.mkdir(parents=True, exist_ok=True)
    (where / "settings.json").write_text(told + "\n", encoding="utf-8")
    fold = formula_fold(data.keys, FOLDS)
    n = len(data.labels)
    found = HeldOut(name, np.full((n, 3), np.nan), np.full((n, 3, 3), np.nan), np.full(n, np.nan))
    for k in range(FOLDS):
        path = where / f"fold-{k}.parquet"
        test = np.flatnonzero(fold == k)
        if not path.exists():
            if k not in parts:
                continue
            answers, chosen = model(data, np.flatnonzero(fold != k), test, where / f"fold-{k}")
            path.with_suffix(".json").write_text(json.dumps(chosen) + "\n", encoding="utf-8")
            part = path.with_suffix(".part")
            pq.write_table(_to_table([data.labels.ids[row] for row in test], answers), part)
            part.replace(path)
        table = pq.read_table(path)
        if table["id"].to_pylist() != [data.labels.ids[row] for row in test]:
            raise ValueError(f"{path} was made from other crystals; remove it")
        found.topological[test], found.classes[test], found.spread[test] = _from_table(table)
    return found


def read_xbert(directory: Path, data: LabelledCrystals) -> HeldOut:
    """Read ``out_of_fold.parquet`` of ``xbert finetune --split folds``, or the parts that are finished.

    Raises:
        ValueError: a crystal stands in another part here, so that its formula may have been trained on.
    """
    path = directory / "out_of_fold.parquet"
    if not path.exists():
        return calibrated(_read_finished_parts(directory, data), data)
    table = pq.read_table(path)
    place = {id_: row for row, id_ in enumerate(data.labels.ids)}
    known = np.array([id_ in place for id_ in table["id"].to_pylist()], dtype=bool)
    table = table.filter(pa.array(known))
    rows = np.array([place[id_] for id_ in table["id"].to_pylist()], dtype=np.int64)
    if (table["fold"].to_numpy() != formula_fold(data.keys, FOLDS)[rows]).any():
        raise ValueError(f"{path}: its parts are not the five parts by formula of these crystals")
    n = len(data.labels)
    found = HeldOut(
        f"XBERT {directory.name}", np.full((n, 3), np.nan), np.full((n, 3, 3), np.nan), np.full(n, np.nan)
    )
    for s, source in enumerate(SOURCES):
        trivial, ti, tci, tsm = (
            table[f"p_{source}_{kind}"].to_numpy() for kind in ("trivial", "ti", "tci", "tsm")
        )
        found.classes[rows, s] = np.column_stack([trivial, ti + tci, tsm])
        found.topological[rows, s] = 1.0 - trivial
    found.spread[rows] = table["uncertainty"].to_numpy()
    return found


def _read_finished_parts(directory: Path, data: LabelledCrystals) -> HeldOut:
    """Read what ``xbert finetune`` keeps of each finished part while it trains the others."""
    from safetensors.numpy import load_file

    n, fold = len(data.labels), formula_fold(data.keys, FOLDS)
    name = f"XBERT {directory.name} (unfinished)"
    found = HeldOut(name, np.full((n, 3), np.nan), np.full((n, 3, 3), np.nan), np.full(n, np.nan))
    paths = sorted(directory.glob("fold-*/fold.safetensors"))
    if not paths:
        raise ValueError(f"{directory} holds no finished part of xbert finetune --split folds")
    for path in paths:
        tensors = load_file(path)
        rows, logits = tensors["rows"], tensors["logits"].astype(float)
        if not np.array_equal(rows, np.flatnonzero(fold == int(path.parent.name.removeprefix("fold-")))):
            raise ValueError(f"{path}: its crystals are not one of the five parts by formula")
        by_member = softmax(logits, axis=-1)
        found.classes[rows] = classes_of_kinds(by_member.mean(0)[:, : len(SOURCES)])
        found.topological[rows] = 1.0 - found.classes[rows, :, 0]
        found.spread[rows] = by_member[..., 0].std(axis=(0, 2))
    return found


def calibrated(held: HeldOut, data: LabelledCrystals) -> HeldOut:
    """Divide log-probabilities by one temperature per source, for each part the one that the others set.

    As XBERT's file is: no crystal helps to set a temperature that it is scored with.
    """
    fold = formula_fold(data.keys, FOLDS)
    topological, classes = held.topological.copy(), held.classes.copy()
    truth = clear_classes(data)
    for s in range(len(SOURCES)):
        binary = np.stack([1.0 - held.topological[:, s], held.topological[:, s]], axis=1)
        for k in range(FOLDS):
            others = (fold != k) & (truth[:, s] >= 0) & ~np.isnan(held.topological[:, s])
            kind = truth[others, s]
            temperature = _temperature(binary[others], (kind > 0).astype(int))
            topological[fold == k, s] = _tempered(binary[fold == k], temperature)[:, 1]
            temperature = _temperature(held.classes[others, s], kind)
            classes[fold == k, s] = _tempered(held.classes[fold == k, s], temperature)
    return replace(held, topological=topological, classes=classes)


def clear_classes(data: LabelledCrystals) -> np.ndarray:
    """(n, 3 sources) index into ``CLASSES``, −1 where a source is silent or contradicts itself."""
    targets = data.labels.targets
    return np.where(targets.max(2) > 0.99, targets.argmax(2), -1)


def _temperature(probabilities: np.ndarray, truth: np.ndarray) -> float:
    if not len(truth):
        return 1.0

    def loss(log_temperature: float) -> float:
        p = _tempered(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))


def _tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    z = np.log(np.clip(probabilities, 1e-9, None)) / temperature
    odds = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))


def _to_table(ids: list[str], answers: Answers) -> pa.Table:
    columns: dict[str, Any] = {"id": ids, "spread": answers["spread"].astype(np.float32)}
    for s, source in enumerate(SOURCES):
        columns[f"p_{source}"] = answers["topological"][:, s].astype(np.float32)
        for c, name in enumerate(CLASSES):
            columns[f"p_{source}_{name}"] = answers["classes"][:, s, c].astype(np.float32)
    return pa.table(columns)


def _from_table(table: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    topological = np.column_stack([table[f"p_{source}"].to_numpy() for source in SOURCES])
    classes = [[table[f"p_{source}_{name}"].to_numpy() for name in CLASSES] for source in SOURCES]
    return topological, np.transpose(classes, (2, 0, 1)), table["spread"].to_numpy()
