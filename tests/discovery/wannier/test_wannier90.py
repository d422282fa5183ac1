"""What wannier90.x itself writes is read as it means it: its own interpolation decides."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from discovery.topology.invariants import z2_indices
from discovery.topology.tightbinding import HamiltonianError, TightBinding
from discovery.wannier.hr import read_hr, read_model, read_tb
from tests.discovery.topology import models
from tests.discovery.wannier import wannier90_program as wannier90

real = pytest.mark.skipif(wannier90.PROGRAM is None, reason="needs wannier90.x (Debian: wannier90)")

MESH = (4, 3, 2)


def skewed(seed: int = 0, n: int = 3) -> TightBinding:
    """Random hoppings as long as half the mesh and more, centres anywhere, no right angle."""
    rng = np.random.default_rng(seed)
    table = {(0, 0, 0): np.diag(rng.uniform(-2, 2, n)).astype(complex)}
    for cell in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, -1), (2, 0, 0), (0, 2, 1)]:
        block = 0.3 * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
        table[cell], table[tuple(-x for x in cell)] = block, block.conj().T
    lattice = np.array([[3.1, 0.2, 0], [-1.4, 2.9, 0.3], [0.4, 0.6, 4.2]])
    centres = 0.7 * rng.random((n, 3)) - 0.35
    return TightBinding(lattice, np.array(list(table)), np.array(list(table.values())), centres)


@pytest.fixture(scope="module")
def interpolated(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    folders = {}
    for ws_distance in (True, False):
        folders[ws_distance] = tmp_path_factory.mktemp("wannier90")
        wannier90.interpolate(folders[ws_distance], skewed(), MESH, ws_distance)
    return folders


@real
@pytest.mark.parametrize("ws_distance", [True, False])
@pytest.mark.parametrize(("name", "accuracy"), [("w_hr.dat", 1e-5), ("w_tb.dat", 1e-6)])
def test_bands_are_those_of_wannier90(
    interpolated: dict[bool, Path], ws_distance: bool, name: str, accuracy: float
) -> None:
    folder = interpolated[ws_distance]
    k, energies = wannier90.band_path(folder)
    model = read_model(folder / name)
    np.testing.assert_allclose(model.bands(k), energies, atol=accuracy)
    np.testing.assert_allclose(model.centres, skewed().centres, atol=1e-6)
    # On the mesh itself both interpolations are the crystal.
    grid = np.array(list(np.ndindex(*MESH))) / MESH
    np.testing.assert_allclose(model.bands(grid), skewed().bands(grid), atol=accuracy)


@real
def test_images_are_not_to_be_left_out_and_may_be_gzipped(
    interpolated: dict[bool, Path], tmp_path: Path
) -> None:
    folder = interpolated[True]
    k, energies = wannier90.band_path(folder)
    for name in ("w_hr.dat", "w_tb.dat"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
    assert np.abs(read_tb(tmp_path / "w_tb.dat.gz").bands(k) - energies).max() > 0.1
    (tmp_path / "w_wsvec.dat.gz").write_bytes(gzip.compress((folder / "w_wsvec.dat").read_bytes()))
    for model in (
        read_tb(tmp_path / "w_tb.dat.gz"),
        read_hr(tmp_path / "w_hr.dat.gz", skewed().lattice),
    ):
        np.testing.assert_allclose(model.bands(k), energies, atol=1e-5)


@real
@pytest.mark.parametrize("ws_distance", [True, False])
def test_the_index_survives_the_way_through_wannier90(tmp_path: Path, ws_distance: bool) -> None:
    model = models.fu_kane_mele()
    path = wannier90.interpolate(tmp_path, model, (4, 4, 4), ws_distance)
    found = read_model(path)
    k = np.random.default_rng(0).random((20, 3))
    np.testing.assert_allclose(found.bands(k), model.bands(k), atol=1e-5)
    assert z2_indices(found, 2).nu == models.fu_kane_mele_indices((1.4, 1.0, 1.0, 1.0))


def two_orbitals(folder: Path, images: str) -> Path:
    """Write a chain of two orbitals with hopping −1 from the first to the second of R = 1."""
    rows = []
    for cell in (-1, 0, 1):
        for j, i in np.ndindex(2, 2):
            value = -1.0 if (cell, i, j) in ((1, 0, 1), (-1, 1, 0)) else 0.0
            rows.append(f"{cell} 0 0 {i + 1} {j + 1} {value:.6f} 0.000000")
    folder.mkdir(exist_ok=True)
    path = folder / "w_hr.dat"
    path.write_text("by hand\n2\n3\n1 1 1\n" + "\n".join(rows) + "\n")
    (folder / "w_wsvec.dat").write_text("## by hand\n" + images)
    return path


def listed(change: dict[tuple[int, int, int], str] | None = None) -> str:
    """Return a list of images that moves nothing but what it is told to."""
    changes = change or {}
    return "\n".join(
        f"{cell} 0 0 {i + 1} {j + 1}\n{changes.get((cell, i, j), '1' + chr(10) + '0 0 0')}"
        for cell in (-1, 0, 1)
        for i, j in np.ndindex(2, 2)
    )


def test_an_element_is_shared_among_its_images(tmp_path: Path) -> None:
    moved = {(1, 0, 1): "2\n0 0 0\n-2 0 0", (-1, 1, 0): "2\n2 0 0\n0 0 0"}
    plain = read_hr(two_orbitals(tmp_path / "plain", listed()), np.eye(3))
    shared = read_hr(two_orbitals(tmp_path / "shared", listed(moved)), np.eye(3))
    k = np.array([[x, 0.2, 0.3] for x in np.linspace(0, 1, 7)])
    np.testing.assert_allclose(np.abs(plain.hamiltonian(k)[:, 0, 1]), 1.0)
    np.testing.assert_allclose(shared.hamiltonian(k)[:, 0, 1], -np.cos(2 * np.pi * k[:, 0]), atol=1e-12)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("", "cut off"),
        (listed()[:-2], "cut off"),
        (listed() + "\n1 0 0 1 1", "cut off"),
        (listed() + "\n1 0 0 1 1\n1\n0 0 0", "13 elements.*12.*do not belong together"),
        (listed().replace("-1 0 0 2 1", "-2 0 0 2 1"), r"R = \(-2, 0, 0\) of orbitals 2 and 1 is not in"),
        (listed().replace("-1 0 0 2 1", "-1 0 0 3 1"), "orbitals 3 and 1 is not in"),
        (listed().replace("-1 0 0 2 1", "-1 0 0 1 1"), "twice"),
        (listed().replace("\n1\n", "\n0\n", 1), "0 images"),
        (listed().replace("\n1\n", "\n1.5\n", 1), "no integers"),
        (listed().replace("0 0 0", "0 nan 0", 1), "no integers"),
        (listed().replace("0 0 0", "0 inf 0", 1), "no integers"),
        (listed().replace("0 0 0", "0 x 0", 1), "not a number"),
        (listed({(1, 0, 1): "1\n-2 0 0"}), "not Hermitian|missing"),
    ],
)
def test_images_that_are_not_the_hamiltonians_are_refused(tmp_path: Path, images: str, message: str) -> None:
    path = two_orbitals(tmp_path, images)
    with pytest.raises(HamiltonianError, match=message) as caught:
        read_hr(path, np.eye(3))
    assert str(tmp_path / "w_wsvec.dat") in str(caught.value)
