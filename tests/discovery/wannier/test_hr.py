import gzip
from pathlib import Path

import numpy as np
import pytest

from discovery.topology.invariants import z2_indices
from discovery.topology.tightbinding import HamiltonianError, TightBinding
from discovery.wannier.hr import read_hr, read_model, read_tb
from tests.discovery.topology import models

MODEL = models.fu_kane_mele()
DEGENERACIES = np.arange(1, len(MODEL.cells) + 1)


def hr_lines(model: TightBinding = MODEL, degeneracies: np.ndarray = DEGENERACIES) -> list[str]:
    """Lines as wannier90 writes them: 15 degeneracies a line, the first orbital running fastest."""
    n, n_cells = model.n_orbitals, len(model.cells)
    lines = [" written by a test", f"{n:12d}", f"{n_cells:12d}"]
    lines += ["".join(f"{d:5d}" for d in degeneracies[i : i + 15]) for i in range(0, n_cells, 15)]
    for cell, block, degeneracy in zip(model.cells, model.hoppings, degeneracies, strict=True):
        for j in range(n):
            for i in range(n):
                value = block[i, j] * degeneracy
                lines.append("".join(f"{x:5d}" for x in (*cell, i + 1, j + 1))
                             + f"{value.real:12.6f}{value.imag:12.6f}")  # fmt: skip
    return lines


def tb_lines(model: TightBinding = MODEL) -> list[str]:
    n, n_cells = model.n_orbitals, len(model.cells)
    lines = [" written by a test", *("".join(f"{x:14.8f}" for x in row) for row in model.lattice)]
    lines += [f"{n:12d}", f"{n_cells:12d}"]
    lines += ["".join(f"{d:5d}" for d in DEGENERACIES[i : i + 15]) for i in range(0, n_cells, 15)]
    for cell, block, degeneracy in zip(model.cells, model.hoppings, DEGENERACIES, strict=True):
        lines += ["", "".join(f"{x:5d}" for x in cell)]
        for j in range(n):
            for i in range(n):
                value = block[i, j] * degeneracy
                lines.append(f"{i + 1:5d}{j + 1:5d}{value.real:16.8E}{value.imag:16.8E}")
    for cell in model.cells:
        lines += ["", "".join(f"{x:5d}" for x in cell)]
        for j in range(n):
            for i in range(n):
                here = i == j and not cell.any()
                r = model.centres[i] @ model.lattice if here else np.full(3, 0.01)
                lines.append(f"{i + 1:5d}{j + 1:5d}" + "".join(f"{x:16.8E}{0:16.8E}" for x in r))
    return lines


def write(path: Path, lines: list[str]) -> Path:
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def test_hr_round_trip_with_degeneracies_plain_and_gzipped(tmp_path: Path) -> None:
    k = np.random.default_rng(0).random((4, 3))
    for name in ("a_hr.dat", "b_hr.dat.gz"):
        model = read_hr(write(tmp_path / name, hr_lines()), MODEL.lattice, MODEL.centres)
        np.testing.assert_allclose(model.hamiltonian(k), MODEL.hamiltonian(k), atol=3e-5)
        assert model.spin == "interleaved"


def test_tb_brings_its_lattice_and_centres(tmp_path: Path) -> None:
    k = np.random.default_rng(0).random((4, 3))
    for name in ("a_tb.dat", "b_tb.dat.gz"):
        model = read_tb(write(tmp_path / name, tb_lines()))
        np.testing.assert_allclose(model.hamiltonian(k, "atomic"), MODEL.hamiltonian(k, "atomic"), atol=1e-6)
        np.testing.assert_allclose(model.lattice, MODEL.lattice)
        np.testing.assert_allclose(model.centres, MODEL.centres, atol=1e-7)
        assert model.spin == "interleaved"


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_r_and_of_elements_does_not_matter(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = hr_lines(degeneracies=np.ones(len(MODEL.cells), dtype=int))
    n2, header = MODEL.n_orbitals**2, len(lines) - len(MODEL.cells) * MODEL.n_orbitals**2
    blocks = [lines[i : i + n2] for i in range(header, len(lines), n2)]
    mixed = [line for i in rng.permutation(len(blocks)) for line in rng.permutation(blocks[i]).tolist()]
    model = read_hr(write(tmp_path / "a_hr.dat", lines[:header] + mixed), MODEL.lattice, MODEL.centres)
    k = rng.random((3, 3))
    np.testing.assert_allclose(model.hamiltonian(k), MODEL.hamiltonian(k), atol=3e-5)
    assert z2_indices(model, 2).nu == (1, 1, 1, 1)


def _swap(lines: list[str], i: int, j: int) -> list[str]:
    lines[i], lines[j] = lines[j], lines[i]
    return lines


def _edit(lines: list[str], i: int, text: str) -> list[str]:
    lines[i] = text
    return lines


FIRST = len(hr_lines()) - len(MODEL.cells) * 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], r"cut off: 13 R of 4 × 4 elements make 208 lines, there are 207"),
        (lambda lines: [*lines[:-1], lines[-1][:-12]], "cut off"),
        (lambda lines: [*lines, lines[-1]], "too long"),
        (lambda lines: lines[:1], "cut off before num_wann"),
        (lambda lines: lines[:3], "cut off within the degeneracies"),
        (lambda lines: _edit(lines, 2, "12"), "degeneracies|cut off|too long"),
        (lambda lines: _edit(lines, 1, "5"), "cut off"),
        (lambda lines: _edit(lines, 1, "0"), "num_wann = 0"),
        (lambda lines: _edit(lines, 1, "4.5"), "num_wann = 4.5"),
        (lambda lines: _edit(lines, 3, lines[3].replace("    1", "    0", 1)), "positive integers"),
        (lambda lines: _swap(lines, FIRST, FIRST + 20), "do not stand together"),
        (lambda lines: _edit(lines, FIRST + 1, lines[FIRST]), "holds an element twice"),
        (
            lambda lines: _edit(lines, FIRST, lines[FIRST].replace("    1    1", "    9    1")),
            "outside 1 to 4",
        ),
        (lambda lines: _edit(lines, FIRST, lines[FIRST][:-12] + " ***********"), "not a number"),
        (
            lambda lines: _edit(lines, FIRST + 1, lines[FIRST + 1][:25] + "    0.700000    0.000000"),
            "Hermitian",
        ),
    ],
)
def test_a_spoilt_file_is_refused_with_its_name(tmp_path: Path, change, message: str) -> None:
    path = write(tmp_path / "spoilt_hr.dat", change(hr_lines()))
    with pytest.raises(HamiltonianError, match=message) as caught:
        read_hr(path, MODEL.lattice)
    assert str(path) in str(caught.value)


