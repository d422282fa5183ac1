"""From evidence to a verdict: all the rules, in the order in which they are asked."""

from collections.abc import Mapping, Sequence

import numpy as np

from candidates.records import BandNode, Topology, Verdict
from discovery.topology.evidence import Evidence
from discovery.topology.gates import (
    PARITIES,
    WILSON,
    direct_gap_ev,
    distance_gate,
    gates,
    mirror_sums,
    spread_gate,
)
from discovery.topology.symmetries import TIME_REVERSAL
from discovery.topology.wilson import PAIRING

GOOD_GAPS = frozenset({"HSE03", "HSE06", "PBE0", "B3LYP", "MBJ", "TB-MBJ", "G0W0", "GW", "QSGW"})
"""Functionals with which a verdict is not provisional: semilocal ones invert bands that do not invert."""

SEMIMETALS: dict[str, Topology] = {
    "Weyl": "Weyl",
    "Dirac": "Dirac",
    "nodal line": "nodal line",
    "touching": "metal",
    "nodal surface": "metal",
    "metal": "metal",
}
"""What a closed gap makes of the crystal, by ``NodesResult.kind``."""


def decide(
    evidence: Evidence,
    functional: str | None = None,
    provenance: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Verdict:
    """Return the verdict that the evidence allows.

    1. Time reversal broken where it should hold, or Wannier functions that fail a gate: inconclusive.
    2. The gap closes: the nodes decide, if all were found; parities of such bands are no index.
    3. A gap without time reversal has no Z2 index: a metal where bands overlap, else inconclusive.
    4. A direct gap everywhere: all planes decided, one ν0 along three axes, methods that agree (parities, and
       mirror Chern numbers, whose sum has the parity of ν0), or inconclusive. Then ν0 = 1 is a strong TI and
       another ν a weak one, even where bands overlap in energy.
    5. All ν zero: a TCI if a mirror Chern number, or Z4 from parities, is not zero; trivial otherwise.

    Args:
        evidence: what was measured.
        functional: density functional of the bands; unknown ones and semilocal ones make it provisional.
        provenance: where the Hamiltonian comes from.
        notes: sentences to add to its own; they change nothing.
    """
    topology, reasons = _rules(evidence)
    gap, nodes, z2 = evidence.gap, evidence.nodes, evidence.z2
    indices = {}
    if evidence.time_reversal <= TIME_REVERSAL and z2 is not None and z2.nu is not None:
        indices[WILSON] = z2.nu
    if evidence.parities is not None:
        indices[PARITIES] = evidence.parities.nu
    return Verdict(
        topology=topology,
        reasons=tuple(reasons),
        notes=(*notes, *_notes(evidence, topology)),
        z2=indices,
        z4=evidence.parities.z4 if evidence.parities is not None else None,
        nu0=z2.nu0 if z2 is not None else (None, None, None),
        direct_gap=1e3 * direct_gap_ev(evidence),
        indirect_gap=1e3 * gap.indirect_ev,
        nodes=tuple(
            BandNode(
                k=_triple(node.k_frac),
                energy=node.energy,
                multiplicity=node.multiplicity,
                chirality=node.chirality,
            )
            for node in (nodes.nodes if nodes is not None else ())
        ),
        nodal_lines=len(nodes.lines) if nodes is not None else 0,
        mirror_chern={f"{m.mirror} on {m.plane}": m.number for m in evidence.mirrors or ()},
        gates=tuple(gates(evidence)),
        functional=functional,
        provisional=functional is None or functional.upper() not in GOOD_GAPS,
        provenance=dict(provenance or {}),
    )


def _rules(evidence: Evidence) -> tuple[Topology, list[str]]:
    nodes, z2, parities = evidence.nodes, evidence.z2, evidence.parities
    # 1. A Hamiltonian that is not that of the crystal decides nothing.
    faults = _faults(evidence)
    if faults or nodes is None:
        return "inconclusive", faults
    # 2. The gap closes.
    if evidence.gap.closed or nodes.kind not in ("gapped", "metal"):
        if not nodes.complete:
            return "inconclusive", [f"{nodes.kind}, but not every node was found: {nodes.reason}"]
        return SEMIMETALS[nodes.kind], [nodes.reason]
    # 3. No index without time reversal.
    if z2 is None:
        if nodes.kind == "metal":
            return "metal", [nodes.reason]
        return "inconclusive", [f"{nodes.reason}, but without time reversal there is no Z2 index"]
    # 4. Z2.
    if z2.nu is None:
        return "inconclusive", list(z2.reasons)
    if direct_gap_ev(evidence) < evidence.gap.closed_below_ev:
        overlooked = f"Wilson loops met a direct gap of {1e3 * direct_gap_ev(evidence):.3g} meV"
        return "inconclusive", [f"{overlooked}, the search for the smallest overlooked it"]
    said = f"{WILSON} give {_write(z2.nu)}"
    if parities is not None:
        if parities.nu != z2.nu:
            return "inconclusive", [f"{said}, {PARITIES} {_write(parities.nu)}: the methods disagree"]
        said += f", and so do {PARITIES}"
    for name, number in mirror_sums(evidence).items():
        if (number - z2.nu[0]) % 2:
            against = f"the mirror Chern number of {name}, {number}, asks for ν0 = {number % 2}"
            return "inconclusive", [f"{said}, but {against}: the methods disagree"]
    if any(z2.nu):
        return ("strong TI" if z2.nu[0] else "weak TI"), [said]
    # 5. Crystalline symmetry.
    numbers = [f"{m.number} for {m.mirror} on {m.plane}" for m in evidence.mirrors or () if m.number]
    if numbers:
        return "TCI", [said, f"mirror Chern number {', '.join(numbers)}"]
    if parities is not None and parities.z4:
        return "TCI", [said, f"Z4 = {parities.z4} from parities: mirror-protected or of higher order"]
    return "trivial", [said]


def _faults(evidence: Evidence) -> list[str]:
    """Return what makes the Hamiltonian no basis for any class."""
    faults = []
    if not evidence.magnetic and not evidence.time_reversal <= TIME_REVERSAL:
        faults.append(
            f"time reversal is broken by {1e3 * evidence.time_reversal:.3g} meV, more than "
            f"{1e3 * TIME_REVERSAL:.3g} meV: the Wannier functions are poor, spin–orbit coupling is missing, "
            "or the crystal is magnetic (then say so)"
        )
        if evidence.z2 is not None and evidence.z2.kramers_error > PAIRING:
            faults.append(
                f"Kramers partners lie {evidence.z2.kramers_error:.3f} of a cell apart, more than {PAIRING}: "
                "poor Wannier functions"
            )
    for gate in (distance_gate(evidence), spread_gate(evidence)):
        if gate is not None and not gate.passed:
            faults.append(f"{gate.what}: {gate.value:.3g} {gate.unit}, more than {gate.limit:.3g}")
    return faults


def _notes(evidence: Evidence, topology: Topology) -> list[str]:
    gap, nodes, notes = evidence.gap, evidence.nodes, []
    if nodes is not None and nodes.kind in ("touching", "nodal surface") and topology == "metal":
        notes.append("The crossing is none of the protected nodes this can name, so it counts as a metal.")
    if gap.overlap and not gap.closed:
        notes.append(
            f"Bands N and N + 1 overlap by {-1e3 * gap.indirect_ev:.3g} meV in energy: a metal or semimetal "
            "with a direct gap everywhere, whose indices count the lower N bands."
        )
    if evidence.distance_ev is not None and direct_gap_ev(evidence) < evidence.distance_ev:
        notes.append("The direct gap is smaller than the distance from the functional's bands.")
    if evidence.magnetic and evidence.time_reversal <= TIME_REVERSAL:
        notes.append("Time reversal holds although the crystal was called magnetic.")
    if (
        evidence.mirrors is None
        and evidence.z2 is not None
        and (evidence.without_mirrors or topology == "trivial")
    ):
        reason = f" because {evidence.without_mirrors}" if evidence.without_mirrors else ""
        excluded = ": a crystalline insulator is not excluded" if topology == "trivial" else ""
        notes.append(f"Mirror Chern numbers were not computed{reason}{excluded}.")
    if topology == "trivial":
        undecided = [m for m in evidence.mirrors or () if m.number is None]
        notes += [f"No mirror Chern number for {m.mirror} on {m.plane}: {m.reason}." for m in undecided]
    if evidence.parities is not None and topology in ("Weyl", "Dirac", "nodal line", "metal"):
        notes.append("The gap closes: the indices from parities are not those of an insulator.")
    return notes


def _write(nu: tuple[int, int, int, int]) -> str:
    return "{};({}{}{})".format(*nu)


def _triple(k: np.ndarray) -> tuple[float, float, float]:
    a, b, c = np.asarray(k, dtype=float).tolist()
    return a, b, c
