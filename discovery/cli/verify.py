"""``discover verify``: from a candidate or a file to a verdict by first principles."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discovery.cli.console import USAGE, refuse

if TYPE_CHECKING:
    from discovery.cli.verify_runs import Refusals
    from discovery.verification.options import Options
    from discovery.verification.results import Request
    from discovery.verification.sources import Source


class EngineName(StrEnum):
    """First-principles programs."""

    vasp = "vasp"
    espresso = "espresso"


class CheckName(StrEnum):
    """Functionals that a verdict can be held against."""

    hse06 = "hse06"
    mbj = "mbj"


class Place(StrEnum):
    """Where flows run."""

    local = "local"
    slurm = "slurm"
    jobflow_remote = "jobflow-remote"


def verify(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="Candidate ids or their beginnings, or structure files.", show_default=False),
    ] = None,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="The candidates that were accepted in review.")
    ] = False,
    run: Annotated[
        str | None,
        typer.Option(
            help="Of this run only, or its beginning; needs --accepted or --top.", show_default=False
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1, help="The N best of --run, rejected ones left out, or of --accepted.", show_default=False
        ),
    ] = None,
    engine: Annotated[EngineName, typer.Option(help="First-principles program.")] = EngineName.espresso,
    preset: Annotated[str, typer.Option(help="fast, standard, paper, or a YAML file.")] = "standard",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override a value of the preset by its dotted name; repeatable.",
            show_default=False,
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="DIR", help="Write every input file here and run nothing."),
    ] = None,
    submit: Annotated[
        Place | None, typer.Option(help="Run it on this machine or on a cluster.", show_default=False)
    ] = None,
    cluster: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What a queue is to know: see `discover cluster init`; without it the one that is found.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent, and write and send nothing.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Of --submit local: candidates side by side.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder of all verifications; DISCOVER_VERIFICATIONS, or verifications.",
            show_default=False,
        ),
    ] = None,
    relax: Annotated[bool, typer.Option("--relax/--no-relax", help="Relax ions and cell first.")] = True,
    hubbard: Annotated[
        list[str] | None,
        typer.Option(metavar="ELEMENT=U", help="LDA+U (Dudarev) in eV; repeatable.", show_default=False),
    ] = None,
    check: Annotated[
        CheckName | None,
        typer.Option(help="Check the inversion with this functional.", show_default=False),
    ] = None,
    magnetic: Annotated[bool, typer.Option("--magnetic", help="Start magnetic, without Z2 indices.")] = False,
    stop_early: Annotated[
        bool, typer.Option("--stop-early/--no-stop-early", help="Stop where a step already decides.")
    ] = True,
    surface: Annotated[bool, typer.Option("--surface/--no-surface", help="Compute surface spectra.")] = True,
    miller: Annotated[str, typer.Option(help="Miller index of the surface, in the primitive cell.")] = "001",
    parallel: Annotated[int, typer.Option(min=1, help="MPI ranks of the program.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="OpenMP threads of each rank.")] = 1,
) -> None:
    """Compute the topology of candidates or structure files from first principles.

    Relaxation, bands with and without spin–orbit coupling, parities where there is inversion, Wannier
    functions, Wilson loops, surfaces, verdict. Each step has its directory; begun again, the same command
    goes on after the last step that ended.

    Examples:

        discover verify 9d3bd41f --submit local --parallel 2

        discover verify Sb.cif --preset fast --no-relax --submit local

        discover verify 9d3bd41f --engine vasp --set INCAR.ENCUT=520 --write inputs

        discover verify 9d3b 5e0c --engine vasp --hubbard Fe=4 --check hse06 --write inputs

        discover verify --accepted --submit local --jobs 2

        discover verify --accepted --submit slurm --dry-run

        discover verify --run 5f3a --top 20 --engine vasp --write inputs
    """
    if not what and not accepted and run is None and top is None:
        refuse(
            "nothing is selected",
            "Give ids or structure files, --accepted for what was accepted in review, or --run RUN --top N.",
            USAGE,
        )
    if not accepted and (run is None) != (top is None):
        refuse(
            "--top does not say of which run" if run is None else "--run alone selects nothing",
            "Write --run RUN --top N for the N best of a run, or add --accepted.",
            USAGE,
        )
    if (write is None) == (submit is None):
        refuse(
            "say what to do",
            "--write DIR writes the inputs, --submit local runs them here, --submit slurm on a cluster.",
            USAGE,
        )
    from discovery.cli.verify_queue import submit_remote, submit_slurm
    from discovery.cli.verify_runs import Refusals, run_here, run_side_by_side

    if submit in (None, Place.local) and (cluster is not None or dry_run):
        option = "--dry-run" if dry_run else "--cluster"
        refuse(f"{option} is for a queue", "Add --submit slurm, or leave it out.", USAGE)
    if submit is not Place.local and jobs != 1:
        remedy = "A cluster's is max_jobs in cluster.yaml." if submit else "Add --submit local."
        refuse("--jobs is for --submit local", remedy, USAGE)
    if submit is Place.slurm and (parallel, threads) != (1, 1):
        remedy = "Write ranks and threads there, and leave --parallel and --threads out."
        refuse("the resources of jobs are those of the cluster file", remedy, USAGE)
    options = _options(
        relax=relax,
        hubbard=_hubbard(hubbard or []),
        check=check.value if check else None,
        magnetic=magnetic,
        stop_early=stop_early,
        surfaces=surface,
        miller=_miller(miller),
        ranks=parallel,
        threads=threads,
    )
    root = write or output or _root()
    if root.exists() and not root.is_dir():
        refuse(f"{root} is a file", "Name a directory.", USAGE)
    sources = _sources(what or [], accepted, run, top)
    with Refusals() as refusals:
        requests = _requests(sources, root, engine.value, preset, set_ or [], options, refusals)
        if write is not None:
            _write(requests, refusals)
        elif submit is Place.local and jobs == 1:
            run_here(requests, refusals)
        elif submit is Place.local:
            run_side_by_side(requests, jobs, refusals)
        elif submit is Place.slurm:
            submit_slurm(requests, root, cluster, dry_run, refusals)
        else:
            submit_remote(requests, root, cluster, dry_run, refusals)


def _root() -> Path:
    from discovery.settings import get_settings

    return get_settings().verifications


def _options(**given: Any) -> "Options":
    from discovery.verification.options import Options

    return Options(**given)


def _hubbard(pairs: list[str]) -> dict[str, float]:
    from pymatgen.core import Element

    found = {}
    for pair in pairs:
        element, _, value = pair.partition("=")
        try:
            found[Element(element.strip()).symbol] = float(value)
        except ValueError:
            refuse(f"--hubbard {pair!r} is not ELEMENT=U", "Write for example --hubbard Fe=4.", USAGE)
    return found


def _miller(text: str) -> tuple[int, int, int]:
    import re

    numbers = re.findall(r"-?\d+", text) if re.search(r"[\s,]", text.strip()) else re.findall(r"-?\d", text)
    if len(numbers) != 3 or not any(map(int, numbers)):
        refuse(f"--miller {text!r} is no Miller index", "Write 111, 1-10 or 1,0,-1.", USAGE)
    h, k, l = map(int, numbers)  # noqa: E741
    return h, k, l


def _sources(what: list[str], accepted: bool, run: str | None, top: int | None) -> list["Source"]:
    from candidates.store import Store, StoreError
    from discovery.settings import get_settings
    from discovery.verification.engines import StepError
    from discovery.verification.sources import choose_candidates, find_source, from_candidate

    try:
        store = Store(get_settings().resolved_store_url)
        named = [find_source(text, store) for text in what]
        chosen = choose_candidates(store, accepted, run, top) if accepted or run is not None else []
        return named + [from_candidate(store.candidate(id)) for id in chosen]
    except StoreError as error:
        refuse(str(error), error.remedy)
    except StepError as error:
        refuse(error.reason, error.remedy)


def _requests(
    sources: list["Source"],
    root: Path,
    engine: str,
    preset: str,
    overrides: list[str],
    options: "Options",
    refusals: "Refusals",
) -> list["Request"]:
    from dft_templates.presets import PresetError, load_preset, parse_overrides
    from discovery.verification.engines import StepError
    from discovery.verification.flow import make_request

    try:
        choices = load_preset(preset, parse_overrides(overrides))
    except PresetError as error:
        refuse(error.reason, error.remedy, USAGE)
    requests: dict[str, Request] = {}
    for source in sources:
        try:
            request = make_request(source.structure, source.id, source.name, root, engine, choices, options)
        except StepError as error:
            refusals.add(f"{source.id} {source.name}: {error.reason}", error.remedy)
            continue
        requests.setdefault(request.candidate_id, request)
    return list(requests.values())


def _write(requests: list["Request"], refusals: "Refusals") -> None:
    from discovery.cli.verify_tables import print_written
    from discovery.verification.emit import write_inputs

    for request in requests:
        with refusals.of(request):
            print_written(request, write_inputs(request))
