"""Quantum ESPRESSO as an engine: what is written, run and read for each step of a verification."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from discovery.verification.engines import StepOutput

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from dft_templates.presets import Preset
    from discovery.verification.options import Options


class EspressoEngine:
    """Quantum ESPRESSO; see `discovery.verification.engines.Engine`."""

    name: Literal["espresso"] = "espresso"

    def require(self, structure: "Structure", options: "Options") -> None:
        """Refuse what Quantum ESPRESSO does not do, before anything is written.

        Raises:
            StepError: a check with mBJ or of a magnetic crystal, or +U on an element that pw.x does not have.
        """
        from discovery.verification.engines.espresso import hubbard, hybrid

        hybrid.require(options)
        hubbard.wanted([site.specie.symbol for site in structure], options.hubbard)

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
        from discovery.verification.engines.espresso.writing import write_step

        write_step(step, structure, preset, options, directory, previous)

    def run(self, step: str, directory: Path, previous: Mapping[str, Path], options: "Options") -> None:
        """Run the programs of a step one after the other.

        Raises:
            StepError: a program or pseudopotential is missing, a program failed or did not converge.
        """
        from discovery.verification.engines.espresso.running import run_step

        run_step(step, directory, previous, options)

    def parse(self, step: str, directory: Path) -> StepOutput:
        """Read the results of a finished step.

        Raises:
            StepError: output that is missing, cut off or not converged.
        """
        from discovery.verification.engines.espresso.reading import read_step

        return read_step(step, directory)
