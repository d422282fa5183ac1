"""Damaged or mistaken Hamiltonians: refused with file and reason, never an index and never a traceback."""

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from discovery.cli.main import app
from tests.discovery.cli.test_topology import write_model
from tests.discovery.topology import models

Change = Callable[[Path], object]


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def rewrite(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


def replaced(number: int, old: str, new: str) -> Change:
    def change(path: Path) -> None:
        lines = lines_of(path)
        assert old in lines[number]
        lines[number] = lines[number].replace(old, new, 1)
        rewrite(path, lines)

    return change


def numbers_become(word: str) -> Change:
    def change(path: Path) -> None:
        lines = lines_of(path)
        lines[-1] = " ".join([*lines[-1].split()[:5], word, "0.0"])
        rewrite(path, lines)

    return change


def shuffled(path: Path) -> None:
    lines = lines_of(path)
    body = np.random.default_rng(0).permutation(lines[4:]).tolist()
    rewrite(path, lines[:4] + body)


def gzipped_and_cut(path: Path) -> None:
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_name("model_hr.dat.gz").write_bytes(packed[: len(packed) // 2])


CHANGES: dict[str, tuple[Change, str]] = {
    "cut off at a line": (lambda p: rewrite(p, lines_of(p)[:-5]), "cut off"),
    "cut off within a line": (lambda p: p.write_bytes(p.read_bytes()[:-25]), "cut off"),
    "cut off in the header": (lambda p: rewrite(p, lines_of(p)[:2]), "cut off"),
    "empty": (lambda p: p.write_text(""), "cut off"),
    "blank lines": (lambda p: p.write_text("\n\n\n"), "cut off"),
    "binary": (lambda p: p.write_bytes(np.random.default_rng(0).bytes(5000)), "not a number|cut off"),
    "zeros": (lambda p: p.write_bytes(bytes(5000)), "not a number|cut off"),
    "gzip cut off": (gzipped_and_cut, "gzip"),
    "another text": (lambda p: p.write_text("&CONTROL\n calculation = 'scf'\n/\n"), "not a number"),
    "lines mixed up": (shuffled, "mixed up"),
    "one line twice": (lambda p: rewrite(p, [*lines_of(p)[:-1], lines_of(p)[-2]]), "mixed up"),
    "a line too many": (lambda p: rewrite(p, [*lines_of(p), lines_of(p)[-1]]), "too long"),
    "NaN": (numbers_become("NaN"), "not finite"),
    "infinite": (numbers_become("Infinity"), "not finite"),
    "stars": (numbers_become("************"), "not a number"),
    "not Hermitian": (numbers_become("0.700000"), "not Hermitian"),
    "one degeneracy too few": (replaced(3, "1 ", ""), "cut off|too long|degeneracies"),
    "one degeneracy too many": (replaced(3, "1 ", "1 1 "), "cut off|too long|degeneracies"),
    "a degeneracy of zero": (replaced(3, "1 ", "0 "), "positive integers"),
    "more orbitals than lines": (replaced(1, "4", "6"), "cut off"),
    "no orbitals": (replaced(1, "4", "0"), "num_wann = 0"),
    "as many orbitals as no machine holds": (replaced(1, "4", "400000000"), "cut off"),
    "a negative number of cells": (replaced(2, "7", "-7"), "make no sense"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    change, message = CHANGES[name]
    file = write_model(tmp_path / "model", models.wilson_dirac(-2.0))
    change(file)
    check_refused(file.parent, 2, message, file.name)


def check_refused(path: Path, occupied: int, message: str, name: str = "") -> None:
    """Run the command; it must end with 1 and one sentence, without a class, an index or a file."""
    out = path.parent / "out"
    result = CliRunner().invoke(app, ["topology", str(path), "-n", str(occupied), "-o", str(out)])
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    told = " ".join(result.stderr.split())
    assert re.search(message, told), told
    assert name in told
    assert "Traceback" not in result.output
    assert not re.search(r"[01];\([01]{3}\)|strong TI|weak TI|trivial", result.output)
    assert not out.exists()


@pytest.mark.parametrize(("occupied", "message"), [(1, "Kramers pairs"), (3, "Kramers pairs"), (4, "no gap")])
def test_a_wrong_number_of_bands_is_refused(tmp_path: Path, occupied: int, message: str) -> None:
    check_refused(write_model(tmp_path / "model", models.wilson_dirac(-2.0)), occupied, message)


def test_a_folder_must_hold_one_hamiltonian(tmp_path: Path) -> None:
    file = write_model(tmp_path / "model", models.wilson_dirac(-2.0))
    (file.parent / "other_hr.dat").write_bytes(file.read_bytes())
    check_refused(file.parent, 2, "several Hamiltonians.*model_hr.dat, other_hr.dat")
    empty = tmp_path / "empty"
    empty.mkdir()
    check_refused(empty, 2, r"no \*_tb.dat or \*_hr.dat")


def test_a_hamiltonian_without_its_lattice_is_refused(tmp_path: Path) -> None:
    file = write_model(tmp_path / "model", models.wilson_dirac(-2.0))
    (file.parent / "model.win").unlink()
    check_refused(file, 2, "no lattice")


def test_images_of_another_hamiltonian_are_refused(tmp_path: Path) -> None:
    file = write_model(tmp_path / "model", models.wilson_dirac(-2.0))
    (file.parent / "model_wsvec.dat").write_text("## of another\n0 0 0 1 1\n1\n0 0 0\n")
    check_refused(file, 2, "do not belong together", "model_wsvec.dat")


def test_without_time_reversal_there_is_no_index(tmp_path: Path) -> None:
    model = models.wilson_dirac(-2.0)
    field = (~model.cells.any(axis=1))[:, None, None] * np.diag([0.2, -0.2, 0.2, -0.2])
    file = write_model(tmp_path / "model", replace(model, hoppings=model.hoppings + field))
    for more in ([], ["--magnetic"]):
        result = CliRunner().invoke(app, ["topology", str(file), "-n", "2", *more])
        assert result.exit_code == 0, result.output
        assert "inconclusive" in result.output
        assert "1;(000)" not in result.output
        assert "strong TI" not in result.output
