import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.topology.tightbinding import HamiltonianError, TightBinding


def random_model(seed: int, n: int = 4, cells: int = 6) -> TightBinding:
    rng = np.random.default_rng(seed)
    half = [tuple(cell) for cell in rng.integers(-2, 3, (cells, 3)).tolist() if any(cell)]
    table: dict[tuple, np.ndarray] = {}
    for cell in half:
        block = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
        table[cell] = block
        table[tuple(-x for x in cell)] = block.conj().T
    onsite = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    table[(0, 0, 0)] = onsite + onsite.conj().T
    lattice = np.diag([3.0, 4.0, 5.0]) + rng.normal(scale=0.3, size=(3, 3))
    return TightBinding(lattice, np.array(list(table)), np.array(list(table.values())), rng.random((n, 3)))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_h_is_hermitian_and_periodic_and_its_bands_do_not_depend_on_the_gauge(seed: int) -> None:
    model = random_model(seed)
    k = np.random.default_rng(seed).random((2, 3, 3))
    h = model.hamiltonian(k)
    np.testing.assert_allclose(h, h.conj().swapaxes(-1, -2), atol=1e-12)
    np.testing.assert_allclose(model.hamiltonian(k + np.array([1, -2, 3])), h, atol=1e-10)
    atomic = np.linalg.eigvalsh(model.hamiltonian(k, "atomic"))
    np.testing.assert_allclose(atomic, model.bands(k), atol=1e-10)


def test_h_is_the_sum_over_cells_written_out() -> None:
    model = random_model(3)
    k = np.array([0.1, 0.2, 0.3])
    expected = sum(
        np.exp(2j * np.pi * (k @ cell)) * block
        for cell, block in zip(model.cells, model.hoppings, strict=True)
    )
    np.testing.assert_allclose(model.hamiltonian(k), expected, atol=1e-12)


def test_derivatives_are_those_of_the_atomic_gauge() -> None:
    model = random_model(5)
    k = np.array([0.13, 0.27, 0.41])
    step = 1e-5
    for axis in range(3):
        shift = np.eye(3)[axis] * step @ np.linalg.inv(model.reciprocal)
        numeric = (model.hamiltonian(k + shift, "atomic") - model.hamiltonian(k - shift, "atomic")) / (
            2 * step
        )
        np.testing.assert_allclose(model.derivatives(k)[axis], numeric, atol=1e-6)


def _parts(model: TightBinding) -> dict:
    return {
        "lattice": model.lattice,
        "cells": model.cells,
        "hoppings": model.hoppings,
        "centres": model.centres,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p | {"lattice": np.zeros((3, 3))}, "independent"),
        (lambda p: p | {"centres": p["centres"][:-1]}, "fit together"),
        (lambda p: p | {"cells": p["cells"][:-2], "hoppings": p["hoppings"][:-2]}, "missing"),
        (lambda p: p | {"hoppings": p["hoppings"] * np.nan}, "finite"),
        (lambda p: p | {"hoppings": p["hoppings"] + np.triu(np.ones((4, 4)), 1)}, "not Hermitian"),
        (lambda p: p | {"cells": np.concatenate([p["cells"][:1], p["cells"][:-1]])}, "twice"),
    ],
)
def test_what_is_no_hamiltonian_is_refused(change, message: str) -> None:
    with pytest.raises(HamiltonianError, match=message):
        TightBinding(**change(_parts(random_model(1))))
