"""Time reversal of a Wannier Hamiltonian, and the spin order in which it holds."""

from dataclasses import replace
from typing import Literal

import numpy as np

from discovery.topology.tightbinding import HamiltonianError, TightBinding

SpinOrder = Literal["interleaved", "blocks"]

TIME_REVERSAL = 0.01
"""Largest violation taken for noise of the Wannier functions, in eV: good ones reach 0.004, poor ones 1."""


def kramers_partners(n_orbitals: int, order: SpinOrder) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) the partner of each orbital under time reversal and (n,) its sign: Θ = iσ_y K.

    Args:
        n_orbitals: size of the basis, spin included; even.
        order: ``interleaved`` (up, down, up, …: Quantum ESPRESSO, VASP 6) or ``blocks`` (all up, all down:
            VASP 5 and WannierTools' own files).
    """
    index = np.arange(n_orbitals)
    if order == "interleaved":
        return index ^ 1, np.where(index % 2 == 0, 1.0, -1.0)
    half = n_orbitals // 2
    return (index + half) % n_orbitals, np.where(index < half, 1.0, -1.0)


def _violation(model: TightBinding, order: SpinOrder) -> float:
    """Largest |Θ H(R) Θ⁻¹ − H(R)| in eV for one spin order."""
    partner, sign = kramers_partners(model.n_orbitals, order)
    reversed_ = model.hoppings[:, partner][:, :, partner].conj() * np.outer(sign, sign)
    return float(np.abs(reversed_ - model.hoppings).max())


def _orders(model: TightBinding) -> dict[SpinOrder, float]:
    """Return the violation of each spin order, the declared one first; none for an odd basis."""
    if model.n_orbitals % 2:
        return {}
    first: SpinOrder = model.spin or "interleaved"
    other: SpinOrder = "blocks" if first == "interleaved" else "interleaved"
    return {order: _violation(model, order) for order in (first, other)}


def _best(model: TightBinding, orders: dict[SpinOrder, float]) -> SpinOrder:
    """Return the declared order where it holds, else that of the least violation."""
    if model.spin is not None and orders[model.spin] <= TIME_REVERSAL:
        return model.spin
    return min(orders, key=orders.__getitem__)


def time_reversal_violation(model: TightBinding) -> float:
    """Return by how much time reversal is broken, in eV, in the spin order that suits best.

    The measure is the largest matrix element of Θ H(R) Θ⁻¹ − H(R) with Θ = iσ_y K. Infinite for an odd number
    of orbitals, which cannot carry spin one half.
    """
    return min(_orders(model).values(), default=float("inf"))


def with_spin_order(model: TightBinding) -> TightBinding:
    """Return the model with ``spin`` set to the order in which time reversal is broken least.

    A declared order stays where it holds within ``TIME_REVERSAL`` or no other is better.

    Raises:
        HamiltonianError: an odd number of orbitals.
    """
    orders = _orders(model)
    if not orders:
        raise HamiltonianError(
            f"{model.n_orbitals} orbitals: an odd number cannot hold both spins, so there is no spin order"
        )
    return replace(model, spin=_best(model, orders))


def require_time_reversal(model: TightBinding, tolerance: float = TIME_REVERSAL) -> TightBinding:
    """Return the model in its spin order with the centres of Kramers partners averaged.

    Args:
        model: spin–orbit Hamiltonian.
        tolerance: largest violation in eV that is taken for noise.

    Raises:
        HamiltonianError: time reversal is broken by more than that; a Z2 index does not exist then.
    """
    orders = _orders(model)
    violation = min(orders.values(), default=float("inf"))
    if not violation <= tolerance:
        raise HamiltonianError(
            f"time reversal is broken by {violation:.3g} eV (more than {tolerance:g} eV) in either spin "
            "order: no Z2 index exists. The crystal is magnetic, spin-orbit coupling is missing, or the "
            "Wannier functions are poor"
        )
    order = _best(model, orders)
    partner, _ = kramers_partners(model.n_orbitals, order)
    away = model.centres[partner] - model.centres
    return replace(model, spin=order, centres=model.centres + 0.5 * (away - np.round(away)))
