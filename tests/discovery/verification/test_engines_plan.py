"""What both engines ask of the plan: time reversal only where the crystal has it, and bands enough."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from dft_templates.presets import load_preset
from discovery.settings import get_settings
from discovery.verification.engines import PendingInput, make_engine
from discovery.verification.engines.espresso.inputs import SAVE
from discovery.verification.options import Options
from discovery.verification.plan import WannierPlan
from tests.discovery.verification.espresso.upfs import write_upf

SILICON = Structure(Lattice(2.715 * (1 - np.eye(3))), ["Si", "Si"], [[0.125] * 3, [0.875] * 3])


class AskedError(Exception):
    """Ends a test where the plan would be decided."""


@pytest.fixture(params=["espresso", "vasp"])
def write(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Return a function that has an engine write ``wannier_input`` and tells what it asks of the plan."""
    static, place = tmp_path / "static_soc", tmp_path / "wannier_input"
    (static / SAVE).mkdir(parents=True)
    place.mkdir()
    (static / "vasprun.xml").write_text("")
    write_upf(tmp_path / "upf", "Si_r.upf")
    monkeypatch.setenv("DISCOVER_PSEUDO_DIR", str(tmp_path / "upf"))
    get_settings.cache_clear()
    engines = "discovery.verification.engines"
    bands = SimpleNamespace(eigenvalues=lambda: None)
    monkeypatch.setattr(f"{engines}.espresso.writing.read_pw", lambda place: bands)
    for name in ("read_vasprun", "fermi_energy"):
        monkeypatch.setattr(f"{engines}.vasp.planning.{name}", lambda place: None)
    monkeypatch.setattr(f"{engines}.vasp.planning.eigenvalues_of", lambda *_, **__: None)
    asked: dict[str, Any] = {}

    def decide(*_: Any, **choices: Any) -> None:
        asked.update(choices)
        raise AskedError

    monkeypatch.setattr(WannierPlan, "decide", decide)

    def ask(preset: dict[str, Any] | None = None, ready: bool = True, **options: Any) -> dict[str, Any]:
        engine, chosen = make_engine(request.param), load_preset("fast", preset)
        previous = {"static_soc": static} if ready else {}
        with pytest.raises(AskedError if ready else PendingInput):
            engine.write("wannier_input", SILICON, chosen, Options(**options), place, previous)
        return asked

    return ask


@pytest.mark.parametrize("magnetic", [True, False])
def test_a_magnetic_crystal_has_no_time_reversal(
    write: Callable[..., dict[str, Any]], magnetic: bool
) -> None:
    assert write(magnetic=magnetic)["time_reversal"] is not magnetic


def test_more_bands_are_computed_where_more_are_wanted(write: Callable[..., dict[str, Any]]) -> None:
    usual = dict(write())["n_bands"]
    assert write({"wannier.bands": usual + 20})["n_bands"] >= usual + 20
    assert write({"wannier.bands": 4})["n_bands"] == usual
