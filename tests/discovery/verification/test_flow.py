"""Flows from a crystal to a verdict, through every way in which a step can end: plumbing, not physics."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure

from candidates.verification import STEPS, Verification
from discovery.verification.collect import VERIFICATION, collect
from discovery.verification.engines import UNFINISHED, StepError
from discovery.verification.flow import VerificationMaker, planned_steps, used_by, waits_for, write_request
from discovery.verification.local import Event, run_here, run_steps
from discovery.verification.results import Request, step_directory

Ask = Callable[..., Request]
Set = Callable[..., None]

ENGINE_STEPS = ("static", "bands", "static_soc", "bands_soc", "parities", "wannier_input")


def states(record: Verification) -> dict[str, str]:
    return {step.name: step.state for step in record.steps}


def runs(request: Request) -> list[str]:
    path = Path(request.directory).parent / "runs.txt"
    return path.read_text().split() if path.exists() else []


def test_structure_to_strong_insulator(ask: Ask) -> None:
    request = ask(relax=True, surfaces=True)
    told: list[Event] = []
    record = run_here(request, told.append)
    assert set(states(record).values()) == {"done"}
    assert tuple(states(record)) == tuple(step for step in STEPS if step != "check")
    assert record.state == "verified"
    verdict = record.verdict
    assert verdict is not None
    assert verdict.topology == "strong TI"
    assert verdict.z2 == {"Wilson loops": (1, 1, 1, 1), "parities": (1, 1, 1, 1)}
    assert verdict.functional == "PBE"
    assert verdict.provisional
    gates = {gate.name: gate for gate in verdict.gates}
    assert gates["Wannier bands"].value == pytest.approx(0, abs=1e-3)
    assert gates["spread"].value == 1.0
    assert gates["methods agree"].passed
    assert [plot.spin_orbit for plot in record.bands] == [False, True]
    assert record.bands[1].n_occupied == 2
    assert max(record.bands[1].energies[1]) == pytest.approx(0.0, abs=1e-4)
    assert record.bands[1].ticks[0] == (0.0, "Γ")
    assert len(record.wilson) == 6
    assert {plot.termination for plot in record.surfaces} == {"top", "bottom", "bulk"}
    assert "model Hamiltonian" in record.stand_in
    assert "05-bands-soc/POSCAR" in record.files
    assert not any("POTCAR" in name for name in record.files)
    begun = [event.step for event in told if event.state == "running"]
    assert sorted(begun, key=STEPS.index) == list(states(record))
    assert json.loads((Path(request.directory) / VERIFICATION).read_text())["state"] == "verified"


def test_trivial_crystal(ask: Ask, set_faults: Set) -> None:
    set_faults(m=3.5)
    record = run_here(ask())
    assert record.verdict is not None
    assert record.verdict.z2["Wilson loops"] == record.verdict.z2["parities"] == (0, 0, 0, 0)


def test_a_flow_survives_json(ask: Ask) -> None:
    flow = VerificationMaker().make(ask(relax=True))
    text = json.dumps(flow, cls=MontyEncoder)
    again = json.loads(text, cls=MontyDecoder)
    assert [job.name for job in again.jobs] == [job.name for job in flow.jobs]
    assert again.jobs[0].maker.request == flow.jobs[0].maker.request


def test_steps_follow_the_crystal_and_the_options(ask: Ask) -> None:
    zincblende = Structure.from_spacegroup("F-43m", Lattice.cubic(5.6), ["Ga", "As"], [[0] * 3, [0.25] * 3])
    assert "parities" in planned_steps(ask())
    assert "parities" not in planned_steps(ask(zincblende))
    assert "parities" not in planned_steps(ask(magnetic=True))
    assert "check" in planned_steps(ask(check="hse06"))
    assert "surfaces" not in planned_steps(ask(preset={"topology.surfaces": False}, surfaces=True))
    planned = planned_steps(ask(relax=True))
    assert waits_for("wannier", planned) == (
        "relax", "static", "static_soc", "bands_soc", "wannier_input",
    )  # fmt: skip
    assert "static" not in used_by("wannier", planned)
    assert waits_for("verdict", planned) == planned[:-1]


def test_nothing_is_done_twice(ask: Ask) -> None:
    request = ask(relax=True)
    first = run_here(request)
    assert sorted(runs(request), key=STEPS.index) == ["relax", *ENGINE_STEPS]
    told: list[Event] = []
    second = run_here(ask(relax=True), told.append)
    assert sorted(runs(request), key=STEPS.index) == ["relax", *ENGINE_STEPS]
    assert {event.step for event in told if event.kept} == set(states(first)) - {"verdict"}
    assert second.model_copy(update={"steps": ()}) == first.model_copy(update={"steps": ()})


@pytest.mark.parametrize("step", ENGINE_STEPS)
def test_a_killed_run_goes_on(ask: Ask, set_faults: Set, step: str) -> None:
    set_faults(kill=step)
    request = ask()
    with pytest.raises(KeyboardInterrupt):
        run_here(request)
    halfway = collect(Path(request.directory))
    assert halfway.state == "interrupted"
    assert states(halfway)[step] == "waiting"
    before = runs(request)
    set_faults()
    assert run_here(ask()).state == "verified"
    assert sorted(runs(request)) == sorted(ENGINE_STEPS)
    assert runs(request)[: len(before)] == before


@pytest.mark.parametrize("step", ["static_soc", "wannier_input"])
def test_a_step_stopped_before_its_deadline_goes_on_where_it_was(
    ask: Ask, set_faults: Set, step: str
) -> None:
    set_faults(walltime=step)
    request = ask()
    halfway = run_here(request)
    assert (halfway.state, states(halfway)[step]) == ("waiting", "waiting")
    assert halfway.verdict is None
    place = step_directory(request, step)
    assert (place / "half").exists()
    assert not (place / "result.json").exists()
    inputs = (place / "in.json").stat()
    set_faults()
    assert run_here(ask()).state == "verified"
    assert (place / "half").exists()  # nothing was written or removed in between
    assert (place / "in.json").stat().st_mtime_ns == inputs.st_mtime_ns
    assert not (place / UNFINISHED).exists()


def test_other_inputs_do_not_go_on_from_what_was_stopped(ask: Ask, set_faults: Set) -> None:
    set_faults(walltime="wannier_input")
    request = ask()
    run_here(request)
    set_faults()
    assert run_here(ask(preset={"wannier.k_spacing": 0.37})).state == "verified"
    assert not (step_directory(request, "wannier_input") / "half").exists()


@pytest.mark.parametrize("how", ["fail", "crash"])
@pytest.mark.parametrize("step", ENGINE_STEPS)
def test_a_failure_is_told_and_mended(ask: Ask, set_faults: Set, step: str, how: str) -> None:
    set_faults(**{how: step})
    record = run_here(ask())
    failed = next(s for s in record.steps if s.name == step)
    assert failed.state == "failed"
    if how == "fail":
        assert (failed.reason, failed.remedy) == (f"{step} did not converge", "Use more iterations.")
    else:
        assert failed.reason == "ZeroDivisionError: a fault of the program"
        assert "traceback.txt" in failed.remedy
    if step in ("static", "bands", "parities"):  # missed, not needed
        assert record.verdict is not None
        assert record.verdict.topology == "strong TI"
    else:
        assert record.state == "failed"
        assert record.verdict is None
        assert states(record)["topology"] == states(record)["verdict"] == "skipped"
        assert step in next(s for s in record.steps if s.name == "verdict").reason
    set_faults()
    assert run_here(ask()).state == "verified"


def test_failure_of_wannier90(ask: Ask, set_faults: Set) -> None:
    set_faults(fail="wannier")
    record = run_here(ask())
    assert states(record)["wannier"] == "failed"
    assert states(record)["topology"] == "skipped"
    assert next(s for s in record.steps if s.name == "parities").numbers["ν0"] == 1


def test_relaxation_that_changes_the_space_group(ask: Ask, set_faults: Set) -> None:
    set_faults(moved=True)
    record = run_here(ask(relax=True))
    step = record.steps[0]
    assert (step.name, step.state) == ("relax", "failed")
    assert "from 221 to 123" in step.reason
    assert "--no-relax" in step.remedy
    assert set(list(states(record).values())[1:]) == {"skipped"}


def test_odd_electrons_stop_before_anything_runs(ask: Ask) -> None:
    copper = Structure(Lattice.cubic(3.0), ["Cu"], [[0, 0, 0]])
    request = ask(copper)
    record = run_here(request)
    assert record.state == "stopped"
    assert record.steps[0].state == "stopped"
    assert "29 electrons" in record.steps[0].reason
    assert set(list(states(record).values())[1:]) == {"skipped"}
    assert runs(request) == []
    record = run_here(ask(copper, stop_early=False))
    assert runs(request)[0] == "static"


def test_a_metal_stops_after_its_bands(ask: Ask, set_faults: Set) -> None:
    set_faults(metal=True)
    record = run_here(ask())
    assert states(record)["bands_soc"] == "stopped"
    assert "overlap" in next(s for s in record.steps if s.name == "bands_soc").reason
    assert states(record)["wannier"] == "skipped"
    assert record.state == "stopped"
    assert len(record.bands) == 2
    before = runs(ask())
    record = run_here(ask(stop_early=False, preset={"wannier.retries": 0}))
    assert states(record)["bands_soc"] == "done"
    assert runs(ask()) == [*before, "wannier_input"]
    # the Wannier functions are those of the insulator: the gate sees that the bands are others
    assert record.verdict is not None
    assert record.verdict.topology == "inconclusive"


@pytest.mark.parametrize(
    ("faults", "gate"), [({"spread": 99.0}, "spread"), ({"m_wannier": 2.5}, "Wannier bands")]
)
def test_poor_wannier_functions_decide_nothing(
    ask: Ask, set_faults: Set, faults: dict[str, Any], gate: str
) -> None:
    set_faults(**faults)
    verdict = run_here(ask()).verdict
    assert verdict is not None
    assert verdict.topology == "inconclusive"
    assert not {g.name: g.passed for g in verdict.gates}[gate]


def test_other_inputs_are_computed_anew(ask: Ask) -> None:
    request = ask()
    run_here(request)
    done = runs(request)
    run_here(ask(preset={"wannier.k_spacing": 0.37}))
    assert runs(request) == [*done, "wannier_input"]
    run_here(ask(miller=(1, 1, 1), surfaces=True))
    assert runs(request) == [*done, "wannier_input", "wannier_input"]
    run_here(ask(hubbard={"Po": 2.0}))
    assert sorted(runs(request)[-6:]) == sorted(ENGINE_STEPS)


@pytest.mark.parametrize(
    ("m_check", "topology", "provisional"), [(2.2, "strong TI", False), (3.5, "inconclusive", True)]
)
def test_the_inversion_is_checked(
    ask: Ask, set_faults: Set, m_check: float, topology: str, provisional: bool
) -> None:
    set_faults(m_check=m_check)
    record = run_here(ask(check="hse06"))
    assert record.verdict is not None
    assert (record.verdict.topology, record.verdict.provisional) == (topology, provisional)
    assert record.verdict.gates[-1].name == "inversion checked"
    assert record.functional == "PBE"


def test_a_check_that_fails_changes_nothing(ask: Ask, set_faults: Set) -> None:
    set_faults(fail="check")
    record = run_here(ask(check="hse06"))
    assert record.verdict is not None
    assert record.verdict.provisional
    assert "check did not converge" in record.verdict.notes[-1]
    assert states(record)["check"] == "failed"


def test_foreign_files_are_left_alone(ask: Ask) -> None:
    request = ask()
    Path(request.directory).mkdir(parents=True)
    thesis = Path(request.directory) / "thesis.tex"
    thesis.write_text("precious")
    with pytest.raises(StepError, match="not of a verification"):
        run_here(request)
    thesis.unlink()
    run_here(request)
    place = step_directory(request, "static_soc")
    (place / "result.json").unlink()
    (place / "inputs.json").unlink()
    (place / "thesis.tex").write_text("precious")
    assert run_here(request).verdict is None
    assert (place / "thesis.tex").read_text() == "precious"


def test_the_work_of_another_preset_is_left_alone(ask: Ask) -> None:
    request = ask()
    run_here(request)
    other = request.model_copy(update={"preset": request.preset | {"name": "paper"}})
    with pytest.raises(StepError, match=r"by .* with preset fast"):
        run_here(other)
    assert collect(Path(request.directory)).state == "verified"


def test_termination_is_an_interruption(ask: Ask) -> None:
    def end(event: Event) -> None:
        if (event.step, event.state) == ("bands", "done"):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        run_here(ask(), end)
    assert signal.getsignal(signal.SIGTERM) is before
    assert states(collect(Path(ask().directory)))["bands"] == "done"
    assert run_here(ask()).state == "verified"


def test_one_process_at_a_time(ask: Ask) -> None:
    request = ask()

    def again(event: Event) -> None:
        with pytest.raises(StepError, match="another process"):
            run_here(request)

    assert run_here(request, again).state == "verified"


def test_steps_can_be_run_in_parts(ask: Ask) -> None:
    request = write_request(ask())
    planned = planned_steps(request)
    early, late = planned[:4], planned[4:]
    run_steps(request, steps=late)  # nothing to go on from: skipped, with only the verdict that says so
    assert runs(request) == []
    assert collect(Path(request.directory)).verdict is None
    run_steps(request, steps=early)
    assert set(runs(request)) == set(early)
    run_steps(request, steps=late)
    record = collect(Path(request.directory))
    assert record.state == "verified"
    assert sorted(runs(request)) == sorted(ENGINE_STEPS)


def test_a_failure_in_the_first_part_is_known_in_the_second(ask: Ask, set_faults: Set) -> None:
    set_faults(fail="static_soc")
    request = write_request(ask())
    planned = planned_steps(request)
    run_steps(request, steps=planned[:6])
    set_faults()
    run_steps(request, steps=planned[6:])
    record = collect(Path(request.directory))
    assert (record.state, states(record)["static_soc"]) == ("failed", "failed")
    assert states(record)["wannier"] == "skipped"
