"""wannier90.x for real, through custodian: what goes wrong is cured, and the Hamiltonian is the crystal's."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from discovery.topology.invariants import z2_indices
from discovery.topology.symmetries import time_reversal_violation
from discovery.topology.tightbinding import TightBinding
from discovery.verification.engines import StepError, StepOutput
from discovery.verification.inputs import kpoints, write_win
from discovery.verification.options import Options
from discovery.verification.plan import WannierPlan
from discovery.verification.wannier90 import WannierRun, run_setup, run_wannier90
from discovery.verification.wannierise import wannierise
from discovery.verification.win import keywords, with_keywords
from discovery.verification.windows import decide_windows
from discovery.wannier.hr import read_model
from discovery.wannier.wanniertools.plan import Vector, WtAtom
from tests.discovery.topology import models
from tests.discovery.wannier90_files import PROGRAM, with_high_orbitals, write_overlaps

real = pytest.mark.skipif(PROGRAM is None, reason="needs wannier90.x (Debian: wannier90)")

MESH = (4, 4, 4)
INDICES = models.fu_kane_mele_indices((1.4, 1.0, 1.0, 1.0))
ORBITALS = range(4)


def crystal() -> TightBinding:
    """A strong topological insulator, 6 Å wide, with four bands above it that do not belong to it."""
    model = models.fu_kane_mele()
    return with_high_orbitals(replace(model, lattice=6.0 * model.lattice), level=6.0, pairs=2)


def vector(row: np.ndarray) -> Vector:
    x, y, z = (float(value) for value in row)
    return x, y, z


def plan(**changes: Any) -> WannierPlan:
    model = crystal()
    k = np.array(list(np.ndindex(*MESH))) / MESH
    windows = decide_windows(model.bands(k)[:, : changes.get("n_bands")], 4, 2, 0.0)
    a, b, c = model.lattice
    decided = WannierPlan(
        lattice=(vector(a), vector(b), vector(c)),
        atoms=(WtAtom("Si", (0.0, 0.0, 0.0), ("s",)), WtAtom("Si", (0.25, 0.25, 0.25), ("s",))),
        package="QE",
        mesh=MESH,
        n_bands=8,
        n_excluded=0,
        num_wann=4,
        n_occupied=2,
        fermi=0.0,
        outer=windows.outer,
        frozen=windows.frozen,
        seed="s",
    )
    return replace(decided, **changes)


def prepare(folder: Path, decided: WannierPlan, extent: float = 0.4, **edits: object) -> Path:
    """Do what an engine does, and edit the `.win` afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    win = folder / "s.win"
    win.write_text(write_win(decided))
    assert run_setup(folder, "s") == ()
    write_overlaps(folder, "s", crystal(), ORBITALS, extent, decided.n_bands)
    win.write_text(with_keywords(win.read_text(), edits))
    return folder


def check_crystal(run: WannierRun, indices: bool = True) -> None:
    found, model = read_model(run.directory), crystal()
    k = kpoints(plan())
    np.testing.assert_allclose(found.bands(k)[:, :2], model.bands(k)[:, :2], atol=1e-6)
    if indices:
        assert z2_indices(found, 2).nu == INDICES


def actions(folder: Path) -> list[str]:
    """What custodian.json says was done."""
    log = json.loads((folder / "custodian.json").read_text())
    return [
        action for attempt in log for entry in attempt["corrections"] for action in entry["actions"] or []
    ]


@real
def test_a_plan_becomes_the_hamiltonian_of_its_crystal(tmp_path: Path) -> None:
    run = run_wannier90(prepare(tmp_path, plan()), "s", 2)
    assert run.corrections == ()
    check_crystal(run)
    assert run.numbers["largest spread (Å²)"] < 0.6 < run.numbers["spread limit (Å²)"]
    assert run.numbers["retries"] == 0
    assert run.numbers["disentanglement iterations"] > 3
    # The frozen window holds what lies below it, on the mesh exactly.
    k, top = kpoints(plan()), plan().frozen[1]
    exact, found = crystal().bands(k)[:, :4], read_model(tmp_path / "s_tb.dat").bands(k)
    assert np.abs(found - exact)[exact < top].max() < 1e-6


