"""How fast a task is learnt: curves of pretrained XBERT, XBERT from scratch and the graph encoder alone."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from xbert.tasks import card
from xbert.tasks import model as models
from xbert.tasks.data import TaskData, folds
from xbert.tasks.files import write_json
from xbert.tasks.learn import OnStep, Settings
from xbert.tasks.model import Scale
from xbert.tasks.record import Protocol, Task
from xbert.tasks.run import run
from xbert.tasks.scores import MAIN, score

if TYPE_CHECKING:
    from torch import nn

CURVES = "curves"


def arms(settings: Settings) -> dict[str, Settings]:
    """Return name of the curve → settings; the pretrained one where there is something to start from."""
    encoder = settings.architecture.get("encoder", "cgcnn").upper()
    scratch = replace(settings, init=None)
    found = {} if settings.init is None else {"XBERT, pretrained": settings}
    return {**found, "XBERT, from scratch": scratch, f"{encoder} alone": replace(scratch, kind="graph alone")}


def curves(
    task: Task,
    data: TaskData,
    protocol: Protocol,
    settings: Settings,
    output: Path,
    directory: Path,
    command: str,
    fold: int = 0,
    device: str = "cpu",
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Train every arm on one fold, scoring it after each epoch; see ``run`` for the arguments.

    Loss is that of the training rows during the epoch, the same for all arms (cross-entropy, or the squared
    error of targets of unit variance); scores are of the held-out rows by the averaged weights. Writes
    ``curves.json``, ``curves.png`` and ``curves.svg``.
    """
    part = folds(data, protocol, directory)[fold]
    values = data.targets.values
    regression = task.kind == "regression"
    scale = Scale.of(values[part.train], task.target.transform) if regression else Scale()
    held_out = data.features.take(part.test)
    found: dict[str, Any] = {}
    for name, chosen in arms(settings).items():
        clock = perf_counter()

        def after(_epoch: int, network: "nn.Module") -> dict[str, Any]:
            nonlocal clock
            seconds = perf_counter() - clock
            network.eval()
            scores = score(task, values[part.test], models.predict(network, scale, task, held_out, device))
            clock = perf_counter()
            return {"seconds": round(seconds, 2), "held_out": scores}

        def show(what: str, done: int, total: int, note: str, name: str = name) -> None:
            if on_step:
                on_step(f"{name}, {what}", done, total, note)

        place = output / "-".join(name.lower().replace(",", "").split())
        run(task, data, protocol, chosen, place, directory, command, fold, device, show, after)
        log = (place / protocol.by / f"fold-{fold}" / "log.jsonl").read_text(encoding="utf-8")
        found[name] = [json.loads(line) for line in log.splitlines()]
    result = {
        "task": task.name,
        "kind": task.kind,
        "unit": task.target.unit,
        "protocol": protocol.model_dump(mode="json"),
        "fold": fold,
        "n_train": len(part.train),
        "n_held_out": len(part.test),
        "command": command,
        "curves": found,
    }
    write_json(output / f"{CURVES}.json", result)
    for suffix in ("png", "svg"):
        draw(result, output / f"{CURVES}.{suffix}")
    return result


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Draw training loss and held-out score against the epoch.

    Args:
        result: what ``curves`` returns.
        path: PNG or SVG.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    main = MAIN[result["kind"]]
    unit = f" ({result['unit']})" if result["unit"] and result["kind"] == "regression" else ""
    # The salt keeps the ids of an SVG the same from run to run.
    with rc_context({"svg.hashsalt": "xbert", "font.size": 9}):
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for (name, epochs), colour in zip(result["curves"].items(), _colours(result), strict=True):
            x = [entry["epoch"] for entry in epochs]
            style = {"label": name, "color": colour, "marker": "o", "markersize": 2.5, "linewidth": 1.4}
            left.plot(x, [entry["loss"] for entry in epochs], **style)
            right.plot(x, [entry["held_out"][main] for entry in epochs], **style)
        left.set(xlabel="epoch", ylabel="training loss", title=f"{result['n_train']:,} crystals learnt")
        label = card.label(main, unit)
        right.set(xlabel="epoch", ylabel=label, title=f"{result['n_held_out']:,} crystals held out")
        for axes in (left, right):
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.legend(frameon=False)
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=160, metadata=metadata)


def _colours(result: Mapping[str, Any]) -> list[str]:
    colours = {"XBERT, pretrained": "#b2182b", "XBERT, from scratch": "#2166ac"}
    return [colours.get(name, "#4d4d4d") for name in result["curves"]]
