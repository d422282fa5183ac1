"""The programs of each step, one after the other."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.databases.info import file_sha256
from discovery.settings import get_settings
from discovery.verification.engines import StepError
from discovery.verification.engines.espresso import inputs, runs
from discovery.verification.engines.espresso.parse import read_pw
from discovery.verification.engines.espresso.steps import (
    DENSITY_OF,
    IRREP_LOG,
    PATHS,
    pseudopotentials,
    shell_choices,
    write_plan,
)

if TYPE_CHECKING:
    from discovery.verification.options import Options


def run_step(step: str, directory: Path, previous: Mapping[str, Path], options: "Options") -> None:
    """Run what `write_step` wrote; see `discovery.verification.engines.Engine.run`."""
    facts = runs.read_facts(directory)
    _require_pseudos(facts)
    runner = runs.Runner(directory, options, n_kpoints=int(facts["k-points"]))
    if step in DENSITY_OF and not runner.goes_on:
        _copy_density(previous, DENSITY_OF[step], directory)
    runner.pw(moving=step == "relax", hybrid=step == "check")
    if step in PATHS:
        runner.program("projwfc.x", "projwfc", pools=True)
    elif facts.get("parities", step == "parities"):
        _count_parities(directory, round(facts["electrons"]))
    elif step == "wannier_input":
        _make_overlaps(directory, facts["projections"], runner)
    runs.forget_wavefunctions(directory)


def _count_parities(directory: Path, electrons: int) -> None:
    from discovery.topology.parities import ParityError
    from discovery.wannier.irrep import IrrepError, run_irrep

    try:
        _, log = run_irrep(directory, f"out/{inputs.PREFIX}", electrons)
    except (IrrepError, ParityError) as error:
        raise StepError(str(error), "The Wilson loops do not need parities.") from None
    (directory / IRREP_LOG).write_text(log, encoding="utf-8")


def _make_overlaps(directory: Path, overrides: Mapping[str, Any], runner: runs.Runner) -> None:
    """Decide the plan again from the states on its own mesh, then ask for overlaps and projections."""
    from pymatgen.core import Structure

    from discovery.verification.plan import WannierPlan
    from discovery.verification.wannier90 import run_setup
    from discovery.verification.wannierise import wannier90_command

    coarse = WannierPlan.load(directory)
    elements = [atom.element for atom in coarse.atoms]
    structure = Structure(coarse.lattice, elements, [atom.position for atom in coarse.atoms])
    choices = shell_choices(pseudopotentials(elements), overrides)
    bands = read_pw(directory).eigenvalues()
    plan = WannierPlan.decide(
        structure, choices, bands, coarse.mesh, "QE", time_reversal=coarse.time_reversal
    )
    write_plan(plan, directory)
    run_setup(directory, plan.seed, command=wannier90_command())
    runner.program("pw2wannier90.x", "pw2wannier90")
    for ending in ("mmn", "amn", "eig"):
        if not (directory / f"{plan.seed}.{ending}").is_file():
            raise StepError(
                f"pw2wannier90.x left no {plan.seed}.{ending} in {directory}",
                f"See {directory / 'pw2wannier90.out'}.",
            )


def _copy_density(previous: Mapping[str, Path], source: str, directory: Path) -> None:
    """Copy the charge density of an earlier step, and note its Fermi energy.

    Raises:
        StepError: it is not there.
    """
    if source not in previous:
        raise StepError(f"the charge density of {source} is not there", f"Run {source} first.")
    target = directory / inputs.SAVE
    target.mkdir(parents=True, exist_ok=True)
    found = read_pw(previous[source])
    for name in ("data-file-schema.xml", "charge-density.dat", "occup.txt"):
        path = previous[source] / inputs.SAVE / name
        if path.is_file():
            shutil.copyfile(path, target / name)
        elif name != "occup.txt":  # there with +U only
            raise StepError(f"{path} is missing", f"Run {source} again.")
    if found.fermi is not None:
        runs.write_fermi(directory, found.fermi)


def _require_pseudos(facts: Mapping[str, Any]) -> None:
    """Refuse to run with other pseudopotentials than the input was written for."""
    folder = get_settings().resolved_pseudo_dir
    for symbol, pinned in facts["pseudopotentials"].items():
        path = folder / pinned["file"]
        if not path.is_file():
            raise StepError(
                f"{path} is missing",
                f"discover pseudos fetch {symbol}, or set DISCOVER_PSEUDO_DIR where the program runs.",
            )
        if file_sha256(path) != pinned["sha256"]:
            raise StepError(
                f"{path} is not the file that the input was written for",
                "Use the same pseudopotentials everywhere, or begin anew.",
            )
