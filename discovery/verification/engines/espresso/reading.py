"""The results of each step."""

from pathlib import Path
from typing import Any

from discovery.verification.engines import StepError, StepOutput
from discovery.verification.engines.espresso import hubbard, inputs, runs
from discovery.verification.engines.espresso.parse import read_pw
from discovery.verification.engines.espresso.steps import DENSITIES, DENSITY_OF, IRREP_LOG, PATHS


def read_step(step: str, directory: Path) -> StepOutput:
    """Read the results of a finished step; see `discovery.verification.engines.Engine.parse`."""
    facts, took = runs.read_facts(directory), runs.read_took(directory)
    found = read_pw(directory)
    if step not in DENSITY_OF and not found.converged:
        raise StepError(f"{found.path}: the run did not converge", f"See {directory / 'pw.out'}.")
    if (directory / hubbard.FOLDER).is_dir() and not found.functional.endswith("+U"):
        raise StepError(
            f"pw.x {found.version} did not take the +U of {directory / 'pw.in'}",
            "Take Quantum ESPRESSO 6.7 to 7.0, which read it from the namelist, or --engine vasp.",
        )
    numbers = {"cutoff (Ry)": float(facts["cutoff (Ry)"]), "CPU time (s)": took.cpu_seconds}
    output: dict[str, Any] = {
        "functional": found.functional,
        "seconds": took.seconds,
        "memory_mb": took.memory_mb,
        "programs": {"Quantum ESPRESSO": found.version},
        "magnetisation": found.magnetisation,
    }
    if step in DENSITIES or step == "check":
        numbers |= {"energy (eV)": found.energy, "density iterations": float(found.scf_steps)}
    if step == "relax":
        output["structure"] = found.structure()
        if found.largest_force is not None:
            numbers["largest force (eV/Å)"] = found.largest_force
    if facts.get("parities", step == "parities"):
        output["parities"] = _parities(directory)
    if step not in ("relax", "parities"):
        bands = found.eigenvalues(runs.read_fermi(directory), on_path=step in PATHS)
        output["eigenvalues"] = bands
        numbers |= {"Fermi energy (eV)": bands.fermi, "bands": float(bands.energies.shape[1])}
        if step in PATHS and not bands.spin_polarised:  # states of two spins are sorted together, weights not
            from discovery.verification.engines.espresso.weights import orbital_weights

            output["orbital_weights"] = orbital_weights(
                directory / inputs.SAVE / "atomic_proj.xml", directory / "projwfc.out", *bands.energies.shape
            )
    if step == "wannier_input":
        from discovery.verification.plan import WannierPlan

        plan = output["wannier_plan"] = WannierPlan.load(directory)
        output["wannier_files"] = {
            kind: directory / f"{plan.seed}.{kind}" for kind in ("win", "mmn", "amn", "eig")
        }
    return StepOutput(numbers=numbers, **output)


def _parities(directory: Path) -> Any:
    from discovery.topology.parities import ParityError
    from discovery.wannier.irrep import IrrepError, parse_irrep

    path = directory / IRREP_LOG
    try:
        return parse_irrep(path.read_text(encoding="utf-8")).indices
    except OSError as error:
        raise StepError(f"{path} cannot be read: {error.strerror}", "Run the step again.") from None
    except (IrrepError, ParityError) as error:
        raise StepError(f"{path}: {error}", "The Wilson loops do not need parities.") from None
