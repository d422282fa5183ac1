"""``discover doctor``: what this machine has of what the workflow needs."""

from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import FAILED, USAGE, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.doctor import Check

COLOURS = {"ok": "green", "missing": "dim", "warning": "yellow", "broken": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
) -> None:
    """Look whether this machine has what the workflow needs, and say what to do where it has not.

    Nothing is changed or fetched, and no key is shown. Exit status 1 where something is broken: screening
    would fail, or what is installed or set does not work. What is only missing is no fault.

    \b
    Examples:
      discover doctor
      discover doctor --json
    """
    from pydantic import ValidationError

    from discovery.doctor import examine, healthy
    from discovery.settings import get_settings

    try:
        settings = get_settings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        refuse(f"DISCOVER_{name}: {first['msg']}", "Correct the variable, or unset it.", USAGE)
    checks = examine(settings)
    if as_json:
        import json
        from dataclasses import asdict

        facts = {"healthy": healthy(checks), "checks": [asdict(check) for check in checks]}
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        _print(checks)
    if not healthy(checks):
        raise typer.Exit(FAILED)


def _print(checks: "Sequence[Check]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from candidates.report.typeset import plain

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=120, highlight=False)
    table = Table("check", "state", "found", "what to do", box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for check in checks:
        state = Text(check.state, style=COLOURS[check.state])
        table.add_row(check.name, state, Text(plain(check.found)), Text(plain(check.remedy)))
    console.print(table)
    counts = {state: sum(check.state == state for check in checks) for state in COLOURS}
    typer.echo(", ".join(f"{n} {state}" for state, n in counts.items() if n), err=True)
