"""What is read from a run: spins, weights, moments, and files that are not what they should be."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.electronic_structure.core import Spin

from discovery.verification.engines import StepError
from discovery.verification.engines.vasp import outputs
from discovery.verification.engines.vasp.record import FILE, VaspRecord


def run_of(up: np.ndarray, down: np.ndarray | None = None, **changes: Any) -> Any:
    spins = {Spin.up: up} if down is None else {Spin.up: up, Spin.down: down}
    facts = {
        "eigenvalues": {s: np.stack([e, (e < 0).astype(float)], axis=-1) for s, e in spins.items()},
        "actual_kpoints": [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0)],
        "actual_kpoints_weights": [1.0, 3.0],
        "parameters": {"NELECT": 3.0, "LSORBIT": False},
        "kpoints_opt_props": None,
        "filename": "vasprun.xml",
    }
    return SimpleNamespace(**(facts | changes))


UP = np.array([[-2.0, -1.0, 1.0], [-2.5, -0.5, 2.0]])
DOWN = np.array([[-1.5, 0.5, 3.0], [-1.0, 1.5, 3.0]])


def test_two_spins_are_sorted_together() -> None:
    states = outputs.eigenvalues_of(run_of(UP, DOWN), 0.0, line=False)
    assert states.spin_polarised
    assert not states.spin_orbit
    assert states.energies.tolist() == [[-2, -1.5, -1, 0.5, 1, 3], [-2.5, -1, -0.5, 1.5, 2, 3]]
    assert states.occupations.tolist() == [[1, 1, 1, 0, 0, 0]] * 2
    assert states.n_filled == 3  # one electron to a state
    assert states.indirect_gap == pytest.approx(1.0)
    np.testing.assert_allclose(states.weights, [0.25, 0.75])


def test_points_of_a_path_weigh_nothing() -> None:
    states = outputs.eigenvalues_of(run_of(UP), 7.0, line=True)
    assert states.weights.tolist() == [0, 0]
    assert states.fermi == 7.0


def test_the_optional_path_is_preferred() -> None:
    path = SimpleNamespace(
        eigenvalues={Spin.up: np.array([[[-1.0, 1.0], [2.0, 0.0]]])},
        actual_kpoints=[(0.1, 0.2, 0.3)],
        actual_kpoints_weights=[1.0],
    )
    states = outputs.eigenvalues_of(run_of(UP, kpoints_opt_props=path), 0.0, line=False)
    assert states.kpoints.tolist() == [[0.1, 0.2, 0.3]]
    assert states.energies.tolist() == [[-1, 2]]


def test_no_eigenvalues() -> None:
    with pytest.raises(StepError, match="holds no eigenvalues"):
        outputs.eigenvalues_of(run_of(UP, eigenvalues=None), 0.0, line=False)


def test_weights_follow_their_bands_and_name_shells() -> None:
    structure = Structure(Lattice.cubic(4), ["Te", "Bi"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    projected = {spin: np.zeros((2, 3, 2, 9)) for spin in (Spin.up, Spin.down)}
    projected[Spin.up][:, 0, 0, 1:4] = 0.2  # the lowest band, on the p of Te
    projected[Spin.down][:, 0, 1, 0] = 0.5  # the lowest of the other spin, on the s of Bi
    run = run_of(UP, DOWN, projected_eigenvalues=projected, final_structure=structure)
    weights = outputs.orbital_weights(run)
    assert set(weights) == {"Te p", "Bi s"}
    np.testing.assert_allclose(weights["Te p"][0], [0.6, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(weights["Bi s"][0], [0, 0.5, 0, 0, 0, 0])


def test_moment_fermi_energy_and_costs(tmp_path: Path) -> None:
    (tmp_path / "OUTCAR").write_text(
        " number of electron      18.0000000 magnetization       1.0000000       2.0000000       2.0000000\n"
        " E-fermi :   3.1000     XC(G=0):\n E-fermi :  -1.2500     XC(G=0):\n"
        "                         Elapsed time (sec):      812.250\n"
        "                   Maximum memory used (kb):     2048000.\n"
    )
    assert outputs.magnetisation(tmp_path) == pytest.approx(3.0)
    assert outputs.fermi_energy(tmp_path) == -1.25
    assert outputs.costs(tmp_path) == {"seconds": 812.25, "memory_mb": 2048.0}


def test_an_outcar_that_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "OUTCAR").write_text(" vasp.6.4.3\n")
    assert outputs.costs(tmp_path) == {}
    assert outputs.magnetisation(tmp_path) is None
    with pytest.raises(StepError, match="no Fermi energy"):
        outputs.fermi_energy(tmp_path)
    with pytest.raises(StepError, match=r"vasprun.xml is missing"):
        outputs.read_vasprun(tmp_path)


def test_a_record_that_is_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="is missing"):
        VaspRecord.read(tmp_path)
    (tmp_path / FILE).write_text('{"step": "relax"}')
    with pytest.raises(StepError, match="is damaged"):
        VaspRecord.read(tmp_path)
