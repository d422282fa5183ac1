"""Running a written step: its charge density, its POTCAR, custodian, and what atomate2 says of the result."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from discovery.verification.engines import StepError
from discovery.verification.engines.vasp import walltime
from discovery.verification.engines.vasp.custody import command, run_vasp_kwargs
from discovery.verification.engines.vasp.outputs import read_vasprun
from discovery.verification.engines.vasp.potentials import load_potcar
from discovery.verification.engines.vasp.record import VaspRecord

SAME_CELL = 1e-4
"""Å by which the cell that a density was made in may differ."""


def fetch_density(record: VaspRecord, directory: Path, previous: Mapping[str, Path]) -> None:
    """Copy the CHGCAR that a step reads beside its inputs.

    Raises:
        StepError: there is none, it was made with another spin treatment, or for another crystal.
    """
    if not record.density_of:
        return
    source = previous.get(record.density_of)
    found = [file for name in ("CHGCAR", "CHGCAR.gz") if source and (file := source / name).is_file()]
    if source is None or not found or not found[0].stat().st_size:
        raise StepError(
            f"{record.step} reads the charge density of {record.density_of}, and there is no CHGCAR",
            f"Run {record.density_of} first, with LCHARG = .TRUE.",
        )
    maker = VaspRecord.read(source)
    if maker.spin_orbit != record.spin_orbit:
        raise StepError(
            f"{record.step} has spin–orbit coupling and the density in {source} was made without"
            if record.spin_orbit
            else f"{record.step} has no spin–orbit coupling and the density in {source} was made with it",
            f"Take the density of {record.density_of}: bands on another one are wrong.",
        )
    _require_same_crystal(directory, source)
    shutil.copyfile(found[0], directory / found[0].name)
    if found[0].suffix == ".gz":
        from monty.io import zopen

        with zopen(str(directory / "CHGCAR.gz"), "rb") as packed, (directory / "CHGCAR").open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        (directory / "CHGCAR.gz").unlink()


def _require_same_crystal(directory: Path, source: Path) -> None:
    from pymatgen.core import Structure

    here, there = (Structure.from_file(str(place / "POSCAR")) for place in (directory, source))
    same = [site.specie for site in here] == [site.specie for site in there] and (
        np.abs(here.lattice.matrix - there.lattice.matrix).max() < SAME_CELL
    )
    if same:
        apart = here.frac_coords - there.frac_coords
        same = bool(np.abs((apart - np.round(apart)) @ here.lattice.matrix).max() < SAME_CELL)
    if not same:
        raise StepError(
            f"the density in {source} belongs to another crystal than {directory / 'POSCAR'}",
            "Run the static step again for this structure.",
        )


@contextmanager
def with_potcar(record: VaspRecord, directory: Path) -> Iterator[None]:
    """Put the POTCAR beside the inputs for the time of the run; it is licensed and not kept.

    Raises:
        StepError: the library lacks it, or its electrons are not those that the inputs were made for.
    """
    from pymatgen.io.vasp.inputs import Poscar

    potcar = load_potcar(record.potcars, record.potcar_functional)
    counts = Poscar.from_file(str(directory / "POSCAR"), check_for_potcar=False).natoms
    electrons = sum(count * single.nelectrons for count, single in zip(counts, potcar, strict=True))
    if abs(electrons - record.n_electrons) > 1e-3:
        raise StepError(
            f"the POTCARs hold {electrons:g} electrons and the inputs were made for {record.n_electrons:g}",
            "Write the inputs on the machine that has the POTCARs, or name them (vasp.potcars).",
        )
    try:
        potcar.write_file(str(directory / "POTCAR"))
        yield
    finally:
        for file in directory.glob("POTCAR*"):
            if file.name != "POTCAR.spec":
                file.unlink()


def run_under_custodian(record: VaspRecord, directory: Path, ranks: int) -> None:
    """Run VASP as atomate2 does and hold its answer against atomate2's own judgement.

    Raises:
        WalltimeReached: VASP was stopped before its deadline and can go on.
        StepError: VASP is missing, custodian gave up, or atomate2 calls the run unsuccessful.
    """
    from atomate2.vasp.jobs.base import get_vasp_task_document

    start = command(record.spin_orbit, ranks)
    kwargs = run_vasp_kwargs(
        record.spin_orbit, bool(record.density_of), rewrites_incar=record.step != "wannier_input", start=start
    )
    kwargs["custodian_kwargs"] |= {"directory": str(directory)}
    with walltime.watched(record.step, directory) as watching:
        kwargs["handlers"] = (*kwargs["handlers"], *watching)
        _run(record, directory, kwargs)
    task = get_vasp_task_document(directory)
    if task.state != "successful":
        raise StepError(
            f"{record.step}: atomate2 calls the run {task.state}, which means it did not converge",
            "Try --set INCAR.ALGO=All, a larger INCAR.NELM, or vasp.relax.INCAR.NSW for a relaxation.",
        )


def _run(record: VaspRecord, directory: Path, kwargs: dict[str, Any]) -> None:
    from atomate2.vasp.run import run_vasp
    from custodian.custodian import CustodianError

    try:
        run_vasp(**kwargs)
    except CustodianError as error:
        reason, remedy = _diagnosis(directory, str(error))
        raise StepError(f"{record.step}: {reason}{_last_words(directory)}", remedy) from None


def _last_words(directory: Path) -> str:
    """Return the last line of standard error or output, where there is one."""
    for name in ("std_err.txt", "vasp.out"):
        file = directory / name
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n") if file.is_file() else []
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if last:
            return f" ({name}: {last[:200]})"
    return ""


def _diagnosis(directory: Path, error: str) -> tuple[str, str]:
    """Return what is wrong and what to do: what the files say, otherwise what custodian says."""
    try:
        read_vasprun(directory)
    except StepError as found:
        return found.reason, found.remedy
    return error, f"vasp.out, std_err.txt and custodian.json in {directory} have its words."
