"""Programs and pseudopotentials for calculations that are really made."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from discovery.settings import get_settings

DEBIAN = Path("/usr/share/espresso/pseudo")


def folder_with(name: str) -> Path | None:
    """Return a folder of pseudopotentials that holds a file: the user's, the shared one, Debian's."""
    shared = Path(os.environ.get("XBERT_SHARED", Path(__file__).parents[5] / "shared"))
    named = os.environ.get("DISCOVER_PSEUDO_DIR")
    places = [Path(named)] if named else []
    places += [shared / "pseudopotentials" / "pseudodojo-pbe-fr", DEBIAN]
    return next((place for place in places if (place / name).is_file()), None)


def require_pseudos(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the folder that holds a pseudopotential; skip where there is none."""
    folder = folder_with(name)
    if folder is None:
        pytest.skip(f"needs {name}: DISCOVER_PSEUDO_DIR, ../shared or Debian's quantum-espresso-data")
    monkeypatch.setenv("DISCOVER_PSEUDO_DIR", str(folder))
    get_settings.cache_clear()


def require_programs(*names: str) -> None:
    """Skip where a program is not installed."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (Debian: apt install quantum-espresso wannier90)")


@pytest.fixture
def silicon() -> Structure:
    """Silicon, with the centre of inversion at the origin."""
    return Structure(Lattice(2.715 * (1 - np.eye(3))), ["Si", "Si"], [[0.125] * 3, [0.875] * 3])


@pytest.fixture
def pw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantum ESPRESSO with a pseudopotential of silicon."""
    require_programs("pw.x")
    require_pseudos("Si_r.upf", monkeypatch)
