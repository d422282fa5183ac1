"""From what an engine left to a Wannier Hamiltonian, through Wannier90."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.verification.engines import StepError, StepOutput

if TYPE_CHECKING:
    from discovery.topology.orbitals import Site
    from discovery.verification.options import Options
    from discovery.verification.plan import WannierPlan


@dataclass(frozen=True)
class Wannierised:
    """What Wannier90 came to.

    Attributes:
        numbers: name with unit → value, ``largest spread (Å²)`` among them.
        programs: program → version.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    programs: dict[str, str] = field(default_factory=dict)


def wannierise(output: StepOutput, preset: Any, options: "Options", directory: Path) -> Wannierised:
    """Run Wannier90 in ``directory`` and leave a Hamiltonian with its geometry there.

    Raises:
        StepError: Wannier90 is missing or failed, retries included.
    """
    raise StepError("Wannier90 is not connected yet")


def sites_of(plan: "WannierPlan") -> "Sequence[Site] | None":
    """Return the atoms with the orbitals of the Hamiltonian's basis."""
    return getattr(plan, "atoms", None)
