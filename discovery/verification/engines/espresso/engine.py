"""The steps of a verification as Quantum ESPRESSO does them: what is written, run and read for each."""

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from discovery.settings import get_settings
from discovery.verification.engines import PendingInput, StepError, StepOutput
from discovery.verification.engines.espresso import inputs, pseudos, runs
from discovery.verification.engines.espresso.parse import read_pw
from discovery.verification.engines.espresso.upf import Upf
from discovery.verification.meshes import TRIMS, irreducible_count, mesh_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from dft_templates.presets import Preset
    from discovery.verification.options import Options
    from discovery.verification.plan import WannierPlan
    from discovery.verification.projections import Choice

WITHOUT_COUPLING = ("relax", "static", "bands")

DENSITY_OF = {
    "bands": "static",
    "bands_soc": "static_soc",
    "parities": "static_soc",
    "wannier_input": "static_soc",
}
"""Step at fixed density → the step whose density it reads: one of the same spin treatment."""

IRREP_LOG = "irrep.log"


class EspressoEngine:
    """Quantum ESPRESSO; see `discovery.verification.engines.Engine`."""

    name: Literal["espresso"] = "espresso"

    def write(
        self,
        step: str,
        structure: "Structure",
        preset: "Preset",
        options: "Options",
        directory: Path,
        previous: Mapping[str, Path],
    ) -> None:
        """Write every input file of a step.

        Raises:
            StepError: a pseudopotential is missing, or Quantum ESPRESSO cannot do this.
            PendingInput: the plan of Wannier functions waits for eigenvalues.
        """
        if step == "check":
            raise StepError(
                "Quantum ESPRESSO 6.7 has neither hybrid nor mBJ bands with spin–orbit coupling on a path",
                "Check the inversion with --engine vasp, or leave --check out.",
            )
        settings, chosen = get_settings(), preset.espresso
        upfs = {symbol: pseudos.find(symbol, settings) for symbol in _symbols(structure)}
        coupled = self._coupled(step, upfs)
        if step == "parities":
            _require_symmetric(structure)
        ecutwfc = chosen.SYSTEM.get("ecutwfc") or round(
            chosen.cutoff_fraction * pseudos.cutoff(upfs.values(), chosen.cutoff), 1
        )
        electrons = sum(upfs[site.specie.symbol].z_valence for site in structure)
        choices = _choices(upfs, _projections(preset))
        nbnd = _bands(structure, choices, electrons, preset, coupled)
        mesh = mesh_of(structure, chosen.k_spacing)
        facts: dict[str, Any] = {
            "step": step,
            "electrons": electrons,
            "cutoff (Ry)": ecutwfc,
            "pseudopotentials": {symbol: _identity(upf) for symbol, upf in upfs.items()},
            "projections": _projections(preset),
        }

        def pw(calculation: inputs.Calculation, kpoints: Any, *, as_listed: bool = False) -> None:
            text = inputs.pw_input(
                structure,
                upfs,
                chosen,
                options,
                calculation=calculation,
                spin_orbit=coupled,
                ecutwfc=float(ecutwfc),
                nbnd=nbnd,
                kpoints=kpoints,
                as_listed=as_listed,
            )
            (directory / "pw.in").write_text(text, encoding="utf-8")

        if step in ("relax", "static", "static_soc"):
            facts["k-points"] = irreducible_count(structure, mesh)
            pw("vc-relax" if step == "relax" else "scf", mesh)
        elif step in ("bands", "bands_soc"):
            from discovery.verification.path import band_path

            path = band_path(structure, chosen.line_spacing, time_reversal=not options.magnetic)
            facts["k-points"] = len(path.kpoints)
            pw("bands", path.kpoints)
            (directory / "projwfc.in").write_text(inputs.projwfc_input(), encoding="utf-8")
        elif step == "parities":
            facts["k-points"] = len(TRIMS)
            pw("bands", TRIMS, as_listed=True)
        elif step == "wannier_input":
            from discovery.verification.inputs import kpoints, write_pw2wannier90

            mesh = mesh_of(structure, preset.wannier.k_spacing)
            points = np.array(np.meshgrid(*(np.arange(n) / n for n in mesh), indexing="ij"))
            facts["k-points"] = int(np.prod(mesh))
            pw("nscf", points.reshape(3, -1).T, as_listed=True)
            runs.write_facts(directory, facts)
            plan = _plan(structure, choices, mesh, nbnd, previous)
            if not np.allclose(kpoints(plan), points.reshape(3, -1).T):
                raise StepError("the plan's k-points are in another order than those of pw.x")
            _write_plan(plan, directory)
            text = write_pw2wannier90(plan, inputs.PREFIX, inputs.OUTDIR)
            (directory / "pw2wannier90.in").write_text(text, encoding="utf-8")
        else:
            raise StepError(f"Quantum ESPRESSO has no step {step!r}")
        runs.write_facts(directory, facts)

    def _coupled(self, step: str, upfs: Mapping[str, Upf]) -> bool:
        """Say whether a step runs with coupling, as relaxations do where there is no going without.

        Raises:
            StepError: the step is one without coupling, and a pseudopotential cannot do without.
        """
        if step not in WITHOUT_COUPLING:
            return True
        stuck = [upf.file.name for upf in upfs.values() if not upf.averages]
        if stuck and step != "relax":
            raise StepError(
                f"Quantum ESPRESSO cannot average {', '.join(stuck)} over j (projectors of opposite sign): "
                "there are no bands without spin–orbit coupling",
                "The steps with coupling do not need it; VASP has both.",
            )
        return bool(stuck)

    def run(self, step: str, directory: Path, previous: Mapping[str, Path], options: "Options") -> None:
        """Run the programs of a step one after the other.

        Raises:
            StepError: a program or pseudopotential is missing, a program failed or did not converge.
        """
        facts = runs.read_facts(directory)
        _require_pseudos(facts)
        if step in DENSITY_OF:
            copy_density(previous, DENSITY_OF[step], directory)
        job = runs.Runner(directory, options, n_kpoints=int(facts["k-points"]))
        job.pw()
        if step in ("bands", "bands_soc"):
            job.program("projwfc.x", "projwfc", pools=True)
        elif step == "parities":
            self._irrep(directory, facts)
        elif step == "wannier_input":
            self._overlaps(directory, facts, job)
        runs.forget_wavefunctions(directory)

    def _irrep(self, directory: Path, facts: Mapping[str, Any]) -> None:
        from discovery.topology.parities import ParityError
        from discovery.wannier.irrep import IrrepError, run_irrep

        try:
            _, log = run_irrep(directory, f"out/{inputs.PREFIX}", round(facts["electrons"]))
        except (IrrepError, ParityError) as error:
            raise StepError(str(error), "The Wilson loops do not need parities.") from None
        (directory / IRREP_LOG).write_text(log, encoding="utf-8")

    def _overlaps(self, directory: Path, facts: Mapping[str, Any], job: "runs.Runner") -> None:
        """Decide the plan again from the states on its own mesh, then ask for overlaps and projections."""
        from pymatgen.core import Structure

        from discovery.verification.plan import WannierPlan
        from discovery.verification.wannier90 import run_setup
        from discovery.verification.wannierise import wannier90_command

        coarse = WannierPlan.load(directory)
        structure = Structure(
            coarse.lattice, [atom.element for atom in coarse.atoms], [atom.position for atom in coarse.atoms]
        )
        settings = get_settings()
        upfs = {symbol: pseudos.find(symbol, settings) for symbol in _symbols(structure)}
        plan = WannierPlan.decide(
            structure,
            _choices(upfs, facts["projections"]),
            read_pw(directory).eigenvalues(),
            coarse.mesh,
            "QE",
        )
        _write_plan(plan, directory)
        run_setup(directory, plan.seed, command=wannier90_command())
        job.program("pw2wannier90.x", "pw2wannier90")
        for ending in ("mmn", "amn", "eig"):
            if not (directory / f"{plan.seed}.{ending}").is_file():
                raise StepError(
                    f"pw2wannier90.x left no {plan.seed}.{ending} in {directory}",
                    f"See {directory / 'pw2wannier90.out'}.",
                )

    def parse(self, step: str, directory: Path) -> StepOutput:
        """Read the results of a finished step.

        Raises:
            StepError: output that is missing, cut off or not converged.
        """
        facts, took = runs.read_facts(directory), runs.read_took(directory)
        found = read_pw(directory)
        if step not in DENSITY_OF and not found.converged:
            raise StepError(f"{found.path}: the run did not converge", f"See {directory / 'pw.out'}.")
        numbers = {"cutoff (Ry)": float(facts["cutoff (Ry)"]), "CPU time (s)": took.cpu_seconds}
        output: dict[str, Any] = {
            "functional": found.functional + ("+U" if found.root.find("input/dft/dftU") is not None else ""),
            "seconds": took.seconds,
            "memory_mb": took.memory_mb,
            "programs": {"Quantum ESPRESSO": found.version},
            "magnetisation": found.magnetisation,
        }
        if step in ("relax", "static", "static_soc"):
            numbers |= {"energy (eV)": found.energy, "density iterations": float(found.scf_steps)}
        if step == "relax":
            output["structure"] = found.structure()
            if found.largest_force is not None:
                numbers["largest force (eV/Å)"] = found.largest_force
        elif step == "parities":
            from discovery.wannier.irrep import parse_irrep

            log = (directory / IRREP_LOG).read_text(encoding="utf-8")
            output["parities"] = parse_irrep(log).indices
        else:
            bands = found.eigenvalues(runs.read_fermi(directory), on_path=step in ("bands", "bands_soc"))
            output["eigenvalues"] = bands
            numbers["Fermi energy (eV)"] = bands.fermi
            numbers["bands"] = float(bands.energies.shape[1])
        if step in ("bands", "bands_soc"):
            from discovery.verification.engines.espresso.weights import orbital_weights

            n_k, n_bands = output["eigenvalues"].energies.shape
            output["orbital_weights"] = orbital_weights(
                directory / inputs.SAVE / "atomic_proj.xml", directory / "projwfc.out", n_k, n_bands
            )
        if step == "wannier_input":
            from discovery.verification.plan import WannierPlan

            plan = output["wannier_plan"] = WannierPlan.load(directory)
            output["wannier_files"] = {
                kind: directory / f"{plan.seed}.{kind}" for kind in ("win", "mmn", "amn", "eig")
            }
        return StepOutput(numbers=numbers, **output)


