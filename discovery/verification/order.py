"""Which steps a verification has, and which of them wait for which."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from candidates.verification import STEPS

if TYPE_CHECKING:
    from discovery.verification.results import Request

NEEDS: Mapping[str, tuple[str, ...]] = {
    "relax": (),
    "static": ("relax",),
    "bands": ("static",),
    "static_soc": ("relax",),
    "bands_soc": ("static_soc",),
    "parities": ("static_soc",),
    "check": ("static_soc",),
    "wannier_input": ("static_soc", "bands_soc"),
    "wannier": ("wannier_input",),
    "topology": ("wannier",),
    "surfaces": ("wannier", "topology"),
    "verdict": (),
}
"""Step → steps without whose results it is skipped. Others that failed are missed, not mourned: without
parities there are the Wilson loops, and what ran without spin–orbit coupling is only drawn."""

USES: Mapping[str, tuple[str, ...]] = {
    "topology": ("parities", "bands_soc", "static_soc", "wannier_input"),
    "check": ("parities",),
}
"""Step → further steps that it waits for; their failure does not stop it."""

AFTER: Mapping[str, tuple[str, ...]] = {"static_soc": ("static",)}
"""Step → further steps that it only waits for: one of them may decide, but none of their results is used."""


def planned_steps(request: "Request") -> tuple[str, ...]:
    """Return the steps that a verification has, in the order of `STEPS`."""
    options = request.options
    wanted = {
        "relax": options.relax,
        "parities": request.inversion and not options.magnetic,
        "check": options.check is not None,
        "surfaces": options.surfaces and bool(request.preset["topology"]["surfaces"]),
    }
    return tuple(step for step in STEPS if wanted.get(step, True))


def waits_for(step: str, planned: tuple[str, ...]) -> tuple[str, ...]:
    """Return every earlier step that a step gets to see: what it needs, uses, awaits, and what those did."""
    return _before(step, planned, NEEDS, USES, AFTER)


def used_by(step: str, planned: tuple[str, ...]) -> tuple[str, ...]:
    """Return the earlier steps on whose results that of a step depends."""
    return _before(step, planned, NEEDS, USES)


def needed_for(step: str, planned: tuple[str, ...]) -> tuple[str, ...]:
    """Return the steps without which there is no result of a step, itself the last."""
    return (*_before(step, planned, NEEDS), step)


def _before(step: str, planned: tuple[str, ...], *links: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if step == "verdict":
        return planned[: planned.index("verdict")]
    found: set[str] = set()
    pending = [step]
    while pending:
        name = pending.pop()
        new = {other for link in links for other in link.get(name, ())} - found
        found |= new
        pending += new
    return tuple(name for name in planned if name in found)
