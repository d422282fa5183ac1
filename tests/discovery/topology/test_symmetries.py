from dataclasses import replace

import numpy as np
import pytest

from discovery.topology.symmetries import require_time_reversal, time_reversal_violation, with_spin_order
from discovery.topology.tightbinding import HamiltonianError
from discovery.wannier.hr import read_model
from tests.discovery.topology import models
from tests.discovery.topology.transformations import blocks_from_interleaved, reorder

SPINFUL = {
    "bhz": models.bhz(1.0),
    "wilson_dirac": models.wilson_dirac(-2.0),
    "kane_mele": models.kane_mele(0.06, 0.05, 0.1),
    "fu_kane_mele": models.fu_kane_mele(),
    "atomic_limit": models.atomic_limit(),
    "sn_te_like": models.sn_te_like(),
    "small_pocket": models.small_pocket(),
}


@pytest.mark.parametrize("name", SPINFUL)
def test_models_with_spin_keep_time_reversal_in_the_order_they_declare(name: str) -> None:
    model = SPINFUL[name]
    assert time_reversal_violation(model) < 1e-12
    assert with_spin_order(model).spin == model.spin
    k = np.random.default_rng(0).random((5, 3))
    np.testing.assert_allclose(model.bands(k), model.bands(-k), atol=1e-12)


def test_the_spin_order_is_found_and_a_wrong_one_is_corrected() -> None:
    model = SPINFUL["fu_kane_mele"]
    assert with_spin_order(replace(model, spin=None)).spin == "interleaved"
    assert with_spin_order(replace(model, spin="blocks")).spin == "interleaved"
    order = blocks_from_interleaved(model.n_orbitals, np.random.default_rng(1))
    assert with_spin_order(reorder(model, order, None)).spin == "blocks"


def test_a_magnet_is_refused_and_says_by_how_much() -> None:
    model = SPINFUL["wilson_dirac"]
    field = model.hoppings + (~model.cells.any(axis=1))[:, None, None] * np.diag([0.1, -0.1, 0.1, -0.1])
    magnet = replace(model, hoppings=field)
    assert time_reversal_violation(magnet) == pytest.approx(0.2)
    with pytest.raises(HamiltonianError, match=r"time reversal is broken by 0\.2 eV"):
        require_time_reversal(magnet)


def test_an_odd_number_of_orbitals_has_no_time_reversal_with_spin() -> None:
    model = models.haldane()
    odd = replace(model, hoppings=model.hoppings[:, :1, :1], centres=model.centres[:1])
    assert time_reversal_violation(odd) == np.inf
    with pytest.raises(HamiltonianError, match="odd"):
        with_spin_order(odd)
    with pytest.raises(HamiltonianError, match="no Z2"):
        require_time_reversal(odd)


def test_centres_of_partners_are_averaged_across_the_cell_border() -> None:
    model = models.bhz(1.0)
    centres = model.centres.copy()
    centres[[0, 2], 0] = 0.01, 0.97
    averaged = require_time_reversal(replace(model, centres=centres)).centres
    np.testing.assert_allclose(np.exp(2j * np.pi * averaged[[0, 2], 0]), np.exp(-2j * np.pi * 0.01))


@pytest.mark.parametrize(
    ("case", "order", "below"),
    [
        ("GaAs-trivial", "interleaved", 0.005),
        ("Sb-strong-TI", "interleaved", 1e-5),
        ("Bi2Se3-wanniertools", "blocks", 1e-4),
    ],
)
def test_good_wannier_functions_keep_time_reversal(shared, case: str, order: str, below: float) -> None:
    model = read_model(shared / "cases" / case)
    assert time_reversal_violation(model) < below
    assert model.spin == order


def test_bad_wannier_functions_break_it(shared) -> None:
    model = read_model(shared / "cases" / "Bi2Se3-bad-wannierisation")
    assert time_reversal_violation(model) > 0.5
