"""What users get wrong and what programs do wrong: a clear state on the candidate, never an index.

Programs are stand-ins that end as Quantum ESPRESSO and VASP do: plumbing, not physics.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from candidates.store import Store
from candidates.verification import Step, Verification
from candidates.verifications import add_verification, newest_verification
from dft_templates.presets import load_preset
from discovery.settings import get_settings
from discovery.verification.flow import make_request
from discovery.verification.local import run_here
from discovery.verification.options import Options
from discovery.verification.results import Request
from tests.discovery.verification.espresso.upfs import write_upf
from tests.discovery.verification.test_flow import runs, states

Ask = Callable[..., Request]
Set = Callable[..., None]

SILICON = Structure(Lattice(2.715 * (1 - np.eye(3))), ["Si", "Si"], [[0.125] * 3, [0.875] * 3])
ALUMINIUM = Structure(Lattice(2.02 * (1 - np.eye(3))), ["Al"], [[0, 0, 0]])


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[Request], Verification]:
    """Return a function that runs a request, keeps the record with the candidate and reads it back."""
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}")

    def run(request: Request) -> Verification:
        record = run_here(request)
        add_verification(store, record)
        kept = newest_verification(store, request.candidate_id)
        assert kept == record
        return kept

    return run


@pytest.fixture
def espresso(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with the head of a pseudopotential and an empty folder for programs: all of PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    write_upf(tmp_path / "upf", "Si_r.upf")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("DISCOVER_PSEUDO_DIR", str(tmp_path / "upf"))
    get_settings.cache_clear()
    yield programs
    get_settings.cache_clear()


def ask_for(
    structure: Structure, engine: str, place: Path, preset: dict[str, Any] | None = None, **options: Any
) -> Request:
    chosen = Options(**({"relax": False, "surfaces": False} | options))
    choices = load_preset("fast", preset)
    return make_request(structure, "0123456789ab", "crystal", place / "runs", engine, choices, chosen)


def install(programs: Path, name: str, prints: str, status: int = 0) -> None:
    path = programs / name
    path.write_text(f"#!{sys.executable}\nprint({prints!r})\nraise SystemExit({status})\n")
    path.chmod(0o755)


def ends_failed(record: Verification, step: str) -> Step:
    """There is no verdict and no index, the step failed with a remedy, and nothing ran on without it."""
    assert record.state == "failed"
    assert record.verdict is None
    found = next(one for one in record.steps if one.name == step)
    assert found.state == "failed"
    assert found.remedy
    assert "Traceback" not in found.reason
    final = states(record)
    assert final["topology"] == final["verdict"] == "skipped"
    assert step in record.steps[-1].reason
    return found


Stored = Callable[[Request], Verification]


def test_quantum_espresso_is_not_installed(espresso: Path, stored: Stored, tmp_path: Path) -> None:
    step = ends_failed(stored(ask_for(SILICON, "espresso", tmp_path)), "static_soc")
    assert "pw.x is not installed" in step.reason
    assert "apt install quantum-espresso" in step.remedy


def test_a_pseudopotential_is_missing(espresso: Path, stored: Stored, tmp_path: Path) -> None:
    germanium = Structure(Lattice(2.83 * (1 - np.eye(3))), ["Ge", "Ge"], [[0.125] * 3, [0.875] * 3])
    step = ends_failed(stored(ask_for(germanium, "espresso", tmp_path)), "static_soc")
    assert "Ge" in step.reason
    assert "discover pseudos fetch Ge" in step.remedy


def test_a_density_that_does_not_converge(espresso: Path, stored: Stored, tmp_path: Path) -> None:
    said = (
        "     estimated scf accuracy    <       0.00120000 Ry\n"
        "     convergence NOT achieved after 100 iterations: stopping\n   JOB DONE."
    )
    install(espresso, "pw.x", said)
    step = ends_failed(stored(ask_for(SILICON, "espresso", tmp_path)), "static_soc")
    assert "did not converge" in step.reason
    assert "0.00120000 Ry" in step.reason
    assert "mixing_beta" in step.remedy


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ("     Program PWSCF v.6.7 starts\n     iteration #  1", 0, "cut off"),
        ("     iteration #  1", 9, "ended with status 9"),
        ("   JOB DONE.", 0, "data-file-schema.xml"),
    ],
    ids=["in the middle", "with a status", "without its results"],
)
def test_output_that_is_cut_off(
    espresso: Path, stored: Stored, tmp_path: Path, said: str, status: int, words: str
) -> None:
    install(espresso, "pw.x", said, status)
    step = ends_failed(stored(ask_for(SILICON, "espresso", tmp_path)), "static_soc")
    assert words in step.reason


@pytest.mark.parametrize("missing", ["vasp_ncl", "POTCAR"])
def test_a_machine_without_vasp_or_its_potentials(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    from pymatgen.core import SETTINGS

    from tests.discovery.verification.vasp.potcars import write_library

    library = write_library(tmp_path / "potcars", {"Si": 4.0})
    monkeypatch.setitem(SETTINGS, "PMG_VASP_PSP_DIR", None if missing == "POTCAR" else str(library))
    monkeypatch.setenv("PATH", "/nowhere")
    step = ends_failed(stored(ask_for(SILICON, "vasp", tmp_path)), "static_soc")
    if missing == "POTCAR":
        assert "no POTCAR library" in step.reason
        assert "PMG_VASP_PSP_DIR" in step.remedy
    else:
        assert "vasp_ncl is not on this machine" in step.reason
        assert "ATOMATE2_VASP_NCL_CMD" in step.remedy


def test_a_potcar_that_does_not_exist(stored: Stored, tmp_path: Path) -> None:
    request = ask_for(SILICON, "vasp", tmp_path, {"vasp.potcars": {"Si": "Si_nonsense"}})
    assert "Si_nonsense" in ends_failed(stored(request), "static_soc").reason


def test_wannier90_is_not_installed(ask: Ask, set_faults: Set, stored: Stored) -> None:
    set_faults(command="/nowhere/wannier90.x")
    record = stored(ask())
    step = ends_failed(record, "wannier")
    assert "/nowhere/wannier90.x is not installed" in step.reason
    assert "apt install wannier90" in step.remedy
    assert runs(ask()).count("wannier_input") == 1  # no other overlaps would help


def test_an_odd_number_of_electrons_is_a_metal(stored: Stored, tmp_path: Path) -> None:
    record = stored(ask_for(ALUMINIUM, "espresso", tmp_path))
    assert (record.state, record.verdict) == ("stopped", None)
    first, *others = record.steps
    assert first.reason.startswith("metal: 13 electrons in the cell, an odd number")
    assert "--magnetic" in first.remedy
    assert {step.state for step in others} == {"skipped"}


def test_a_metal_among_its_bands_gets_no_index(ask: Ask, set_faults: Set, stored: Stored) -> None:
    set_faults(metal=True)
    record = stored(ask())
    assert (record.state, record.verdict) == ("stopped", None)
    set_faults(metal=True, m_wannier=1.0)  # Wannier bands that touch, asked for all the same
    record = stored(ask(stop_early=False, preset={"wannier.retries": 0}))
    assert record.verdict is not None
    assert record.verdict.topology == "inconclusive"


def test_bands_that_touch_are_no_insulator(ask: Ask, set_faults: Set, stored: Stored) -> None:
    """At m = 1 the model is a Dirac semimetal: nodes where an index was asked for."""
    set_faults(m=1.0)
    record = stored(ask(stop_early=False))
    assert record.verdict is not None
    assert record.verdict.topology not in ("strong TI", "weak TI", "TCI", "trivial")
    assert "Wilson loops" not in record.verdict.z2


def test_a_relaxation_that_changes_the_space_group(ask: Ask, set_faults: Set, stored: Stored) -> None:
    set_faults(moved=True)
    step = ends_failed(stored(ask(relax=True)), "relax")
    assert "changed the space group from 221 to 123" in step.reason
    assert "--no-relax" in step.remedy


def test_an_impossible_number_of_electrons(ask: Ask, set_faults: Set, stored: Stored) -> None:
    set_faults(electrons=3.0)
    record = stored(ask())
    assert (record.state, record.verdict) == ("stopped", None)
    assert "3 electrons, an odd number" in next(s.reason for s in record.steps if s.state == "stopped")