@real
@pytest.mark.parametrize(
    ("edits", "action", "keyword"),
    [
        ({"dis_froz_max": 6.9}, "band 5 begins at 5.525 eV", "dis_froz_max"),
        ({"dis_win_max": 3.0}, "as wide as the bands allow", "dis_win_max"),
        ({"dis_num_iter": 3}, "more iterations", "dis_num_iter"),
        ({"num_bands": 7}, "bands of the overlaps", "num_bands"),
        ({"num_bands": None}, "bands of the overlaps", "num_bands"),
    ],
    ids=["frozen", "outer", "disentanglement", "bands", "no bands"],
)
def test_a_wrong_win_is_cured(tmp_path: Path, edits: dict[str, object], action: str, keyword: str) -> None:
    prepare(tmp_path, plan(), **edits)
    run = run_wannier90(tmp_path, "s", 2)
    check_crystal(run)
    assert len(run.corrections) == 1
    assert run.corrections[0].startswith(action)
    assert list(run.corrections) == actions(tmp_path)
    assert run.numbers["retries"] == 1
    assert float(keywords((tmp_path / "s.win").read_text())[keyword]) != edits[keyword]
    with tarfile.open(tmp_path / "error.1.tar.gz") as kept:
        assert "error.1/s.win" in kept.getnames()


@real
def test_windows_chosen_too_high_end_below_the_next_band_and_above_the_occupied(tmp_path: Path) -> None:
    prepare(tmp_path, plan(), dis_froz_max=6.9)
    run_wannier90(tmp_path, "s", 2)
    top = float(keywords((tmp_path / "s.win").read_text())["dis_froz_max"])
    energies = crystal().bands(kpoints(plan()))
    assert energies[:, 1].max() < top < energies[:, 4].min()
    assert ((energies <= top).sum(axis=1) <= 4).all()


@real
def test_bands_that_cut_a_multiplet_are_kept_out_of_the_window(tmp_path: Path) -> None:
    """Seven of eight bands: of the last pair either partner is taken, another one at −k."""
    cut = plan(n_bands=7)
    good = run_wannier90(prepare(tmp_path / "good", cut), "s", 2)
    assert time_reversal_violation(read_model(good.directory)) < 1e-5
    check_crystal(good)
    bad = run_wannier90(prepare(tmp_path / "bad", cut, dis_win_max=99.0), "s", 2)
    assert time_reversal_violation(read_model(bad.directory)) > 1e-4


def rounded(text: str, error: float) -> str:
    """Return a `.win` whose lattice vectors are wrong by so many Å."""
    head, rest = text.split("Ang\n")
    rows, tail = rest.split("end unit_cell_cart")
    lattice = np.array([row.split() for row in rows.splitlines()], dtype=float)
    lattice += error * np.random.default_rng(1).normal(size=(3, 3))
    return (
        f"{head}Ang\n" + "\n".join(" ".join(map(str, row)) for row in lattice) + f"\nend unit_cell_cart{tail}"
    )


@real
def test_numbers_may_be_written_as_fortran_does(tmp_path: Path) -> None:
    win = prepare(tmp_path, plan(), kmesh_tol="1.0d-6") / "s.win"
    win.write_text(rounded(win.read_text(), 1e-5))
    assert run_wannier90(tmp_path, "s", 2).corrections == (
        "lengths that differ by rounding: kmesh_tol = 1e-05",
    )


