"""Which steps Quantum ESPRESSO has, and what they share: elements, pseudopotentials, shells."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from discovery.settings import get_settings
from discovery.verification.engines.espresso import pseudos
from discovery.verification.engines.espresso.upf import Upf

if TYPE_CHECKING:
    from pathlib import Path

    from discovery.verification.plan import WannierPlan
    from discovery.verification.projections import Choice

DENSITIES = ("relax", "static", "static_soc")
"""Steps that make a charge density."""

PATHS = ("bands", "bands_soc")
"""Steps on the path of the bands."""

WITHOUT_COUPLING = ("relax", "static", "bands")
"""Steps that have no spin–orbit coupling, where the pseudopotentials can do without."""

DENSITY_OF = {
    "bands": "static",
    "bands_soc": "static_soc",
    "parities": "static_soc",
    "wannier_input": "static_soc",
}
"""Step at fixed density → the step whose density it reads: one of the same spin treatment."""

IRREP_LOG = "irrep.log"


def pseudopotentials(elements: Iterable[str]) -> dict[str, Upf]:
    """Return the pseudopotential of each element, in the order in which they first come.

    Raises:
        StepError: one is missing.
    """
    settings = get_settings()
    return {symbol: pseudos.find(symbol, settings) for symbol in dict.fromkeys(elements)}


def shell_choices(upfs: Mapping[str, Upf], overrides: Mapping[str, Any]) -> "dict[str, Choice]":
    """Return which shells become Wannier functions.

    Args:
        upfs: element → pseudopotential.
        overrides: element → shells that the user wants.

    Raises:
        StepError: a file that does not say what its valence is, or shells of no element.
    """
    from discovery.verification.projections import choices
    from discovery.verification.valence import read_upf

    return choices([read_upf(upf.file) for upf in upfs.values()], overrides)


def write_plan(plan: "WannierPlan", directory: "Path") -> None:
    """Write a plan and the `.win` that it becomes."""
    from discovery.verification.inputs import write_win

    plan.save(directory)
    (directory / f"{plan.seed}.win").write_text(write_win(plan), encoding="utf-8")
