"""The engine that a verification calls: inputs, a run under custodian, results."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from discovery.verification.engines import StepError, StepOutput

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from discovery.verification.options import Options

LINES = ("bands", "bands_soc")


class VaspEngine:
    """Runs VASP through atomate2's input sets, `run_vasp` and custodian; see `Engine` for the methods."""

    name: Literal["vasp", "espresso"] = "vasp"

    def write(
        self,
        step: str,
        structure: "Structure",
        preset: Any,
        options: "Options",
        directory: Path,
        previous: Mapping[str, Path],
    ) -> None:
        """Write INCAR, KPOINTS, POSCAR and POTCAR.spec, never a POTCAR.

        Raises:
            StepError: the crystal or the choices cannot be treated.
            PendingInput: ``wannier_input`` before ``static_soc`` has run.
        """
        from discovery.verification.engines.vasp.inputs import write_step

        write_step(step, structure, preset, options, directory, previous.get("static_soc"))

    def run(self, step: str, directory: Path, previous: Mapping[str, Path], options: "Options") -> None:
        """Fetch the charge density and the POTCAR, run VASP under custodian, take the POTCAR away again.

        Raises:
            StepError: VASP, a POTCAR or the density is missing; custodian gave up; no convergence.
        """
        from discovery.verification.engines.vasp.record import VaspRecord
        from discovery.verification.engines.vasp.running import (
            fetch_density,
            run_under_custodian,
            with_potcar,
        )

        record = VaspRecord.read(directory)
        fetch_density(record, directory, previous)
        # VASP does not check a k-point block that it finds in a .win: only the plan's own may be there.
        for stale in directory.glob("wannier90.*"):
            if stale.name != "wannier90.win" or record.version >= 6:
                stale.unlink()
        with with_potcar(record, directory):
            run_under_custodian(record, directory, options.ranks)

    def parse(self, step: str, directory: Path) -> StepOutput:
        """Read vasprun.xml, OUTCAR and what the step made besides.

        Raises:
            StepError: output that is missing, cut off or not converged.
        """
        from discovery.verification.engines.vasp import outputs
        from discovery.verification.engines.vasp.record import VaspRecord

        record = VaspRecord.read(directory)
        run = outputs.read_vasprun(directory, projections=step in LINES)
        if outputs.is_spin_orbit(run) != record.spin_orbit:
            wanted = "with" if record.spin_orbit else "without"
            raise StepError(
                f"{directory} was to run {wanted} spin–orbit coupling and did not",
                "Run the step again from its own inputs.",
            )
        cost = outputs.costs(directory)
        fields: dict[str, Any] = {
            "functional": record.functional,
            "magnetisation": outputs.magnetisation(directory)
            if run.parameters.get("ISPIN") == 2 or record.spin_orbit
            else None,
            "programs": {"VASP": str(run.vasp_version)},
            "numbers": {"energy (eV)": float(run.final_energy)},
            "stand_in": outputs.stand_in(run),
            **cost,
        }
        if step == "relax":
            fields |= _relaxed(run, directory)
        else:
            fields["eigenvalues"] = outputs.eigenvalues_of(
                run, outputs.fermi_energy(directory), line=step in LINES or step == "parities"
            )
        if step in LINES:
            fields["orbital_weights"] = outputs.orbital_weights(run)
        if step == "parities" or (step == "check" and record.inversion):
            fields["parities"] = _parities(run, directory)
        if step == "wannier_input":
            fields |= _wannier(directory)
        return StepOutput(**fields)


def _relaxed(run: Any, directory: Path) -> dict[str, Any]:
    import numpy as np

    force = float(np.linalg.norm(np.asarray(run.ionic_steps[-1]["forces"]), axis=1).max())
    if not run.converged_ionic:
        raise StepError(
            f"{directory}: {force:.3f} eV/Å are left after {len(run.ionic_steps)} steps of relaxation",
            "Relax further from CONTCAR, or raise --set vasp.relax.INCAR.NSW.",
        )
    return {
        "structure": run.final_structure,
        "numbers": {"energy (eV)": float(run.final_energy), "largest force (eV/Å)": force},
    }


def _parities(run: Any, directory: Path) -> Any:
    import numpy as np

    from discovery.verification.engines.vasp.parities import read_parities
    from discovery.verification.meshes import TRIMS

    points = np.asarray(run.actual_kpoints, dtype=float)
    places = []
    for trim in TRIMS:
        found = np.flatnonzero(np.abs((points - trim) - np.round(points - trim)).max(axis=1) < 1e-5)
        if not len(found):
            raise StepError(f"{directory} has no k-point at {trim}", "Write its inputs again.")
        places.append(int(found[-1]) + 1)
    return read_parities(directory, float(run.parameters["NELECT"]), places)


def _wannier(directory: Path) -> dict[str, Any]:
    from discovery.verification.plan import WannierPlan

    plan = WannierPlan.load(directory)
    files = {kind: directory / f"{plan.seed}.{kind}" for kind in ("mmn", "amn", "eig", "win")}
    if missing := [str(file) for kind, file in files.items() if kind != "win" and not file.is_file()]:
        raise StepError(
            f"VASP wrote no {', '.join(missing)}",
            "The build needs -DVASP2WANNIER90 and Wannier90's library: see LWANNIER90 in VASP's wiki.",
        )
    return {
        "wannier_plan": plan,
        "wannier_files": {kind: file for kind, file in files.items() if file.is_file()},
    }