def test_a_missing_opposite_r_is_refused(tmp_path: Path) -> None:
    lines = hr_lines()
    lines = [lines[0], lines[1], "12", "".join(f"{d:5d}" for d in DEGENERACIES[:-1]), *lines[FIRST:-16]]
    with pytest.raises(HamiltonianError, match="missing"):
        read_hr(write(tmp_path / "a_hr.dat", lines), MODEL.lattice)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "cut off"),
        (lambda lines: lines[:3], "cut off within the lattice"),
        (lambda lines: [*lines, "1 2"], "too long"),
        (lambda lines: _edit(lines, -17, "    7    7    7"), "disagree"),
    ],
)
def test_a_spoilt_tb_is_refused(tmp_path: Path, change, message: str) -> None:
    path = write(tmp_path / "spoilt_tb.dat", change(tb_lines()))
    with pytest.raises(HamiltonianError, match=message) as caught:
        read_tb(path)
    assert str(path) in str(caught.value)


def test_a_gzip_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a_hr.dat.gz", hr_lines())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(HamiltonianError, match="gzip"):
        read_hr(path, MODEL.lattice)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HamiltonianError, match="cannot be read"):
        read_hr(tmp_path / "none_hr.dat", MODEL.lattice)
    with pytest.raises(HamiltonianError, match="no such file"):
        read_model(tmp_path / "none_hr.dat")
    with pytest.raises(HamiltonianError, match=r"no \*_tb.dat"):
        read_model(tmp_path)


def test_several_hamiltonians_in_a_folder_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a_hr.dat", hr_lines())
    write(tmp_path / "b_hr.dat", hr_lines())
    with pytest.raises(HamiltonianError, match="several"):
        read_model(tmp_path)


def test_a_tb_is_preferred_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "a_hr.dat", hr_lines())
    write(tmp_path / "a_tb.dat", tb_lines())
    np.testing.assert_allclose(read_model(tmp_path).centres, MODEL.centres, atol=1e-7)


def test_an_hr_without_lattice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a_hr.dat", hr_lines())
    with pytest.raises(HamiltonianError, match=r"no lattice: put a\.win"):
        read_model(path)


@pytest.mark.parametrize(
    ("case", "n", "first", "spin"),
    [
        ("GaAs-trivial", 16, [0, 0, 0], "interleaved"),
        ("Sb-strong-TI", 16, [0.2331, 0.2331, 0.2331], "interleaved"),
        ("Bi2Se3-bad-wannierisation", 30, [0.3887, 0.3936, 0.6717], "interleaved"),
        ("Bi2Se3-wanniertools", 30, [0.3985, 0.3985, 0.6954], "blocks"),
    ],
)
def test_cases_with_the_files_beside_them(shared, case: str, n: int, first: list[float], spin: str) -> None:
    model = read_model(shared / "cases" / case)
    assert model.n_orbitals == n
    assert model.spin == spin
    np.testing.assert_allclose(model.centres[0], first, atol=2e-4)


def test_weyl_model_reads_without_spin(shared) -> None:
    model = read_hr(shared / "cases" / "Weyl-model" / "Weyl3D_hr.dat", np.eye(3))
    gap = np.diff(model.bands(np.array([0, 0, 1 / 6])))
    assert gap == pytest.approx(0, abs=1e-6)
    assert model.spin is None
