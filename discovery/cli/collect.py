"""``discover collect``: finished verifications into the store."""

from typing import TYPE_CHECKING

import typer

from discovery.cli.console import FAILED, refuse
from discovery.cli.status import Ids, Root, folder

if TYPE_CHECKING:
    from discovery.submission.collect import Collected

SAID = {"added": "stored", "changed": "stored again", "unchanged": "known", "unreadable": "cannot be read"}


def collect(ids: Ids = None, root: Root = None) -> None:
    """Bring finished verifications into the candidate store: verdicts, early stops and failures.

    What still waits or runs is left for the next time, and collecting twice changes nothing. Exit status 1
    where a candidate's files are damaged; all others are stored.

    \b
    Examples:
      discover collect
      discover collect 9d3bd41f
      discover collect -o verifications && discover candidates
    """
    from candidates.store import Store, StoreError
    from discovery.settings import get_settings
    from discovery.submission import SubmissionError
    from discovery.submission.collect import collect_into
    from discovery.submission.jobflow_remote import fetch
    from discovery.submission.status import find_directories

    place = folder(root)
    try:
        directories = find_directories(place, ids or [])
    except SubmissionError as error:
        refuse(error.reason, error.remedy)
    if not directories:
        refuse(f"no verification in {place}", "`discover verify ID --submit …` begins one.")
    found: list[Collected] = []
    try:
        store = Store(get_settings().resolved_store_url)
        for one in collect_into(store, directories, fetch):
            found.append(one)
            _tell(one)
    except StoreError as error:
        _count(found)
        refuse(str(error), f"{error.remedy} `discover collect` goes on from there.")
    _count(found)
    if any(one.outcome == "unreadable" for one in found):
        raise typer.Exit(FAILED)


def _tell(one: "Collected") -> None:
    from candidates.report.typeset import plain

    if one.outcome == "unreadable":
        typer.secho(
            f"{one.candidate}  {plain(one.name)}  cannot be read: {plain(one.reason)}", fg="red", err=True
        )
        typer.echo(plain(one.remedy), err=True)
    elif one.outcome != "open":
        what = one.topology or f"{one.state}: {plain(one.reason, 160)}"
        typer.echo(f"{one.candidate}  {plain(one.name)}  {what}  ({SAID[one.outcome]})")


def _count(found: "list[Collected]") -> None:
    counts = {said: sum(one.outcome == outcome for one in found) for outcome, said in SAID.items()}
    still = sum(one.outcome == "open" for one in found)
    parts = [f"{n} {said}" for said, n in counts.items() if n]
    parts += [f"{still} not finished"] if still else []
    typer.echo(", ".join(parts) or "nothing to collect", err=True)
