"""Wannier functions that are poor are tried again, as often as the preset says: plumbing, not physics."""

from collections.abc import Callable
from pathlib import Path

import pytest

from candidates.verification import Step, Verification
from discovery.verification.collect import collect
from discovery.verification.local import Event, run_here
from discovery.verification.results import Request
from tests.discovery.verification.test_flow import ENGINE_STEPS, runs, states

Ask = Callable[..., Request]
Set = Callable[..., None]


def wannier(record: Verification) -> Step:
    return next(step for step in record.steps if step.name == "wannier")


def told(record: Verification) -> list[str]:
    """What the verdict says of attempts."""
    assert record.verdict is not None
    return [note for note in record.verdict.notes if "attempt" in note.lower()]


def topology(record: Verification) -> str:
    assert record.verdict is not None
    return record.verdict.topology


def test_bands_that_lie_off_get_a_denser_mesh(ask: Ask, set_faults: Set) -> None:
    set_faults(needs_mesh=5)
    request = ask()
    record = run_here(request)
    assert topology(record) == "strong TI"
    assert runs(request) == [*ENGINE_STEPS, "wannier_input"]
    first, second, taken = told(record)
    assert first.startswith("Wannier functions, attempt 1 (mesh 4×4×4, 12 bands): bands lie")
    assert second == "Wannier functions, attempt 2 (mesh 5×5×5, 12 bands): good"
    assert taken == "Attempt 2 was taken."
    step = wannier(record)
    assert step.numbers["attempts"] == 2
    assert step.numbers["band distance (meV)"] == pytest.approx(0, abs=1e-2)
    assert set(told(record)) <= set(step.notes)
    assert "08-wannier-input/attempt-2/POSCAR" in record.files
    assert collect(Path(request.directory)) == record
    again: list[Event] = []
    run_here(ask(), again.append)
    assert {event.step for event in again if not event.kept} == {"verdict"}
    assert runs(request) == [*ENGINE_STEPS, "wannier_input"]


def test_advice_of_a_run_that_failed_is_followed(ask: Ask, set_faults: Set) -> None:
    set_faults(needs_bands=13)
    record = run_here(ask())
    assert topology(record) == "strong TI"
    first, second, _ = told(record)
    assert first.endswith("attempt 1 (mesh 4×4×4, 12 bands): no convergence with 12 bands")
    assert second.endswith("attempt 2 (mesh 4×4×4, 16 bands): good")


def test_after_what_did_not_help_come_both_changes_and_the_best_is_taken(ask: Ask, set_faults: Set) -> None:
    set_faults(spread=99.0)
    request = ask(preset={"wannier.retries": 3})
    record = run_here(request)
    assert topology(record) == "inconclusive"
    *tried, taken = told(record)
    assert [note.split("(")[1].split(")")[0] for note in tried] == [
        "mesh 4×4×4, 12 bands", "mesh 4×4×4, 16 bands", "mesh 5×5×5, 22 bands", "mesh 6×6×6, 32 bands",
    ]  # fmt: skip
    assert all("the largest spread is 99 Å², more than 16" in note for note in tried)
    assert taken == "Attempt 1 was taken."  # of equals the one that cost least
    assert runs(request) == [*ENGINE_STEPS, *3 * ["wannier_input"]]


def test_what_no_attempt_can_do_fails_with_all_that_was_tried(ask: Ask, set_faults: Set) -> None:
    set_faults(needs_bands=99)
    record = run_here(ask())
    assert record.state == "failed"
    step = wannier(record)
    assert step.state == "failed"
    assert step.reason.startswith("no convergence with 12 bands (2 attempts: Wannier functions, attempt 1")
    assert "attempt 2 (mesh 4×4×4, 16 bands): no convergence with 16 bands" in step.reason
    assert step.remedy == "Give more bands."


def test_without_retries_nothing_is_repeated_and_allowed_later_only_what_is_new_runs(
    ask: Ask, set_faults: Set
) -> None:
    set_faults(needs_mesh=5)
    request = ask(preset={"wannier.retries": 0})
    record = run_here(request)
    assert runs(request) == list(ENGINE_STEPS)
    assert told(record) == []
    assert topology(record) == "inconclusive"
    assert topology(run_here(ask(preset={"wannier.retries": 1}))) == "strong TI"
    assert runs(request) == [*ENGINE_STEPS, "wannier_input"]


@pytest.mark.parametrize("how", ["kill", "walltime"])
def test_a_repetition_that_did_not_end_is_made_up_for(ask: Ask, set_faults: Set, how: str) -> None:
    request = ask()
    set_faults(needs_mesh=5, in_attempts={how: "wannier_input"})
    if how == "kill":
        with pytest.raises(KeyboardInterrupt):
            run_here(request)
    else:
        run_here(request)
    halfway = collect(Path(request.directory))
    assert halfway.verdict is None
    assert states(halfway)["wannier"] == "waiting"
    assert runs(request) == list(ENGINE_STEPS)
    attempt = Path(request.directory) / "09-wannier" / "attempt-1" / "result.json"
    ended = attempt.stat().st_mtime_ns
    set_faults(needs_mesh=5)
    record = run_here(ask())
    assert topology(record) == "strong TI"
    assert runs(request) == [*ENGINE_STEPS, "wannier_input"]
    assert attempt.stat().st_mtime_ns == ended


def test_where_the_repetition_fails_the_first_attempt_stays(ask: Ask, set_faults: Set) -> None:
    set_faults(needs_mesh=5, in_attempts={"fail": "wannier_input"})
    record = run_here(ask())
    assert topology(record) == "inconclusive"
    _, failed, taken = told(record)
    assert failed.endswith("attempt 2: wannier_input failed: wannier_input did not converge")
    assert taken == "Attempt 1 was taken."
