"""``discover review``: judge candidates in the browser or from a script."""

import getpass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.candidates import fail, opened_store
from discovery.cli.console import USAGE, refuse

if TYPE_CHECKING:
    from candidates.records import RunRecord
    from candidates.report.card import ModelCard
    from candidates.review import Review, State
    from candidates.store import Store

app = typer.Typer(invoke_without_command=True)


class StatusName(StrEnum):
    """Where a candidate can stand."""

    open = "open"
    accepted = "accepted"
    held = "held"
    rejected = "rejected"


ById = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who judges. Without it: your login.")]
Ids = Annotated[list[str], typer.Argument(help="Ids of candidates or their beginnings.", show_default=False)]
OneId = Annotated[str, typer.Argument(help="Id of a candidate or its beginning.", show_default=False)]


@app.callback()
def review(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Option(help="Run to open first, or its beginning. Without it: the newest.")
    ] = None,
    by: ById = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Any but loopback asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes one that is free.")] = 8765,
    token: Annotated[
        bool, typer.Option("--token", help="Ask for a token on loopback too: others use this machine.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Answer to this host name too; repeatable.", show_default=False),
    ] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in your browser.")] = False,
) -> None:
    """Judge candidates: a local web page with the keyboard first, or `set` from a script.

    The page is served on this machine alone. Another --host needs the token that is printed.

    \b
    Examples:
      discover review
      discover review --run 5f3a --by ana --open
      discover review set 9d3bd41f --accept --note "flat bands at M"
      discover review export -o decisions.csv
    """
    if context.invoked_subcommand is not None:
        return
    try:
        from candidates.app.serve import access_for, address, open_socket, serve
    except ImportError as error:
        refuse(f"the review app needs {error.name}", "Install it: pip install 'xbert-discovery[web]'")
    with opened_store() as store:
        chosen = store.run(run).id if run else None
        try:
            listening = open_socket(host, port)
        except OSError as error:
            fail(
                f"cannot listen on {host}, port {port}: {error.strerror or error}",
                "Name another port with --port, or --port 0 for any that is free.",
            )
        access = access_for(listening, host, allow_host or [], token)
        there = address(listening, host, access)
        typer.echo(there)
        if access.loopback:
            typer.echo(f"Judging {store.name}; Ctrl+C ends it.", err=True)
        else:
            typer.echo(
                "Whoever has this address with its token may judge. It travels unencrypted: prefer an SSH "
                "tunnel. Ctrl+C ends it.",
                err=True,
            )
        if browser:
            typer.launch(there)
        serve(store, listening, access, _name(by), chosen, _card_of)


@app.command("set")
def set_(
    ids: Ids,
    accept: Annotated[bool, typer.Option("--accept", help="Queue for verification.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Not worth looking further.")] = False,
    hold: Annotated[bool, typer.Option("--hold", help="Decide later.")] = False,
    reopen: Annotated[bool, typer.Option("--reopen", help="No decision after all.")] = False,
    note: Annotated[str, typer.Option(help="Add a note.", show_default=False)] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Add a tag; repeatable.", show_default=False)] = None,
    untag: Annotated[
        list[str] | None, typer.Option(help="Take a tag away; repeatable.", show_default=False)
    ] = None,
    assign: Annotated[
        str | None, typer.Option(help="Who shall look next; '' for nobody.", show_default=False)
    ] = None,
    by: ById = None,
) -> None:
    """Judge candidates from a script.

    \b
    Examples:
      discover review set 9d3bd41f --accept --note "flat bands at M" --tag soon --by ana
      discover review set 9d3bd41f --tag is:TSM
    """
    from pydantic import ValidationError

    from candidates.review import Edit
    from candidates.reviews import Reviews

    words = {"accepted": accept, "rejected": reject, "held": hold, "open": reopen}
    chosen = [word for word, wanted in words.items() if wanted]
    if len(chosen) > 1:
        refuse("--accept, --reject, --hold and --reopen exclude each other", "Choose one.", USAGE)
    try:
        edit = Edit.model_validate(
            {
                "status": chosen[0] if chosen else None, "note": note, "tags": tag or [],
                "untags": untag or [], "assignee": assign,
            }
        )  # fmt: skip
    except ValidationError as error:
        refuse(
            error.errors()[0]["msg"].removeprefix("Value error, "), "See `discover review set --help`.", USAGE
        )
    with opened_store() as store:
        outcome = Reviews(store).add([store.candidate(id).id for id in ids], edit, _name(by))
        _print_states(store, outcome.states)


@app.command()
def undo(by: ById = None) -> None:
    """Take back the last thing that you did; all of it where it was many.

    \b
    Examples:
      discover review undo
      discover review undo --by ana
    """
    from candidates.reviews import Reviews

    with opened_store() as store:
        outcome = Reviews(store).undo(_name(by))
        if not outcome.written:
            fail(f"there is nothing of {_name(by)}’s to take back", "Say whose with --by NAME.")
        _print_states(store, outcome.states)


