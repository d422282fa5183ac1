"""``discover topology``: indices, nodes, pictures and a verdict from anybody's Wannier Hamiltonian."""

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
PARITIES_REMEDY = "Give the log of irrep 2.6, or a CSV with the columns k1,k2,k3,odd and eight rows."


def topology(
    path: Annotated[
        Path, typer.Argument(help="hr.dat or tb.dat, gzipped or not, or its folder.", show_default=False)
    ],
    occupied: Annotated[
        int, typer.Option("--occupied", "-n", min=1, help="Bands below the gap.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder for verdict.json and the pictures.", show_default=False),
    ] = None,
    functional: Annotated[
        str | None,
        typer.Option(help="Density functional of the bands, such as PBE or HSE06.", show_default=False),
    ] = None,
    magnetic: Annotated[
        bool, typer.Option("--magnetic", help="Magnetic or spinless: no time reversal is expected.")
    ] = False,
    parities: Annotated[
        Path | None,
        typer.Option(help="Log of irrep, or a CSV or JSON table of odd Kramers pairs.", show_default=False),
    ] = None,
    fermi: Annotated[
        float | None,
        typer.Option(help="Fermi energy in eV; by default that of wt.in.", show_default=False),
    ] = None,
    surface: Annotated[
        list[str] | None,
        typer.Option(
            help="Miller index in the file's cell, such as 111 or '1 -1 0', or none.", show_default="001"
        ),
    ] = None,
    window: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Energies of surface spectra, eV from zero.", show_default="around the gap"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.", show_default=False)
    ] = None,
) -> None:
    """Say what the topology of a Wannier Hamiltonian is, and why, with pictures.

    Measures time reversal, the gap and, where it closes, the nodes; counts the Z2 indices by Wilson loops on
    six planes. A Hamiltonian that fails a gate gets no index: the verdict is inconclusive and says why. What
    lies beside the file is used: .win, .wout, .eig, wt.in. With -o it draws Wilson loops, bands, surfaces.

    Examples:

        discover topology wannier90_hr.dat --occupied 18

        discover topology Bi2Se3/ --occupied 18 --functional PBE -o verdict --surface 001 --surface 100

        discover topology Sb/ --occupied 10 --parities irrep.log -o verdict --surface none

        discover topology Weyl/ --occupied 1 --magnetic
    """  # fmt: skip
    from discovery.cli.topology_options import energy_window, miller_indices
    from discovery.cli.topology_tables import print_verdict
    from discovery.topology.evidence import measure
    from discovery.topology.parities import ParityError
    from discovery.topology.tightbinding import HamiltonianError
    from discovery.topology.verdict import decide
    from discovery.wannier.companions import find_companions
    from discovery.wannier.hr import find_hamiltonian, read_model
    from discovery.wannier.occupation import check_occupation
    from discovery.wannier.parity_table import read_parities

    surfaces, shown = miller_indices(surface, bool(output)), energy_window(window)
    if output and output.exists() and not output.is_dir():
        refuse(f"{output} is a file", "name a folder with -o", USAGE)
    try:
        file = find_hamiltonian(path)
        model = read_model(path)
        found = find_companions(file, model, fermi)
    except HamiltonianError as error:
        refuse(str(error), READ_REMEDY)
    try:
        indices = read_parities(parities) if parities else None
    except ParityError as error:
        refuse(str(error), PARITIES_REMEDY)
    from rich.console import Console

    model = found.in_atom_order(model)
    try:
        check_occupation(file, occupied)
        with Console(stderr=True).status(f"{file.name}: {model.n_orbitals} orbitals"):
            evidence = measure(
                model,
                occupied,
                magnetic=magnetic,
                parities=indices,
                sites=found.atoms,
                without_sites=found.without_sites,
                distance_ev=found.distance_ev,
                spread=found.spread,
                workers=workers or default_workers(),
            )
    except HamiltonianError as error:
        refuse(str(error), OCCUPIED_REMEDY)
    verdict = decide(evidence, functional, _provenance(file, model.n_orbitals, occupied), found.notes)
    print_verdict(verdict)
    if output:
        from discovery.cli.topology_pictures import draw

        output.mkdir(parents=True, exist_ok=True)
        (output / "verdict.json").write_text(verdict.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draw(output, file.name, model, evidence, verdict, found, surfaces, shown, workers)


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
