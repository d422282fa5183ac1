"""``discover pseudos``: pseudopotentials for Quantum ESPRESSO, which are there and how to get them."""

from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import FAILED, INTERRUPTED, refuse

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(no_args_is_help=True, help="Pseudopotentials for Quantum ESPRESSO: list, fetch.")


@app.command("list")
def list_pseudos(
    elements: Annotated[
        list[str] | None, typer.Argument(help="Elements, such as Bi Te; all without.", show_default=False)
    ] = None,
) -> None:
    """List the fully relativistic pseudopotentials and say which are ready.

    Cutoffs are PseudoDojo's recommendations for the wavefunctions in Ry. Exit status 1 where one that was
    asked for is missing.

    \b
    Examples:
      discover pseudos list
      discover pseudos list Bi Te
    """
    from rich.table import Table

    from discovery.settings import get_settings
    from discovery.verification.engines.espresso import pseudos

    settings = get_settings()
    known = pseudos.table()
    wanted = _symbols(elements)
    if unknown := [element for element in wanted if element not in known]:
        refuse(
            f"PseudoDojo's fully relativistic set has no {', '.join(unknown)}", f"It has: {' '.join(known)}"
        )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("element", "file", "state"):
        table.add_column(column)
    for hint in ("low", "normal", "high"):
        table.add_column(f"{hint} (Ry)", justify="right")
    states = {}
    for element in wanted or known:
        pseudo = known[element]
        states[element] = pseudos.state(pseudo, settings)
        cutoffs = (f"{pseudo.cutoffs[hint]:.0f}" for hint in ("low", "normal", "high"))
        table.add_row(element, pseudo.name, states[element], *cutoffs)
    _console().print(table)
    ready = sum(state == "ready" for state in states.values())
    typer.echo(f"{ready} of {len(states)} ready in {settings.resolved_pseudo_dir}", err=True)
    typer.echo(f"{pseudos.LICENCE}; cite {pseudos.CITATION}", err=True)
    if missing := [element for element in wanted if states[element] == "missing"]:
        typer.echo(f"Get them with: discover pseudos fetch {' '.join(missing)}", err=True)
        raise typer.Exit(FAILED)


@app.command("fetch")
def fetch(
    elements: Annotated[
        list[str] | None, typer.Argument(help="Elements, such as Bi Te; all without.", show_default=False)
    ] = None,
) -> None:
    """Download PseudoDojo's fully relativistic PBE pseudopotentials (22 MB), pinned and checked.

    They go into the folder that DISCOVER_PSEUDO_DIR names, by default one in the data directory. Set
    DISCOVER_MIRROR to a directory or URL laid out as OWNER/REPO/PATH where GitHub cannot be reached.

    \b
    Examples:
      discover pseudos fetch
      discover pseudos fetch Bi Te
      DISCOVER_PSEUDO_DIR=/scratch/upf discover pseudos fetch Sb
    """
    from discovery.databases.info import DatabaseError
    from discovery.settings import get_settings
    from discovery.verification.engines import StepError
    from discovery.verification.engines.espresso import pseudos

    settings = get_settings()
    try:
        made = pseudos.fetch(settings, _symbols(elements))
    except StepError as error:
        refuse(error.reason, error.remedy)
    except DatabaseError as error:
        refuse(error.message, error.remedy)
    except KeyboardInterrupt:
        refuse("Interrupted.", "The same command goes on where it stopped.", INTERRUPTED)
    what = f"Fetched {len(made)} files into" if made else "Everything is in"
    typer.echo(f"{what} {settings.resolved_pseudo_dir}")
    typer.echo(f"{pseudos.LICENCE}; cite {pseudos.CITATION}", err=True)


def _symbols(elements: list[str] | None) -> list[str]:
    return list(dict.fromkeys(element.capitalize() for element in elements or []))


def _console() -> "Console":
    from rich.console import Console

    made = Console()
    return made if made.is_terminal else Console(width=120)
