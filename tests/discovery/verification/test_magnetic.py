"""Without time reversal there is no Z2 index: nodes, Chern numbers, or no answer, around known models."""

from collections.abc import Callable

import pytest

from candidates.records import Verdict
from candidates.verification import Verification
from discovery.topology.evidence import measure
from discovery.topology.verdict import decide
from discovery.verification.local import run_here
from discovery.verification.magnetic import with_chern_numbers
from discovery.verification.results import Request
from tests.discovery.topology.models import haldane
from tests.discovery.verification.test_flow import states

Ask = Callable[..., Request]
Set = Callable[..., None]


def verdict_of(record: Verification) -> Verdict:
    assert record.state == "verified"
    assert record.verdict is not None
    assert record.verdict.z2 == {}
    assert record.verdict.z4 is None
    assert record.verdict.mirror_chern == {}
    assert "parities" not in states(record)
    assert set(states(record).values()) == {"done"}
    return record.verdict


def test_an_exchange_field_beyond_the_gap_makes_weyl_points(ask: Ask, set_faults: Set) -> None:
    set_faults(exchange=1.5)
    record = run_here(ask(magnetic=True))
    verdict = verdict_of(record)
    assert verdict.topology == "Weyl"
    assert len(verdict.nodes) == 4
    assert sum(node.chirality or 0 for node in verdict.nodes) == 0
    numbers = {step.name: step.numbers for step in record.steps}
    assert numbers["static_soc"]["magnetisation (μB)"] == 1.5
    assert "broken time reversal (meV)" not in numbers["wannier"]
    assert numbers["wannier"]["attempts"] == 1  # broken time reversal is no fault of the Wannier functions


def test_a_magnetic_gap_has_no_index_and_says_so(ask: Ask, set_faults: Set) -> None:
    set_faults(exchange=0.3)
    verdict = verdict_of(run_here(ask(magnetic=True)))
    assert verdict.topology == "inconclusive"
    assert "without time reversal there is no Z2 index" in verdict.reasons[0]
    assert verdict.notes[-1] == "Chern numbers of the planes across k1, k2, k3: 0, 0, 0."


def test_moments_that_vanish_are_told(ask: Ask) -> None:
    verdict = verdict_of(run_here(ask(magnetic=True)))
    assert verdict.topology == "inconclusive"
    assert "Time reversal holds although the crystal was called magnetic." in verdict.notes


def test_a_magnetic_crystal_taken_for_one_that_is_not_gets_no_index(ask: Ask, set_faults: Set) -> None:
    set_faults(exchange=0.3)
    record = run_here(ask(preset={"wannier.retries": 0}))
    assert record.verdict is not None
    assert record.verdict.topology == "inconclusive"
    assert "time reversal is broken by 600 meV" in record.verdict.reasons[0]
    assert "or the crystal is magnetic (then say so)" in record.verdict.reasons[0]


def test_an_odd_number_of_electrons_may_be_magnetic(ask: Ask, set_faults: Set) -> None:
    set_faults(exchange=5.0, electrons=1.0)
    record = run_here(ask(magnetic=True))
    assert states(record)["static_soc"] == "done"
    assert "odd" not in next(step for step in record.steps if step.name == "static_soc").reason


@pytest.mark.parametrize(("m", "chern"), [(0.0, True), (1.0, False)])
def test_chern_insulators_are_named(m: float, chern: bool) -> None:
    model = haldane(m=m)
    plain = decide(measure(model, 1, magnetic=True), "HSE06")
    verdict = with_chern_numbers(plain, model, 1)
    assert verdict.topology == "inconclusive"
    if chern:
        assert verdict.reasons[-1].endswith(("0, 0, 1: a Chern insulator", "0, 0, -1: a Chern insulator"))
    else:
        assert verdict.reasons == plain.reasons
        assert verdict.notes[-1].endswith("0, 0, 0.")


def test_crossings_have_no_chern_number() -> None:
    model = haldane(m=3 * 3**0.5 * 0.1)  # where it closes
    plain = decide(measure(model, 1, magnetic=True), "HSE06")
    assert with_chern_numbers(plain, model, 1) == plain
