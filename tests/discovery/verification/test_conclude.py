"""A verdict held against a functional of better gaps."""

from candidates.records import Gate, Verdict
from discovery.topology.parities import ParityResult, fu_kane
from discovery.verification.conclude import checked
from discovery.verification.results import StepResult

VERDICT = Verdict(
    topology="strong TI",
    reasons=("Wilson loops give 1;(000)",),
    gates=(Gate(name="direct gap", value=1.0, limit=0.5, passed=True, what="gap"),),
    functional="PBE",
    provisional=True,
)
DONE = StepResult(name="check", state="done", functional="HSE06", numbers={"direct gap (eV)": 0.25})


def parities(inverted: int, pairs: int = 2) -> ParityResult:
    odd = {(a, b, c): 0 for a in (0, 1) for b in (0, 1) for c in (0, 1)}
    return fu_kane(odd | {(0, 0, 0): inverted}, pairs)


def test_the_same_indices_confirm() -> None:
    found = checked(VERDICT, DONE, parities(1), parities(1))
    assert (found.topology, found.provisional) == ("strong TI", False)
    assert found.gates[-1].passed
    assert found.notes == (
        "HSE06 gives the same parities. Its direct gap at the computed k-points is 250 meV.",
    )


def test_other_indices_leave_it_open() -> None:
    found = checked(VERDICT, DONE, parities(1), parities(0))
    assert (found.topology, found.provisional) == ("inconclusive", True)
    assert "PBE gives parities 1;(000)" in found.reasons[0]
    assert "HSE06 0;(000)" in found.reasons[0]
    assert not found.gates[-1].passed


def test_z4_alone_may_differ() -> None:
    found = checked(VERDICT, DONE, parities(2), parities(0))
    assert found.topology == "inconclusive"
    assert found.gates[-1].value == 1


def test_without_inversion_a_gap_confirms_nothing() -> None:
    found = checked(VERDICT, DONE, None, None)
    assert (found.topology, found.provisional, found.gates) == ("strong TI", True, VERDICT.gates)
    assert "without parities" in found.notes[0]
    assert "250 meV" in found.notes[0]


def test_a_check_that_failed_is_told() -> None:
    failed = StepResult(name="check", state="failed", reason="SCF did not converge")
    found = checked(VERDICT, failed, parities(1), None)
    assert found.provisional
    assert "SCF did not converge" in found.notes[0]
