"""Fixtures shared by all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.slurm import NoSlurm, Slurm, running_slurm

# A loaded machine is slow, not wrong; and what fails on one machine must fail on the next.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together, where tests run side by side, those that share a SLURM or measure in a browser.

    A SLURM for each module: its tests wait more than they work, and should not wait for each other as well.
    """
    for item in items:
        if "slurm_if_any" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(f"slurm of {item.path.stem}"))
        elif item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data, where it lies beside the checkout; the test is skipped elsewhere."""
    root = Path(os.environ.get("XBERT_SHARED", Path(__file__).parents[2] / "shared"))
    if not (root / "data" / "mp_structures.parquet").is_file():
        pytest.skip(f"needs the development data in {root} (set XBERT_SHARED)")
    return root


@pytest.fixture(scope="session")
def _slurm_of_all() -> Iterator[Slurm | NoSlurm]:
    try:
        with running_slurm() as slurm:
            yield slurm
    except NoSlurm as reason:
        yield reason


@pytest.fixture
def slurm_if_any(
    _slurm_of_all: Slurm | NoSlurm, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Slurm | NoSlurm]:
    """A real SLURM of one node on loopback, empty and ready, or the reason why it cannot run."""
    if isinstance(_slurm_of_all, NoSlurm):
        yield _slurm_of_all
        return
    for name, value in _slurm_of_all.env.items():
        monkeypatch.setenv(name, value)
    _slurm_of_all.clear()
    yield _slurm_of_all
    _slurm_of_all.clear()


@pytest.fixture
def slurm(slurm_if_any: Slurm | NoSlurm) -> Slurm:
    """A real SLURM of one node on loopback, empty and ready; skipped where it cannot run."""
    if isinstance(slurm_if_any, NoSlurm):
        pytest.skip(f"no SLURM: {slurm_if_any}")
    return slurm_if_any


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's own data, cache and candidate store."""
    from discovery.settings import get_settings

    get_settings.cache_clear()
    monkeypatch.setenv("DISCOVER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DISCOVER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DISCOVER_STORE_URL", f"sqlite:///{tmp_path / 'store.sqlite'}")
    monkeypatch.delenv("DISCOVER_MIRROR", raising=False)
    monkeypatch.delenv("DISCOVER_MODEL_DIR", raising=False)