@real
@pytest.mark.parametrize(("error", "tolerance"), [(1e-5, 1e-5), (1e-4, 1e-4)])
def test_lengths_that_differ_by_rounding_are_taken_for_equal(
    tmp_path: Path, error: float, tolerance: float
) -> None:
    win = prepare(tmp_path, plan()) / "s.win"
    win.write_text(rounded(win.read_text(), error))
    run = run_wannier90(tmp_path, "s", 2)
    check_crystal(run)
    assert float(keywords(win.read_text())["kmesh_tol"]) == tolerance
    assert all(action.startswith("lengths that differ by rounding") for action in run.corrections)


@real
def test_a_cell_that_is_not_the_overlaps_cell_is_given_up(tmp_path: Path) -> None:
    win = prepare(tmp_path, plan()) / "s.win"
    win.write_text(rounded(win.read_text(), 0.05))
    with pytest.raises(StepError, match=r"right number of nearest neighbours.*tried: lengths") as caught:
        run_wannier90(tmp_path, "s", 2)
    assert "Symmetrise the cell" in caught.value.remedy
    assert len(actions(tmp_path)) == 3


@real
def test_a_disentanglement_that_never_converges_asks_for_more(tmp_path: Path) -> None:
    prepare(tmp_path, plan(mesh=(2, 2, 2)), dis_num_iter=3, dis_conv_tol=0.0)
    with pytest.raises(
        StepError, match=r"did not converge in 4000 iterations.*more iterations.*it "
    ) as caught:
        run_wannier90(tmp_path, "s", 2)
    assert "more bands or a denser mesh" in caught.value.remedy
    assert caught.value.advice == "bands"


def shuffled_phases(path: Path) -> None:
    """Give every projection another phase at every k-point, which makes functions as large as the mesh."""
    head, counts, *rows = path.read_text().splitlines()
    phases = np.exp(2j * np.pi * np.random.default_rng(0).random((65, 5)))
    changed = []
    for row in rows:
        m, n, k, real_part, imaginary = row.split()
        value = complex(float(real_part), float(imaginary)) * phases[int(k), int(n)]
        changed.append(f"{m} {n} {k} {value.real:.14f} {value.imag:.14f}")
    path.write_text("\n".join([head, counts, *changed]) + "\n")


@real
def test_functions_larger_than_the_cell_get_other_windows_and_then_iterations(tmp_path: Path) -> None:
    shuffled_phases(prepare(tmp_path, plan()) / "s.amn")
    run = run_wannier90(tmp_path, "s", 2)
    assert [action.split(":")[0] for action in run.corrections] == [
        "fewer frozen states above the gap",
        "a narrower outer window",
        "atomic projections do not suffice",
    ]
    assert run.wout.largest_spread < run.wout.spread_limit
    check_crystal(run, indices=False)  # the iteration need not keep time reversal


@real
def test_functions_that_stay_too_large_are_given_up(tmp_path: Path) -> None:
    prepare(tmp_path, plan(), extent=6.0)
    with pytest.raises(StepError, match=r"the largest spread is .* V\^\(2/3\) is 14\.3") as caught:
        run_wannier90(tmp_path, "s", 2)
    assert "more bands or a denser mesh" in caught.value.remedy
    assert caught.value.advice == "bands"
    assert "num_iter" in str(caught.value)


@real
def test_a_frozen_window_that_cannot_hold_the_occupied_states_is_given_up(tmp_path: Path) -> None:
    prepare(tmp_path, plan(), dis_froz_max=6.9)
    with pytest.raises(
        StepError, match=r"band 5 begins at 5\.525 eV with states occupied up to 6\."
    ) as caught:
        run_wannier90(tmp_path, "s", 6)
    assert "Project more shells" in caught.value.remedy
    assert caught.value.advice == ""  # other overlaps would not help


@real
@pytest.mark.parametrize("kind", ["mmn", "amn", "eig"])
def test_files_that_are_cut_off_are_told(tmp_path: Path, kind: str) -> None:
    path = prepare(tmp_path, plan()) / f"s.{kind}"
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(StepError, match=f"(?i)s.{kind}|mismatch|reading") as caught:
        run_wannier90(tmp_path, "s", 2)
    assert caught.value.remedy