@app.command()
def history(
    id: OneId, as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False
) -> None:
    """Show who decided what about a candidate, and why.

    \b
    Examples:
      discover review history 9d3bd41f
      discover review history 9d3bd41f --json
    """
    from candidates.reviews import Reviews

    with opened_store() as store:
        candidate = store.candidate(id)
        found = Reviews(store).history(candidate.id)
    if as_json:
        import json

        typer.echo(json.dumps([r.model_dump(mode="json") for r in found], indent=2, ensure_ascii=False))
    elif not found:
        typer.echo(f"Nobody has judged {candidate.id} yet.", err=True)
    else:
        from discovery.cli.candidate_tables import console

        console().print(_history_table(found))


@app.command()
def export(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File; its ending decides: .csv, .json, .md, .bib.")
    ],
    run: Annotated[str | None, typer.Option(help="Only of this run, or its beginning.")] = None,
    status: Annotated[
        list[StatusName] | None, typer.Option(help="Only these; repeatable.", show_default=False)
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="Write classes for `xbert finetune`: .csv or .parquet.")
    ] = False,
) -> None:
    """Write decisions for others to read, or classes for the next training.

    Classes come from the tags is:trivial, is:TI, is:TCI and is:TSM, and from verdicts; to accept or to
    reject a candidate does not say what it is.

    \b
    Examples:
      discover review export -o decisions.csv
      discover review export --status accepted -o accepted.bib
      discover review export --labels -o labels.parquet
    """
    from candidates.decisions import FORMS, decisions, labels_csv, write_labels
    from candidates.decisions import labels as find_labels
    from candidates.report.typeset import plain
    from candidates.verifications import topologies

    ending = output.suffix.removeprefix(".").lower()
    forms = ("csv", "parquet") if labels else tuple(FORMS)
    if ending not in forms:
        refuse(
            f"{plain(str(output))}: unknown ending",
            f"Choose from {', '.join('.' + f for f in forms)}.",
            USAGE,
        )
    with opened_store() as store:
        run_id = store.run(run).id if run else None
        decided = decisions(store, run_id, [one.value for one in status or []])
        verdicts = {id: topology for id, (_, topology) in topologies(store).items()} if labels else {}
    rows = find_labels(decided, verdicts)
    try:
        if labels and ending == "parquet":
            write_labels(rows, output)
        else:
            text = labels_csv(rows) if labels else FORMS[ending](decided)
            output.write_text(text, encoding="utf-8", newline="", errors="replace")
    except OSError as error:
        fail(f"{output} cannot be written: {error}", "Name another file with -o.")
    n = len(rows) if labels else len(decided)
    typer.echo(
        f"{n} {'label' if labels else 'candidate'}{'' if n == 1 else 's'} in {plain(str(output))}", err=True
    )


@cache
def _card(model: str, sha256: str) -> "ModelCard | None":
    from discovery.screening.card import model_card
    from xbert.checkpoint import CheckpointError
    from xbert.models import find

    directory = find(model, sha256)
    try:
        return model_card(directory) if directory else None
    except CheckpointError:
        return None


def _card_of(run: "RunRecord") -> "ModelCard | None":
    return _card(run.model, run.model_sha256)


def _name(by: str | None) -> str:
    from pydantic import TypeAdapter, ValidationError

    from candidates.review import Name

    try:
        return TypeAdapter(Name).validate_python(by if by is not None else getpass.getuser())
    except (ValidationError, OSError, KeyError):
        refuse(
            "a judgement needs the name of somebody", "Give it with --by NAME, at most 80 characters.", USAGE
        )


def _print_states(store: "Store", states: "dict[str, State]") -> None:
    from candidates.report.typeset import plain

    for id, state in states.items():
        formula = store.candidate(id).formula
        extra = [f"for {state.assignee}"] if state.assignee else []
        extra += [f"tags {', '.join(state.tags)}"] if state.tags else []
        typer.echo(plain("  ".join([id, formula, state.status, *extra])))


def _history_table(found: "list[Review]") -> object:
    from rich.table import Table
    from rich.text import Text

    from candidates.report.typeset import plain
    from candidates.review import taken_back

    gone = taken_back(found)
    table = Table("no.", "when (UTC)", "who", "what", "note, tags, for", box=None, header_style="bold")
    for r in found:
        extra = [r.note, *(f"+{tag}" for tag in r.tags), *(f"-{tag}" for tag in r.untags)]
        extra += [f"for {r.assignee or 'nobody'}"] if r.assignee is not None else []
        what = f"undo of {r.undoes}" if r.undoes else r.action
        cells = [
            str(r.version),
            r.time[:16].replace("T", " "),
            r.reviewer,
            what,
            "  ".join(x for x in extra if x),
        ]
        style = "dim strike" if r.version in gone else ""
        table.add_row(*(Text(plain(cell), style=style) for cell in cells))
    return table
