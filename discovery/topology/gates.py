"""The numbers that a verdict stands or falls with, held against their limits."""

import numpy as np

from candidates.records import Gate
from discovery.topology.evidence import Evidence
from discovery.topology.symmetries import TIME_REVERSAL
from discovery.topology.wilson import PAIRING

WILSON, PARITIES = "Wilson loops", "parities"


def gates(evidence: Evidence) -> list[Gate]:
    """Return every gate that was reached, with its number."""
    z2, gap = evidence.z2, evidence.gap
    result = [distance_gate(evidence), spread_gate(evidence)]
    if not evidence.magnetic:
        violation = evidence.time_reversal
        result.append(
            Gate(
                name="time reversal",
                value=1e3 * violation if np.isfinite(violation) else None,
                limit=1e3 * TIME_REVERSAL,
                unit="meV",
                passed=violation <= TIME_REVERSAL,
                what="largest matrix element by which time reversal is broken",
            )
        )
    result.append(
        Gate(
            name="direct gap",
            value=1e3 * direct_gap_ev(evidence),
            limit=1e3 * gap.closed_below_ev,
            unit="meV",
            passed=direct_gap_ev(evidence) >= gap.closed_below_ev,
            what="smallest direct gap, minimised over the zone; nodes decide where it closes",
        )
    )
    if z2 is not None:
        strong = sorted({value for value in z2.nu0 if value is not None})
        decided = sum(plane.decided for plane in z2.planes.values())
        result += [
            Gate(
                name="Kramers pairing",
                value=z2.kramers_error,
                limit=PAIRING,
                unit="cell",
                passed=z2.kramers_error <= PAIRING,
                what="distance of Kramers partners among the Wannier charge centres at the planes' ends",
            ),
            Gate(
                name="planes decided",
                value=decided,
                limit=len(z2.planes),
                passed=z2.decided,
                what="planes whose Z2 index could be counted",
            ),
            Gate(
                name="strong index",
                value=len(strong),
                limit=1,
                passed=len(strong) == 1 and None not in z2.nu0,
                what="different values of ν0 along the three axes",
            ),
        ]
        if evidence.parities is not None and z2.nu is not None:
            different = sum(a != b for a, b in zip(z2.nu, evidence.parities.nu, strict=True))
            result.append(
                Gate(
                    name="methods agree",
                    value=different,
                    limit=0,
                    passed=different == 0,
                    what=f"indices that differ between {WILSON} and {PARITIES}",
                )
            )
        numbers = mirror_sums(evidence)
        if numbers and z2.nu is not None:
            different = sum((number - z2.nu[0]) % 2 for number in numbers.values())
            result.append(
                Gate(
                    name="mirrors agree",
                    value=different,
                    limit=0,
                    passed=different == 0,
                    what="mirrors whose Chern numbers add up to another parity than ν0",
                )
            )
    return [gate for gate in result if gate is not None]


def mirror_sums(evidence: Evidence) -> dict[str, int]:
    """Return mirror → the sum of its mirror Chern numbers, of mirrors with a number on all their planes.

    On a mirror plane time reversal makes n_M mod 2 the plane's Z2 index; where only one plane is mapped to
    itself, the mirror pairs the other four time-reversal invariant momenta. So the sum has the parity of ν0
    (Teo, Fu & Kane, Phys. Rev. B 78, 045426 (2008), section III).
    """
    mirrors: dict[str, list[int | None]] = {}
    for found in evidence.mirrors or ():
        mirrors.setdefault(found.mirror, []).append(found.number)
    sums = {}
    for name, numbers in mirrors.items():
        known = [number for number in numbers if number is not None]
        if len(known) == len(numbers):
            sums[name] = sum(known)
    return sums


def direct_gap_ev(evidence: Evidence) -> float:
    """Return the smallest direct gap in eV that the search or a Wilson loop met."""
    planes = evidence.z2.planes.values() if evidence.z2 is not None else ()
    return min([evidence.gap.direct_min_ev, *(plane.direct_gap for plane in planes)])


def distance_gate(evidence: Evidence) -> Gate | None:
    """Return the gate of the Wannier bands, where their distance is known."""
    if evidence.distance_ev is None:
        return None
    limit = evidence.distance_limit
    return Gate(
        name="Wannier bands",
        value=1e3 * evidence.distance_ev,
        limit=1e3 * limit,
        unit="meV",
        passed=evidence.distance_ev <= limit,
        what="distance from the bands of the density functional",
    )


def spread_gate(evidence: Evidence) -> Gate | None:
    """Return the gate of the largest spread, where it is known."""
    if evidence.spread is None:
        return None
    return Gate(
        name="spread",
        value=evidence.spread,
        limit=evidence.spread_limit if np.isfinite(evidence.spread_limit) else None,
        unit="Å²",
        passed=evidence.spread <= evidence.spread_limit,
        what="largest spread of a Wannier function, against the cell's V^(2/3)",
    )
