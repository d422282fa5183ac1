"""What each part of XBERT is worth: the same task learnt without it, in one table."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from xbert.tasks import card
from xbert.tasks.data import TaskData
from xbert.tasks.files import write_json, write_text
from xbert.tasks.learn import OnStep, Settings
from xbert.tasks.record import Protocol, Task, TaskError
from xbert.tasks.run import run

VARIANTS: dict[str, dict[str, Any]] = {
    "XBERT": {},
    "without space group": {"ablated": ("space group",)},
    "without elements": {"ablated": ("elements",)},
    "without electron count": {"ablated": ("electrons",)},
    "without GNN": {"ablated": ("graph",)},
    "without per-token normalisation": {"ablated": ("token norm",)},
    "softmax of each output token": {"token_softmax": True},
    "without transformer (fully connected)": {"ablated": ("transformer",)},
    "GNN alone": {},
}
"""Row of the table → what it changes in ``XBERTConfig``. The softmax is the paper's normalisation; ours is a
layer norm."""

ALONE = "GNN alone"
TABLE = "ablation"


def variants(only: list[str]) -> list[str]:
    """Return the rows whose names hold one of the words in ``only``, or all.

    Raises:
        TaskError: if a word is in none.
    """
    for word in only:
        if not any(word.lower() in name.lower() for name in VARIANTS):
            raise TaskError(f"no variant is called {word!r}; there are {', '.join(VARIANTS)}")
    return [name for name in VARIANTS if not only or any(word.lower() in name.lower() for word in only)]


def settings_of(name: str, settings: Settings) -> Settings:
    """Return the settings of a row of the table."""
    architecture = settings.architecture | VARIANTS[name]
    kind = "graph alone" if name == ALONE else "xbert"
    # A pretrained trunk of eight tokens starts XBERT; the baseline learns from scratch, as in the paper.
    init = None if name == ALONE else settings.init
    return replace(settings, architecture=architecture, kind=kind, init=init)


def ablate(
    task: Task,
    data: TaskData,
    protocol: Protocol,
    settings: Settings,
    output: Path,
    directory: Path,
    command: str,
    names: list[str],
    only_fold: int | None = None,
    device: str = "cpu",
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Learn a task by every variant in turn; see ``xbert.tasks.run.run`` for the arguments.

    Each variant has its own directory, so that an interrupted table goes on where it stopped.
    ``ablation.json`` and ``ablation.md`` are written after each.
    """
    rows: dict[str, Any] = {}
    for name in names:

        def show(what: str, done: int, total: int, note: str, name: str = name) -> None:
            if on_step:
                on_step(f"{name}, {what}", done, total, note)

        place = output / directory_name(name)
        chosen = settings_of(name, settings)
        rows[name] = run(task, data, protocol, chosen, place, directory, command, only_fold, device, show)
        result = {
            "task": task.name,
            "protocol": protocol.model_dump(mode="json"),
            "n": len(data),
            "limit": settings.limit,
            "command": command,
            "variants": rows,
        }
        write_json(output / f"{TABLE}.json", result)
        write_text(output / f"{TABLE}.md", render(task, result))
    return result


def directory_name(name: str) -> str:
    """Return the directory of a variant: ``without-space-group``."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def columns(task: Task) -> list[str]:
    """Return the scores that the table shows."""
    if task.kind == "regression":
        return ["mae", "rmse", "r2"]
    return ["accuracy", "f1_macro", "roc_auc", *(f"f1 {name}" for name in task.target.classes)]


def render(task: Task, result: Mapping[str, Any]) -> str:
    """Return the table as Markdown."""
    unit = f" ({task.target.unit})" if task.target.unit else ""
    shown = columns(task)
    trial = f" A trial on {result['n']:,} crystals." if result["limit"] else ""
    folds = max(len(row["folds"]) for row in result["variants"].values())
    lines = [
        f"# Ablation: {task.title}",
        "",
        f"{folds} fold(s), held out by {result['protocol']['by']}; mean ± standard deviation.{trial}",
        "",
        "```console",
        f"$ {result['command']}",
        "```",
        "",
        "| | " + " | ".join(card.label(name, unit) for name in shown) + " |",
        "|---" * (len(shown) + 1) + "|",
    ]
    for name, row in result["variants"].items():
        lines.append(f"| {name} | " + " | ".join(card.number(row, score) for score in shown) + " |")
    return "\n".join(lines) + "\n"
