"""The steps that every engine shares: Wannier functions, their topology, surfaces, and the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.verification import plots
from discovery.verification.engines import Engine, StepError, StepOutput, make_engine
from discovery.verification.quality import ABOVE
from discovery.verification.results import Request, StepResult, step_directory, write_text
from discovery.verification.steps import StepMaker, directories

if TYPE_CHECKING:
    from candidates.records import Verdict
    from discovery.topology.tightbinding import TightBinding
    from discovery.verification.quality import BandDistance

VERDICT = "verdict.json"

FROZEN = "frozen up to (eV from E_F)"
"""Number of the wannier step: above it no state of the functional is promised to be kept."""

HAMILTONIAN_REMEDY = "Look at the spreads and the disentanglement in the .wout of the wannier step."


def wannier_output(request: Request, engine: Engine | None = None) -> StepOutput:
    """Return what the engine left for Wannier90, the plan among it.

    Raises:
        StepError: it left none.
    """
    directory = step_directory(request, "wannier_input")
    output = (engine or make_engine(request.engine)).parse("wannier_input", directory)
    if output.wannier_plan is None:
        raise StepError(f"{directory} holds no plan of Wannier functions")
    return output


@dataclass
class WannierMaker(StepMaker):
    """Makes the job that turns overlaps and projections into a Hamiltonian."""

    name: str = "wannier"
    needs: tuple[str, ...] = ("wannier_input",)

    def work(self, request: Request, previous: list[StepResult], directory: Path) -> dict[str, Any]:
        """Run Wannier90 with its retries."""
        from dft_templates.presets import Preset
        from discovery.verification.wannierise import wannierise

        output = wannier_output(request)
        found = wannierise(output, Preset.model_validate(request.preset).wannier, request.options, directory)
        return {
            "numbers": found.numbers,
            "programs": found.programs,
            "notes": (*output.wannier_plan.notes, *found.corrections) if output.wannier_plan else (),
            "stand_in": output.stand_in,
            "functional": _functional(previous),
        }


@dataclass
class TopologyMaker(StepMaker):
    """Makes the job that measures a Hamiltonian and decides."""

    name: str = "topology"
    needs: tuple[str, ...] = ("wannier",)

    def work(self, request: Request, previous: list[StepResult], directory: Path) -> dict[str, Any]:
        """Measure gap, nodes, indices and gates, and write the verdict they allow."""
        from discovery.topology.evidence import DISTANCE, measure
        from discovery.topology.plots import wilson_plots
        from discovery.topology.tightbinding import HamiltonianError
        from discovery.topology.verdict import decide
        from discovery.verification.wannierise import sites_of

        places = directories(previous)
        engine = make_engine(request.engine)
        plan = wannier_output(request, engine).wannier_plan
        assert plan is not None
        by_name = {result.name: result for result in previous}
        numbers: dict[str, float] = {}
        distance, limit = None, DISTANCE
        model = _model(places["wannier"])
        above = min(ABOVE, by_name["wannier"].numbers.get(FROZEN, ABOVE))
        if "bands_soc" in places:
            found = _distance(model, engine, places["bands_soc"], plan.n_excluded, above)
            distance, limit = found.eta, found.limit
            numbers = {
                "band distance (meV)": 1e3 * found.eta,
                "largest of a filled band (meV)": 1e3 * found.largest_filled,
                "largest (meV)": 1e3 * found.largest,
                "largest at (eV from E_F)": found.largest_at,
            }
        parities = plots.read_parities(places["parities"]) if "parities" in places else None
        functional = _functional(previous)
        try:
            evidence = measure(
                model,
                plan.n_occupied,
                magnetic=request.options.magnetic,
                parities=parities,
                sites=sites_of(plan),
                distance_ev=distance,
                distance_limit=limit,
                spread=by_name["wannier"].numbers.get("largest spread (Å²)"),
            )
        except HamiltonianError as error:
            raise StepError(str(error), HAMILTONIAN_REMEDY) from None
        verdict = decide(evidence, functional or None, _provenance(request, places["wannier"]))
        if above < ABOVE:
            note = (
                f"Wannier bands were compared up to {above:.2f} eV above E_F, where the frozen window ends."
            )
            verdict = verdict.model_copy(update={"notes": (*verdict.notes, note)})
        write_text(directory / VERDICT, verdict.model_dump_json(indent=2) + "\n")
        if evidence.z2 is not None:
            plots.write_plots(wilson_plots(evidence.z2), directory / plots.WILSON)
        numbers["Wannier functions"] = float(model.n_orbitals)
        numbers["occupied"] = float(plan.n_occupied)
        return {"numbers": numbers, "functional": functional, "stand_in": by_name["wannier"].stand_in}


@dataclass
class SurfacesMaker(StepMaker):
    """Makes the job that draws the surface states."""

    name: str = "surfaces"
    needs: tuple[str, ...] = ("wannier", "topology")

    def work(self, request: Request, previous: list[StepResult], directory: Path) -> dict[str, Any]:
        """Compute the spectra of both terminations along the path of the surface zone."""
        import numpy as np

        from discovery.topology.green import surface_spectrum
        from discovery.topology.plots import surface_plots
        from discovery.topology.surface_lattice import MillerError
        from discovery.topology.tightbinding import HamiltonianError
        from discovery.wannier.wanniertools.hamiltonian import fermi_energy

        plan = wannier_output(request).wannier_plan
        assert plan is not None
        model = _model(directories(previous)["wannier"])
        fermi = fermi_energy(model, plan.n_occupied)
        chosen = request.preset["topology"]
        window = chosen["surface_window"]
        energies = fermi + np.linspace(-window, window, chosen["surface_energies"])
        try:
            spectrum = surface_spectrum(
                model,
                request.options.miller,
                energies,
                points=chosen["surface_points"],
                eta=chosen["surface_broadening"],
                workers=request.options.ranks * request.options.threads,
            )
        except (MillerError, HamiltonianError) as error:
            raise StepError(str(error), "Give another --miller.") from None
        plots.write_plots(
            surface_plots(spectrum, zero_ev=fermi, zero="Fermi energy"), directory / plots.SURFACES
        )
        return {"numbers": {"Fermi energy (eV)": fermi, "neglected hoppings (eV)": spectrum.neglected}}


@dataclass
class VerdictMaker(StepMaker):
    """Makes the job that puts everything together; it runs whatever became of the others."""

    name: str = "verdict"
    keeps = False

    def blocked(self, request: Request, previous: Sequence[StepResult]) -> str:
        """Nothing stands in its way."""
        return ""

    def work(self, request: Request, previous: list[StepResult], directory: Path) -> dict[str, Any]:
        """Write the verdict, if there is one, and the whole record."""
        from discovery.verification.collect import VERIFICATION, assemble

        places = directories(previous)
        verdict = _read_verdict(places["topology"]) if "topology" in places else None
        changes: dict[str, Any] = {}
        check = next((result for result in previous if result.name == "check"), None)
        if verdict is not None and check is not None:
            from discovery.verification.conclude import checked

            verdict = checked(
                verdict,
                check,
                plots.read_parities(places["parities"]) if "parities" in places else None,
                plots.read_parities(places["check"]) if "check" in places else None,
            )
        if verdict is None:
            first = next((r for r in previous if r.state in ("failed", "stopped")), None)
            changes["reason"] = f"no verdict: {first.name}: {first.reason}" if first else "no verdict"
            changes["state"] = "skipped"
        else:
            write_text(directory / VERDICT, verdict.model_dump_json(indent=2) + "\n")
        own = StepResult(name=self.name, state="done", directory=str(directory)).model_copy(update=changes)
        record = assemble(request, [*previous, own], verdict)
        write_text(Path(request.directory) / VERIFICATION, record.model_dump_json(indent=2) + "\n")
        return changes


def _model(directory: Path) -> "TightBinding":
    from discovery.topology.tightbinding import HamiltonianError
    from discovery.wannier.hr import read_model

    try:
        return read_model(directory)
    except HamiltonianError as error:
        raise StepError(str(error), HAMILTONIAN_REMEDY) from None


def _distance(
    model: "TightBinding", engine: Engine, directory: Path, n_excluded: int, above: float
) -> "BandDistance":
    from discovery.verification.quality import BandsDifferError, band_distance

    bands = engine.parse("bands_soc", directory).eigenvalues
    if bands is None:
        raise StepError(f"{directory} holds no bands to hold the Wannier functions against")
    try:
        return band_distance(model, bands, n_excluded, above)
    except BandsDifferError as error:
        raise StepError(str(error), "Give more projections: see the wannier section of the preset.") from None


def _read_verdict(directory: Path) -> "Verdict":
    from candidates.records import Verdict

    return Verdict.model_validate_json((directory / VERDICT).read_text(encoding="utf-8"))


def _functional(previous: Sequence[StepResult]) -> str:
    """Return the functional of the spin–orbit bands that the Wannier functions are made of."""
    found = {r.name: r.functional for r in previous if r.functional}
    return next((found[n] for n in ("wannier_input", "static_soc", "wannier") if n in found), "")


def _provenance(request: Request, wannier: Path) -> dict[str, str]:
    import hashlib
    from importlib.metadata import version

    from discovery.wannier.hr import find_hamiltonian

    file = find_hamiltonian(wannier)
    return {
        "file": str(file),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "candidate": request.candidate_id,
        "engine": request.engine,
        "preset": str(request.preset.get("name", "")),
        "program": f"xbert-discovery {version('xbert-discovery')}",
    }
