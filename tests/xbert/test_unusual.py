import numpy as np
import pytest

from tests.sample_crystals import features_in_standard_cells, sample_crystals
from xbert.crystals import Crystal, CrystalTable
from xbert.features import Features
from xbert.unusual import RARE, Seen, look_at


def _shaken(crystals: list[Crystal], n: int) -> list[Crystal]:
    rng = np.random.default_rng(0)
    return [
        Crystal(f"{c.id}-{i}", (c.lattice * rng.normal(1, 0.01)).astype(np.float32), c.numbers, c.frac_coords)
        for i in range(n)
        for c in crystals
    ]


def _features(crystals: list[Crystal]) -> Features:
    return features_in_standard_cells(CrystalTable.from_crystals(crystals))


@pytest.fixture(scope="module")
def seen() -> Seen:
    """A training on Si, GaAs, W, Cu, ZnO, SiO2, TiO2 and Bi2Se3, thirty of each."""
    return look_at(_features(_shaken(sample_crystals(), 30)))


def _remarks(seen: Seen, crystal: Crystal) -> str:
    return "; ".join(seen.remarks(_features([crystal]))[0])


def _named(name: str) -> Crystal:
    return next(c for c in sample_crystals() if c.id == name)


def test_what_was_learned_from_is_not_unusual(seen: Seen) -> None:
    assert seen.n == 240
    assert seen.elements["Si"] == 60
    assert all(remark == [] for remark in seen.remarks(_features(sample_crystals())))


@pytest.mark.parametrize(("scale", "words"), [(0.75, "closest atoms at 0.7"), (1.5, "even the closest")])
def test_cells_that_are_pressed_or_blown_up_are(seen: Seen, scale: float, words: str) -> None:
    silicon = _named("Si")
    changed = Crystal("x", silicon.lattice * np.float32(scale), silicon.numbers, silicon.frac_coords)
    said = _remarks(seen, changed)
    assert words in said
    multiple = float(said.split(" times the volume")[0].split("; ")[-1])
    assert abs(multiple / scale**3 - 1) < 0.05


def test_the_volume_is_that_of_the_elements(seen: Seen) -> None:
    # Tungsten's atoms in silicon's cell touch as silicon's do, but take more room than tungsten's.
    silicon = _named("Si")
    said = _remarks(seen, Crystal("x", silicon.lattice, np.full(2, 74, np.uint8), silicon.frac_coords))
    assert "times the volume that its elements take on average" in said


def test_elements_never_seen_or_hardly_ever_are_named() -> None:
    silicon = _named("Si")
    germanium = Crystal("Ge", silicon.lattice, np.full(2, 32, np.uint8), silicon.frac_coords)
    polonium = Crystal("Po", silicon.lattice, np.full(2, 84, np.uint8), silicon.frac_coords)
    seen = look_at(_features([*_shaken([silicon], 30), *_shaken([germanium], 3)]))
    assert _remarks(seen, polonium).startswith("no training crystal holds Po")
    assert "volume" not in _remarks(seen, polonium)
    assert "only 3 training crystals hold Ge" in _remarks(seen, germanium)
    assert RARE > 3


def test_large_cells_are_unusual_and_small_ones_are_not(seen: Seen) -> None:
    copper = _named("Cu")
    rng = np.random.default_rng(1)
    places = (np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3) / 3).astype(np.float32)
    places += rng.uniform(-0.01, 0.01, places.shape).astype(np.float32)
    many = Crystal("many", copper.lattice * np.float32(3), np.full(27, 29, np.uint8), places)
    said = _remarks(seen, many)
    assert "27 atoms in the primitive cell" in said
    assert "783 electrons" in said
    assert _remarks(seen, copper) == ""


def test_nothing_of_nothing(seen: Seen) -> None:
    assert seen.remarks(_features(sample_crystals()).take(np.array([], dtype=int))) == []
