import gzip
from pathlib import Path

import numpy as np
import pytest

from discovery.wannier.wanniertools.data import (
    WtDataError,
    read_arcs,
    read_bands,
    read_nodes,
    read_spectrum,
    read_wilson_centres,
)


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def test_bands_are_curves_one_after_another(tmp_path: Path) -> None:
    path = write(
        tmp_path / "slabek.dat",
        "#       # k              E            BS weight       TS weight",
        " 0.0 -1.0 0.10 0.20",
        " 0.5 -0.9 0.11 0.21",
        " ",
        " 0.0 1.0 0.30 0.40",
        " 0.5 1.1 0.31 0.41",
        " ",
    )
    bands = read_bands(path)
    np.testing.assert_array_equal(bands.distance, [0.0, 0.5])
    np.testing.assert_array_equal(bands.energies, [[-1.0, 1.0], [-0.9, 1.1]])
    np.testing.assert_array_equal(bands.weights[1], [[0.11, 0.21], [0.31, 0.41]])


def test_a_spectrum_is_a_grid_plain_or_gzipped(tmp_path: Path) -> None:
    rows = "#  k(1/Ang)  E(eV)  dos_l  dos_l_only\n 0.0 -1 1 10\n 0.0 1 2 20\n\n 0.5 -1 3 30\n 0.5 1 4 40\n\n"
    path = tmp_path / "dos.dat_l.gz"
    path.write_bytes(gzip.compress(rows.encode()))
    spectrum = read_spectrum(path)
    np.testing.assert_array_equal(spectrum.energies, [-1, 1])
    np.testing.assert_array_equal(spectrum.total, [[1, 2], [3, 4]])
    assert spectrum.surface_only is not None
    np.testing.assert_array_equal(spectrum.surface_only, [[10, 20], [30, 40]])
    bulk = write(tmp_path / "dos.dat_bulk", " 0.0 -1 1", " 0.0 1 2")
    assert read_spectrum(bulk).surface_only is None


def test_arcs_are_a_plane(tmp_path: Path) -> None:
    head = "# Surface density of states of bottom surface"
    path = write(tmp_path / "arc.dat_l", head, "-1 -1 0.5", "-1 1 0.6", " ", "1 -1 0.7", "1 1 0.8", " ")
    arcs = read_arcs(path)
    assert arcs.k.shape == (2, 2, 2)
    np.testing.assert_array_equal(arcs.total, [[0.5, 0.6], [0.7, 0.8]])


def test_no_node_is_an_answer(tmp_path: Path) -> None:
    path = write(tmp_path / "Nodes.dat", "# local minimal position and the related energy gap", "# kx ky kz")
    assert read_nodes(path).k.shape == (0, 3)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["# nothing"], "holds no numbers"),
        (["0 1", "1 2", "", "0 3"], "last block has 1 of 2 lines"),
        (["0 1", "1 2", "", "0 3", "2 4"], "share their k-points"),
        (["0 1", "1 *****"], "line 2"),
        (["0 1", "1 2 3"], "3 columns"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(WtDataError, match=message):
        read_bands(write(tmp_path / "bulkek.dat", *rows))


def test_wilson_centres_of_antimony(shared: Path) -> None:
    for plane in range(1, 7):
        flow = read_wilson_centres(shared / f"cases/Sb-strong-TI/wanniercenter3D_Z2_{plane}.dat")
        assert flow.centres.shape == (len(flow.k), 10)
        assert flow.k[0] == 0
        assert flow.k[-1] == 1
        assert (np.diff(flow.k) > 0).all()
        for end in (0, -1):  # Kramers pairs at both ends of the half-plane, up to a whole turn
            turns = np.exp(2j * np.pi * flow.centres[end])
            distance = np.abs(turns[:, None] - turns) + 9 * np.eye(10)
            assert distance.min(axis=1).max() < 1e-4


def test_bands_and_surface_of_bi2se3(shared: Path) -> None:
    folder = shared / "cases/Bi2Se3-wanniertools/surface"
    bulk = read_bands(folder / "bulkek.dat.gz")
    assert bulk.energies.shape == (4 * 41, 30)
    assert (np.diff(bulk.energies, axis=1) > -1e-9).all()
    assert bulk.energies[:, 18].min() - bulk.energies[:, 17].max() > 0.2
    slab = read_bands(folder / "slabek.dat.gz")
    assert slab.energies.shape == (2 * 41, 8 * 30)
    left = read_spectrum(folder / "dos.dat_l.gz")
    right = read_spectrum(folder / "dos.dat_r.gz")
    assert left.total.shape == right.total.shape == (82, 101)
    np.testing.assert_allclose(left.distance[40], left.distance[41])
    gamma = left.surface_only[40]
    window = np.abs(left.energies) < 0.3
    assert left.energies[window][gamma[window].argmax()] == pytest.approx(-0.154, abs=0.015)
    assert read_spectrum(folder / "dos.dat_bulk.gz").surface_only is None


def test_nodes_of_the_weyl_model(shared: Path) -> None:
    nodes = read_nodes(shared / "cases/Weyl-model/Nodes.dat")
    np.testing.assert_allclose(nodes.k, [[0, 0, 1 / 6], [0, 0, -1 / 6]], atol=1e-7)
    np.testing.assert_allclose(nodes.cartesian[:, 2], [np.pi / 3, -np.pi / 3], atol=1e-7)
    assert nodes.gap.max() < 1e-6
    assert np.abs(nodes.energy).max() < 1e-6
