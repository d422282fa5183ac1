"""The job that measures a Hamiltonian and says what it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from discovery.verification import plots, quality
from discovery.verification.engines import StepError
from discovery.verification.magnetic import with_chern_numbers
from discovery.verification.plan import WannierPlan
from discovery.verification.quality import ABOVE
from discovery.verification.results import VERDICT, Request, StepResult, write_text
from discovery.verification.steps import StepMaker, directories, functional_of
from discovery.verification.wannierise import HAMILTONIAN_REMEDY, hamiltonian, sites_of


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

        places = directories(previous)
        wannier = next(result for result in previous if result.name == "wannier")
        plan, model = WannierPlan.load(places["wannier"]), hamiltonian(places["wannier"])
        distance = wannier.numbers.get(quality.BANDS)
        limit = wannier.numbers.get(quality.BANDS_LIMIT)
        parities = plots.read_parities(places["parities"]) if "parities" in places else None
        functional = functional_of(previous)
        try:
            evidence = measure(
                model,
                plan.n_occupied,
                magnetic=request.options.magnetic,
                parities=parities,
                sites=sites_of(plan),
                distance_ev=None if distance is None else 1e-3 * distance,
                distance_limit=DISTANCE if limit is None else 1e-3 * limit,
                spread=wannier.numbers.get(quality.SPREAD),
            )
        except HamiltonianError as error:
            raise StepError(str(error), HAMILTONIAN_REMEDY) from None
        notes = list(wannier.tried)
        compared = wannier.numbers.get(quality.COMPARED, ABOVE)
        if compared < ABOVE:
            top = f"{compared:.2f} eV above E_F"
            notes.append(f"Wannier bands were compared up to {top}, where the frozen window ends.")
        verdict = decide(evidence, functional or None, _provenance(request, places["wannier"]), notes)
        if request.options.magnetic:
            verdict = with_chern_numbers(verdict, model, plan.n_occupied)
        write_text(directory / VERDICT, verdict.model_dump_json(indent=2) + "\n")
        if evidence.z2 is not None:
            plots.write_plots(wilson_plots(evidence.z2), directory / plots.WILSON)
        numbers = {"Wannier functions": float(model.n_orbitals), "occupied": float(plan.n_occupied)}
        return {"numbers": numbers, "functional": functional, "stand_in": wannier.stand_in}


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
