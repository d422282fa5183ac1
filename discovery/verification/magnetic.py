"""What can be said of a gap without time reversal: no Z2 index, but Chern numbers."""

from typing import TYPE_CHECKING

from discovery.topology.tightbinding import HamiltonianError

if TYPE_CHECKING:
    from candidates.records import Verdict
    from discovery.topology.tightbinding import TightBinding


def with_chern_numbers(verdict: "Verdict", model: "TightBinding", n_occupied: int) -> "Verdict":
    """Return the verdict on a magnetic crystal with the Chern numbers of its occupied bands.

    With a gap everywhere all planes across one reciprocal vector have the same number. Any that is not zero
    makes the crystal a Chern insulator in three dimensions, for which verdicts have no class: the reason says
    it. Without a gap, or where the numbers could not be computed, nothing changes but a note.

    Args:
        verdict: on a Hamiltonian without time reversal.
        model: the Hamiltonian.
        n_occupied: bands below the gap.
    """
    from discovery.topology.chern import chern_number
    from discovery.topology.plane import axis_plane

    if verdict.topology != "inconclusive" or not _gapped(verdict):
        return verdict
    numbers: list[int] = []
    for axis in range(3):
        try:
            found = chern_number(model, n_occupied, axis_plane(axis, 0.0))
        except HamiltonianError as error:
            return _noted(verdict, f"No Chern numbers: {error}.")
        if found.fukui is None or not found.agree:
            return _noted(verdict, f"No Chern number across k{axis + 1}: {found.reason}.")
        numbers.append(found.fukui)
    said = "Chern numbers of the planes across k1, k2, k3: {}, {}, {}".format(*numbers)
    if any(numbers):
        return verdict.model_copy(update={"reasons": (*verdict.reasons, f"{said}: a Chern insulator")})
    return _noted(verdict, f"{said}.")


def _gapped(verdict: "Verdict") -> bool:
    return all(gate.passed for gate in verdict.gates)


def _noted(verdict: "Verdict", note: str) -> "Verdict":
    return verdict.model_copy(update={"notes": (*verdict.notes, note)})