@real
def test_a_win_without_num_wann_is_told_in_the_programs_words(tmp_path: Path) -> None:
    prepare(tmp_path, plan(), num_wann=None)
    with pytest.raises(StepError, match="You must specify num_wann"):
        run_wannier90(tmp_path, "s", 2)
    with pytest.raises(StepError, match="You must specify num_wann"):
        run_setup(tmp_path, "s")


@real
def test_an_earlier_hamiltonian_does_not_pass_for_this_ones(tmp_path: Path) -> None:
    run_wannier90(prepare(tmp_path, plan()), "s", 2)
    (tmp_path / "s.win").write_text(with_keywords((tmp_path / "s.win").read_text(), {"write_hr": ".false."}))
    with pytest.raises(StepError, match="HamiltonianValidator"):
        run_wannier90(tmp_path, "s", 2)


def test_a_missing_program_is_told(tmp_path: Path) -> None:
    for kind in ("win", "mmn", "amn", "eig"):
        (tmp_path / f"s.{kind}").write_text("")
    with pytest.raises(StepError, match=r"no-such-wannier90\.x is not installed") as caught:
        run_wannier90(tmp_path, "s", 2, command=("no-such-wannier90.x",))
    assert "apt install wannier90" in caught.value.remedy


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "s.win").write_text("")
    with pytest.raises(StepError, match=r"s\.mmn is missing"):
        run_wannier90(tmp_path, "s", 2)


def left(folder: Path, decided: WannierPlan) -> StepOutput:
    return StepOutput(
        wannier_plan=decided, wannier_files={kind: folder / f"s.{kind}" for kind in ("mmn", "amn", "eig")}
    )


@real
def test_the_step_makes_a_hamiltonian_from_what_an_engine_left(tmp_path: Path) -> None:
    source = prepare(tmp_path / "wannier_input", plan(), dis_num_iter=3)
    before = (source / "s.win").read_text()
    target = tmp_path / "wannier"
    target.mkdir()
    found = wannierise(left(source, plan()), None, Options(), target)
    assert found.programs == {"wannier90": "3.1.0"}
    assert found.numbers["largest spread (Å²)"] < 1
    assert found.numbers["frozen up to (eV from E_F)"] == pytest.approx(plan().frozen[1], abs=1e-6)
    assert found.corrections == ("more iterations: dis_num_iter = 1000",)
    assert z2_indices(read_model(target), 2).nu == INDICES
    assert WannierPlan.load(target) == plan()
    assert (source / "s.win").read_text() == before
    assert (target / "s.mmn").samefile(source / "s.mmn")
    # A second attempt in the same place starts over.
    assert wannierise(left(source, plan()), None, Options(), target).corrections == found.corrections


@real
def test_the_step_takes_its_windows_from_the_mesh_itself(tmp_path: Path) -> None:
    """A plan made on a coarser mesh froze too much; that is seen before Wannier90 runs."""
    coarse = plan(frozen=(-6.0, 6.9), outer=(-6.0, 9.0))
    source = prepare(tmp_path / "wannier_input", coarse)
    target = tmp_path / "wannier"
    target.mkdir()
    found = wannierise(left(source, coarse), None, Options(), target)
    assert found.corrections == ()
    assert found.numbers["frozen up to (eV from E_F)"] == pytest.approx(plan().frozen[1], abs=1e-6)


def test_the_step_needs_a_plan_and_every_file(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="left no plan"):
        wannierise(StepOutput(), None, Options(), tmp_path)
    with pytest.raises(StepError, match=r"left no \.win"):
        wannierise(left(tmp_path, plan()), None, Options(), tmp_path)


@real
def test_the_program_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = prepare(tmp_path / "in", plan())
    monkeypatch.setenv("DISCOVER_WANNIER90", "/nowhere/wannier90.x")
    with pytest.raises(StepError, match=r"/nowhere/wannier90\.x is not installed"):
        wannierise(left(source, plan()), None, Options(), tmp_path)
