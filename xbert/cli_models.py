"""``xbert models``: which models there are, and the card of one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xbert.terminal import refuse

if TYPE_CHECKING:
    from rich.console import RenderableType

    from xbert.models import Listed
    from xbert.reliability import Reliability

BAR = 32
"""Characters from probability 0 to 1 in the calibration of a card."""


def _complete(incomplete: str) -> list[str]:
    from xbert.models import names

    return [name for name in names() if name.startswith(incomplete)]


HELP = "Name of a model (xbert models lists them), or its directory."
Model = Annotated[str, typer.Option("--model", help=HELP, autocompletion=_complete, show_default=True)]
"""The option of every command that predicts with a model."""


def add_to(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(models)


def models(
    name: Annotated[
        str | None,
        typer.Argument(help="Name or directory of a model: show its card.", autocompletion=_complete),
    ] = None,
    add: Annotated[
        Path | None,
        typer.Option(
            help="Directory of a model: copy it to your own models under NAME.", exists=True, file_okay=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON what is printed.")] = False,
) -> None:
    """List the models that can be given by name, or show the card of one.

    Shipped are `discovery` and `benchmark`. Your own lie in the directory that DISCOVER_MODEL_DIR names, else
    in `models` of the data directory, one directory each; the list says where that is. Every command that
    predicts takes `--model` with a name or any directory. Exit status 1 where the model shown is not sound.

    \b
    Examples:
      xbert models
      xbert models discovery
      xbert models mine --add runs/2026-11-23
    """
    from xbert import models as shelf
    from xbert.checkpoint import CheckpointError

    try:
        if add is not None:
            if name is None:
                refuse("--add needs a name for the model: xbert models NAME --add DIRECTORY", 2)
            from xbert.own_models import add as copy

            place = copy(name, add)
            typer.echo(f"{name}: {place}")
            return
        if name is None:
            found = [shelf.look_at(each) for each in shelf.names()]
            print_json([facts(one) for one in found]) if as_json else _print_list(found)
            return
        one = shelf.look_at(name)
    except (CheckpointError, OSError) as error:
        refuse(str(error))
    print_json(facts(one) | {"description": one.description}) if as_json else _print_card(one)
    if one.problem:
        refuse(plain(one.problem))


def facts(one: "Listed") -> dict[str, Any]:
    """Return what the list says of a model, for JSON."""
    return {
        "name": one.name,
        "kind": one.kind,
        "shipped": one.shipped,
        "directory": str(one.directory),
        "purpose": purpose(one),
        "networks": networks(one),
        "bytes": one.size,
        "sha256": one.sha256,
        "problem": one.problem,
    }


def print_json(value: Any) -> None:
    """Print a record as JSON."""
    import json

    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def plain(text: str) -> str:
    """Return text without what would steer a terminal: a model may come from anywhere."""
    return "".join(ch if ch.isprintable() or ch == "\n" else "�" for ch in text)


def purpose(one: "Listed") -> str:
    """Say in a sentence what a model is for."""
    if one.kind == "trunk":
        return "Pretrained, to start others from (finetune --init)."
    if one.kind == "property":
        task = one.description.get("task", {})
        return f"{task.get('title', one.name)}."
    text = str(one.description.get("purpose", ""))
    return text[: text.find("?") + 1] or text


def networks(one: "Listed") -> int:
    """Return how many networks are averaged."""
    members = one.description.get("members", 1)
    return one.folds or (members if isinstance(members, int) else 0)


def _print_list(found: "list[Listed]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from xbert.models import own_directory

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", no_wrap=True, style="bold")
    table.add_column("", no_wrap=True, style="dim")
    table.add_column("what it is for", min_width=22, overflow="fold")
    for title in ("nets", "MB", "AUC", "ECE"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("SHA-256", no_wrap=True, style="dim")
    for one in found:
        why = one.problem.replace(f"{one.directory}/", "")
        said = Text(plain(f"cannot be loaded: {why}"), style="red") if why else Text(plain(purpose(one)))
        scores = held_out(one)
        table.add_row(
            one.name,
            "shipped" if one.shipped else one.kind if one.kind != "topology" else "yours",
            said,
            str(networks(one)),
            f"{one.size / 1e6:.0f}" if one.size >= 1e6 else f"{one.size / 1e6:.1f}",
            *(f"{scores[key]:.3f}" if key in scores else "–" for key in ("roc_auc", "calibration_error")),
            one.sha256[:12] or "–",
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(
        Text(
            "\nAUC, ECE: ROC-AUC and calibration error of P(topological) on formulas held out of training.\n"
            f"Your own models: {own_directory()}",
            style="dim",
        ),
        soft_wrap=True,
    )


def held_out(one: "Listed") -> dict[str, float]:
    """Return the scores against the majority of label sources on the first split of a topology model."""
    if one.kind != "topology" or one.problem:
        return {}
    for scores in one.description.get("metrics", {}).values():
        if isinstance(scores, dict) and isinstance(scores.get("majority"), dict):
            return {name: v for name, v in scores["majority"].items() if isinstance(v, int | float)}
    return {}


def _print_card(one: "Listed") -> None:
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.text import Text

    console = Console(highlight=False)
    console = Console(width=min(console.width, 100), highlight=False)
    try:
        parts = _parts(one)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        refuse(f"{one.directory} has no card: what it says of its training is not in order ({error!r})")
    for part in parts:
        console.print(Markdown(plain(part)) if isinstance(part, str) else part)
    console.print(Text(f"\n{one.directory}", style="dim"), soft_wrap=True)


def _parts(one: "Listed") -> "list[RenderableType]":
    """Return the card as Markdown, with its calibration drawn in characters where the file has a picture."""
    from rich.text import Text

    from xbert.checkpoint import read_description
    from xbert.models import card_of
    from xbert.reliability import PLOT, read_reliability
    from xbert.training.card import render
    from xbert.training.report import calls_of

    if one.kind != "topology" or one.problem:
        card = card_of(one.directory)
        return [card.read_text(encoding="utf-8") if card else f"# {one.name}\n\n{purpose(one)}"]
    reliability = list(read_reliability(one.directory).values())
    calls = calls_of(one.directory)
    text = render(read_description(one.directory), one.name, one.sha256, reliability, calls)
    before, _, rest = text.partition(f"]({PLOT})")
    if not rest:
        return [text]
    return [before.rpartition("![")[0], *(_chart(split) for split in reliability), Text(), rest]


def _chart(split: "Reliability") -> "RenderableType":
    """Draw predicted probability and observed share of each bin, one under the other."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=split.title, box=None, title_justify="left", header_style="bold")
    for title in ("predicted", "observed", "crystals"):
        table.add_column(title, justify="right")
    table.add_column("observed ━  predicted ┃")
    for predicted, observed, n in zip(split.predicted, split.observed, split.n, strict=True):
        bar = list("━" * round(observed * BAR) + " " * (BAR + 1))[: BAR + 1]
        place = round(predicted * BAR)
        line = Text()
        line.append("".join(bar[:place]), style="cyan")
        line.append("┃", style="bold")
        line.append("".join(bar[place + 1 :]), style="cyan")
        table.add_row(f"{predicted:.2f}", f"{observed:.2f}", f"{n:,}", line)
    return table
