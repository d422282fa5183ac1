"""The job that computes surface spectra."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from discovery.verification import plots
from discovery.verification.engines import StepError
from discovery.verification.plan import WannierPlan
from discovery.verification.results import Request, StepResult
from discovery.verification.steps import StepMaker, directories
from discovery.verification.wannierise import hamiltonian


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

        place = directories(previous)["wannier"]
        plan, model = WannierPlan.load(place), hamiltonian(place)
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