def copy_density(previous: Mapping[str, Path], source: str, directory: Path) -> None:
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


def _symbols(structure: "Structure") -> list[str]:
    return list(dict.fromkeys(site.specie.symbol for site in structure))


def _projections(preset: "Preset") -> dict[str, Any]:
    return dict(getattr(preset.wannier, "projections", None) or {})


def _choices(upfs: Mapping[str, Upf], overrides: Mapping[str, Any]) -> "dict[str, Choice]":
    from discovery.verification.projections import choices
    from discovery.verification.valence import read_upf

    return choices([read_upf(upf.file) for upf in upfs.values()], overrides)


def _bands(
    structure: "Structure",
    choices: "Mapping[str, Choice]",
    electrons: float,
    preset: "Preset",
    coupled: bool,
) -> int:
    """Return the bands of a run: what the preset wants above the filled ones, or what the plan will need."""
    from discovery.verification.plan import bands_needed

    chosen = preset.espresso
    empty = max(chosen.empty_at_least, chosen.empty_fraction * electrons)
    wanted = 2 * int(np.ceil((electrons + empty) / 2))
    if not coupled:
        return wanted // 2
    return max(wanted, bands_needed(choices, Counter(site.specie.symbol for site in structure)))


def _plan(
    structure: "Structure",
    choices: "Mapping[str, Choice]",
    mesh: tuple[int, int, int],
    nbnd: int,
    previous: Mapping[str, Path],
) -> "WannierPlan":
    from discovery.verification.plan import WannierPlan

    place = previous.get("static_soc")
    if place is None or not (place / inputs.SAVE).is_dir():
        source = "eigenvalues of static_soc"
        raise PendingInput({"wannier90.win": source, "pw2wannier90.in": source})
    return WannierPlan.decide(structure, choices, read_pw(place).eigenvalues(), mesh, "QE", n_bands=nbnd)


def _write_plan(plan: "WannierPlan", directory: Path) -> None:
    from discovery.verification.inputs import write_win

    plan.save(directory)
    (directory / f"{plan.seed}.win").write_text(write_win(plan), encoding="utf-8")


def _identity(upf: Upf) -> dict[str, str]:
    from discovery.databases.info import file_sha256

    return {"file": upf.file.name, "sha256": file_sha256(upf.file)}


def _require_pseudos(facts: Mapping[str, Any]) -> None:
    """Refuse to run with other pseudopotentials than the input was written for."""
    from discovery.databases.info import file_sha256

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


def _require_symmetric(structure: "Structure") -> None:
    """Refuse a cell that is symmetric only roughly: irrep finds no partner for its plane waves."""
    from discovery.verification.path import STANDARDISE, space_group

    rough, exact = space_group(structure), space_group(structure, 1e-8)
    if rough != exact:
        raise StepError(
            f"the cell has space group {rough} at 0.01 Å and {exact} at 1e-8 Å: irrep needs an exact one",
            STANDARDISE,
        )
