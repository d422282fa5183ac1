"""``discover verdict``: what a verification came to, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import refuse

if TYPE_CHECKING:
    from candidates.verification import Verification


def verdict(
    id: Annotated[
        str,
        typer.Argument(
            help="Candidate id or its beginning, or the folder of a verification.", show_default=False
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole record as JSON.")] = False,
) -> None:
    """Explain the newest verification of a candidate: class, gates, steps, and what to do about failures.

    Examples:

        discover verdict 9d3bd41f

        discover verdict verifications/9d3bd41f2c07

        discover verdict 9d3bd41f --json
    """
    record, name = _find(id)
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
        return
    from discovery.cli.verify_tables import print_verification

    print_verification(record, name)


def _find(text: str) -> tuple["Verification", str]:
    from candidates.store import NotFoundError, Store, StoreError
    from candidates.verifications import newest_verification
    from discovery.settings import get_settings

    if Path(text).is_dir():
        from discovery.verification.collect import collect, read_request
        from discovery.verification.engines import StepError

        try:
            return collect(Path(text)), read_request(Path(text)).name
        except StepError as error:
            refuse(error.reason, error.remedy)
    store = Store(get_settings().resolved_store_url)
    try:
        record = newest_verification(store, text)
    except StoreError as error:
        refuse(str(error), error.remedy)
    try:
        return record, store.candidate(record.candidate_id).formula
    except NotFoundError:  # it came from a file
        return record, record.candidate_id
