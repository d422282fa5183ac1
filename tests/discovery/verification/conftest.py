"""A verification whose first-principles program is a stand-in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure

from dft_templates.presets import load_preset
from discovery.verification.flow import make_request
from discovery.verification.options import Options
from discovery.verification.results import Request
from tests.discovery.verification import fake_engine

Set = Callable[..., None]


@pytest.fixture
def polonium() -> Structure:
    """One atom in a cubic cell: inversion, and an even number of electrons."""
    return Structure(Lattice.cubic(4.0), ["Po"], [[0, 0, 0]])


@pytest.fixture
def set_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Set:
    """Return a function that says what the stand-in is to do wrong from now on."""
    path = tmp_path / "faults.json"
    monkeypatch.setenv(fake_engine.FAULTS, str(path))
    monkeypatch.setattr("discovery.verification.wannierise.wannierise", fake_engine.wannierise)

    def change(**faults: Any) -> None:
        path.write_text(json.dumps(faults))

    change()
    return change


@pytest.fixture
def ask(polonium: Structure, tmp_path: Path, set_faults: Set) -> Callable[..., Request]:
    """Return a function that makes a request; no relaxation and surfaces unless asked."""

    def make(
        structure: Structure | None = None, preset: dict[str, Any] | None = None, **options: Any
    ) -> Request:
        chosen = {"surfaces": False, "relax": False} | options
        return make_request(
            polonium if structure is None else structure,
            "0123456789ab",
            "Po",
            tmp_path / "runs",
            fake_engine.NAME,
            load_preset("fast", preset),
            Options(**chosen),
        )

    return make
