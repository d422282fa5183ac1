"""``discover topology``: indices, nodes and a verdict from anybody's Wannier Hamiltonian."""

from pathlib import Path
from typing import Annotated

import typer

from discovery.cli.console import USAGE, default_workers, refuse

READ_REMEDY = (
    "Give a *_tb.dat, or a *_hr.dat with its .win and .wout (or wt.in) beside it, as wannier90 wrote them; "
    "set write_tb = true and run it again where the file is damaged."
)
OCCUPIED_REMEDY = (
    "--occupied counts the Wannier bands below the gap, spin included: valence electrons less those in "
    "excluded bands."
)


def topology(
    path: Annotated[
        Path, typer.Argument(help="hr.dat or tb.dat, gzipped or not, or its folder.", show_default=False)
    ],
    occupied: Annotated[
        int, typer.Option("--occupied", "-n", min=1, help="Bands below the gap.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder for verdict.json and wilson.html.", show_default=False),
    ] = None,
    functional: Annotated[
        str | None,
        typer.Option(help="Density functional of the bands, such as PBE or HSE06.", show_default=False),
    ] = None,
    magnetic: Annotated[
        bool, typer.Option("--magnetic", help="Magnetic or spinless: no time reversal is expected.")
    ] = False,
) -> None:
    """Say what the topology of a Wannier Hamiltonian is, and why.

    Measures time reversal, the gap and, where it closes, the nodes; counts the Z2 indices by Wilson loops on
    six planes. A Hamiltonian that fails a gate gets no index: the verdict is inconclusive and says why.

    Examples:

        discover topology wannier90_hr.dat --occupied 18

        discover topology Bi2Se3/ --occupied 18 --functional PBE -o verdict

        discover topology Weyl/ --occupied 1 --magnetic
    """
    from discovery.cli.topology_tables import print_verdict
    from discovery.topology.evidence import measure
    from discovery.topology.tightbinding import HamiltonianError
    from discovery.topology.verdict import decide
    from discovery.wannier.hr import find_hamiltonian, read_model
    from discovery.wannier.occupation import check_occupation

    if output and output.exists() and not output.is_dir():
        refuse(f"{output} is a file", "name a folder with -o", USAGE)
    try:
        file = find_hamiltonian(path)
        model = read_model(path)
    except HamiltonianError as error:
        refuse(str(error), READ_REMEDY)
    from rich.console import Console

    try:
        check_occupation(file, occupied)
        with Console(stderr=True).status(f"{file.name}: {model.n_orbitals} orbitals"):
            evidence = measure(model, occupied, magnetic=magnetic, workers=default_workers())
    except HamiltonianError as error:
        refuse(str(error), OCCUPIED_REMEDY)
    verdict = decide(evidence, functional, _provenance(file, model.n_orbitals, occupied))
    print_verdict(verdict)
    if output:
        output.mkdir(parents=True, exist_ok=True)
        written = [output / "verdict.json"]
        written[0].write_text(verdict.model_dump_json(indent=2) + "\n", encoding="utf-8")
        page = output / "wilson.html"
        page.unlink(missing_ok=True)
        if evidence.z2 is not None:
            from html import escape

            from discovery.wannier.wilson_plot import wilson_page

            title = f"{escape(file.name)}: {verdict.topology}"
            page.write_text(wilson_page(evidence.z2, title), encoding="utf-8")
            written.append(page)
        typer.echo("written: " + ", ".join(map(str, written)))


def _provenance(file: Path, n_orbitals: int, occupied: int) -> dict[str, str]:
    import hashlib
    from datetime import UTC, datetime
    from importlib.metadata import version

    return {
        "file": str(file.resolve()),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "orbitals": str(n_orbitals),
        "occupied": str(occupied),
        "program": f"xbert-discovery {version('xbert-discovery')}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
