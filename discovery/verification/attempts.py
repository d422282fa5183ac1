"""Wannier functions that are poor: what is asked of the run before them, and which attempt is taken.

Wannier90's own retries (`discovery.verification.wannier90_errors`) change windows and iterations. What they
cannot cure needs other overlaps: more bands, or a denser mesh. Each repetition changes what the last attempt
asks for; where that was changed already, both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from discovery.topology.symmetries import TIME_REVERSAL
from discovery.verification import quality
from discovery.verification.meshes import mesh_of

if TYPE_CHECKING:
    from pathlib import Path

    from pymatgen.core import Structure

    from discovery.verification.plan import WannierPlan
    from discovery.verification.results import StepResult

Advice = Literal["bands", "mesh"]


@dataclass(frozen=True)
class Shortfall:
    """One number that is too large.

    Attributes:
        what: in words.
        ratio: of the number to its limit, above 1.
        advice: what may cure it.
    """

    what: str
    ratio: float
    advice: Advice


def shortfalls(numbers: Mapping[str, float]) -> tuple[Shortfall, ...]:
    """Return what is wrong with Wannier functions by the numbers of their step.

    On its mesh a Wannier Hamiltonian has the frozen bands exactly; between its points they are interpolated,
    so bands that lie off need a denser one. Time reversal is lost where the highest bands cut a multiplet
    (`discovery.verification.windows.outer_limit`): that, like functions that stay large, needs more bands.
    """
    found = []
    for name, limit, advice, what in (
        (quality.BANDS, numbers.get(quality.BANDS_LIMIT), "mesh", "bands lie {:.3g} meV off"),
        (quality.SPREAD, numbers.get(quality.SPREAD_LIMIT), "bands", "the largest spread is {:.3g} Å²"),
        (quality.BROKEN, 1e3 * TIME_REVERSAL, "bands", "time reversal is broken by {:.3g} meV"),
    ):
        value = numbers.get(name)
        if value is not None and limit is not None and value > limit:
            said = f"{what.format(value)}, more than {limit:.3g}"
            found.append(Shortfall(said, value / limit, advice))  # type: ignore[arg-type]
    return tuple(found)


@dataclass(frozen=True)
class Attempt:
    """Wannier functions of one mesh and one number of bands.

    Attributes:
        number: 1 for the first.
        plan: that they were made by.
        result: how it went.
        engine: where the engine ran for it.
    """

    number: int
    plan: "WannierPlan"
    result: "StepResult"
    engine: "Path"

    @property
    def faults(self) -> tuple[Shortfall, ...]:
        """What is wrong with its numbers; of a failed attempt there are none."""
        return shortfalls(self.result.numbers) if self.result.state == "done" else ()

    @property
    def badness(self) -> float:
        """How far the worst number is beyond its limit; infinite for a failed attempt."""
        if self.result.state != "done":
            return float("inf")
        return max((fault.ratio for fault in self.faults), default=0.0)

    @property
    def advice(self) -> frozenset[str]:
        """What to change; empty where nothing is wrong or nothing would help."""
        if self.result.state != "done":
            return frozenset([self.result.advice] if self.result.advice else ())
        return frozenset(fault.advice for fault in self.faults)

    def __str__(self) -> str:
        """Say what was tried and what it gave."""
        mesh = "×".join(map(str, self.plan.mesh))
        gave = "; ".join(fault.what for fault in self.faults) or "good"
        if self.result.state != "done":
            gave = self.result.reason
        return f"Wannier functions, attempt {self.number} (mesh {mesh}, {self.plan.n_bands} bands): {gave}"


def changed(
    settings: Mapping[str, Any], plan: "WannierPlan", structure: "Structure", advice: frozenset[str]
) -> dict[str, Any]:
    """Return the ``wannier`` section of a preset for the next attempt.

    Args:
        settings: the section for the last one.
        plan: of the last one.
        structure: the crystal.
        advice: what to change.
    """
    update: dict[str, Any] = {}
    if "bands" in advice:
        spare = plan.n_bands - plan.n_excluded - plan.num_wann
        update["bands"] = plan.n_bands + 2 * max(1, ceil(spare * (settings["more_bands"] - 1) / 2))
    if "mesh" in advice:
        spacing = settings["k_spacing"]
        for _ in range(20):  # a small step need not change the whole numbers of a mesh
            spacing = round(spacing * settings["denser_mesh"], 4)
            if mesh_of(structure, spacing) != plan.mesh:
                break
        update["k_spacing"] = spacing
    return {**settings, **update}


def best(attempts: Sequence[Attempt]) -> Attempt:
    """Return the attempt with the smallest worst number; the earlier of equals, which cost less."""
    return min(attempts, key=lambda attempt: attempt.badness)
