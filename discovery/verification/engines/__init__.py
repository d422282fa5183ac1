"""What a first-principles program must do for a verification, whichever program it is.

The steps up to ``wannier_input`` are an engine's; everything after is shared. An engine is made without
arguments from its name, because a job on another machine makes it again.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from discovery.topology.parities import ParityResult
    from discovery.verification.eigenvalues import Eigenvalues
    from discovery.verification.options import Options
    from discovery.verification.plan import WannierPlan

__all__ = [
    "DEADLINE",
    "ENGINES",
    "UNFINISHED",
    "Engine",
    "Particular",
    "PendingInput",
    "StepError",
    "StepOutput",
    "WalltimeReached",
    "make_engine",
    "seconds_left",
]

DEADLINE = "DISCOVER_DEADLINE"
"""Environment variable: epoch seconds at which the job that a step runs in is ended."""

UNFINISHED = "unfinished.json"
"""File that an engine leaves in a step's directory which it can go on in: see `WalltimeReached`."""

ENGINES = {
    "espresso": "discovery.verification.engines.espresso:EspressoEngine",
    "vasp": "discovery.verification.engines.vasp:VaspEngine",
}
"""Name → ``module:class``."""


class StepError(Exception):
    """A step cannot be done, for a reason that was to be expected.

    Args:
        reason: what is wrong, in one sentence with the file or the number.
        remedy: what the user can do about it.
        advice: `bands` or `mesh`, where more of these from the step ``wannier_input`` may help.
    """

    def __init__(self, reason: str, remedy: str = "", advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.advice = advice

    def __str__(self) -> str:
        return self.reason


class WalltimeReached(StepError):
    """A step was stopped in good order before its deadline and can go on; it has not failed.

    The engine has left `UNFINISHED` in the step's directory. Whoever runs the same step with the same inputs
    again leaves the directory as it is and calls `Engine.run` without `Engine.write`.
    """


class PendingInput(StepError):
    """Part of an input follows from results that are not there yet; the rest has been written.

    Args:
        needs: what is open (`dis_froz_max`) → where it will come from (`eigenvalues of static_soc`).
    """

    def __init__(self, needs: Mapping[str, str]) -> None:
        super().__init__("inputs wait for results: " + ", ".join(f"{k} from {v}" for k, v in needs.items()))
        self.needs = dict(needs)


@dataclass(frozen=True)
class StepOutput:
    """What the files of a finished step say. A field that a step has nothing to say about stays empty.

    Attributes:
        structure: the relaxed crystal (``relax``).
        eigenvalues: of ``static``, ``bands``, ``static_soc``, ``bands_soc``, ``check``, ``wannier_input``.
        orbital_weights: `Sb p` → (n_k, n_bands) weight in 0…1, on the k-points of ``eigenvalues``.
        parities: indices from the eight TRIMs (``parities``, ``check``).
        wannier_plan: the plan that ``wannier_input`` was made with.
        wannier_files: ``mmn``, ``amn``, ``eig`` → path (``wannier_input``).
        functional: of these bands: `PBE`, `PBE+U`, `HSE06`, `mBJ`.
        magnetisation: total |m| in μB per cell, where the run could have one.
        seconds: wall time that the program reports, s.
        memory_mb: its largest resident memory, MB.
        programs: program → version, as its output says.
        numbers: name with unit → value, such as ``energy (eV)``, ``largest force (eV/Å)``.
        stand_in: not empty where a stand-in wrote the files: plumbing, not physics.
    """

    structure: "Structure | None" = None
    eigenvalues: "Eigenvalues | None" = None
    orbital_weights: Mapping[str, Any] = field(default_factory=dict)
    parities: "ParityResult | None" = None
    wannier_plan: "WannierPlan | None" = None
    wannier_files: Mapping[str, Path] = field(default_factory=dict)
    functional: str = ""
    magnetisation: float | None = None
    seconds: float | None = None
    memory_mb: float | None = None
    programs: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    stand_in: str = ""


@runtime_checkable
class Engine(Protocol):
    """A first-principles program. Its methods hold no state between calls: a directory says everything.

    ``previous`` names the directories of the earlier steps by step name. Under ``--write`` they hold inputs
    without results; `write` then writes what it can and raises `PendingInput` for the rest.
    """

    name: Literal["vasp", "espresso"]

    def write(
        self,
        step: str,
        structure: "Structure",
        preset: Any,
        options: "Options",
        directory: Path,
        previous: Mapping[str, Path],
    ) -> None:
        """Write every input file of a step into its directory, which exists.

        Args:
            step: one of `candidates.verification.STEPS`.
            structure: the standardised primitive cell (`discovery.verification.path.standard_cell`); for
                ``bands`` and ``bands_soc``, `discovery.verification.path.band_path` gives the k-points.
            preset: a `dft_templates.presets.Preset`.
            options: what the user asked for.
            directory: where the step will run.
            previous: earlier step → its directory.

        Raises:
            StepError: a file is missing, or the crystal cannot be treated.
            PendingInput: what could be written was; the rest needs results.
        """
        ...

    def run(self, step: str, directory: Path, previous: Mapping[str, Path], options: "Options") -> None:
        """Run what `write` wrote, or go on with what an earlier `run` left `UNFINISHED`.

        Nothing is returned, the files in ``directory`` are the result.

        Raises:
            WalltimeReached: `DEADLINE` came first; called again, it goes on.
            StepError: the program is missing, ended badly, or did not converge.
        """
        ...

    def parse(self, step: str, directory: Path) -> StepOutput:
        """Read the results of a finished step.

        Raises:
            StepError: output that is missing, cut off or not converged.
        """
        ...


@runtime_checkable
class Particular(Protocol):
    """An engine that knows of wishes that it cannot fulfil before anything is written."""

    def require(self, structure: "Structure", options: "Options") -> None:
        """Refuse them where they enter.

        Args:
            structure: the standardised primitive cell.
            options: what the user asked for.

        Raises:
            StepError: it cannot do that, whatever the machine has installed.
        """
        ...


def seconds_left() -> float | None:
    """Return the seconds until `DEADLINE`, negative once it has passed; None where there is no deadline.

    Raises:
        StepError: the variable holds no number.
    """
    text = os.environ.get(DEADLINE, "").strip()
    if not text:
        return None
    try:
        return float(text) - time.time()
    except ValueError:
        raise StepError(
            f"{DEADLINE} is {text!r}, not a time in seconds since 1970", "Unset it, or set it to such a time."
        ) from None


def make_engine(name: str) -> Engine:
    """Return the engine of this name, or of a ``module:class``.

    Raises:
        StepError: there is none.
    """
    place = ENGINES.get(name, name)
    module, _, attribute = place.partition(":")
    if not attribute:
        raise StepError(f"no engine {name!r}", f"Choose from {', '.join(sorted(ENGINES))}.")
    engine: Engine = getattr(import_module(module), attribute)()
    return engine
