"""Z2 indices and Z4 from parities at the time-reversal invariant momenta."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

Trim = tuple[int, int, int]

TRIMS: tuple[Trim, ...] = tuple((a, b, c) for a, b, c in product((0, 1), repeat=3))
"""The eight TRIMs Γ = (n1 b1 + n2 b2 + n3 b3)/2 as (n1, n2, n3), n3 running fastest."""


class ParityError(ValueError):
    """The table of parities is no basis for an index; the message says what is wrong with it."""


@dataclass(frozen=True)
class ParityResult:
    """Indices of a crystal with inversion and time reversal.

    Attributes:
        nu: (ν0, ν1, ν2, ν3), strong and weak.
        z4: κ1 = ΣΓ (n₊ − n₋)/2 mod 4 over Kramers pairs.
        z4_odd: Σ n₋ mod 4, the other sign in use, which irrep prints: −κ1 mod 4.
        odd_pairs: number of inversion-odd occupied Kramers pairs at each TRIM.
    """

    nu: tuple[int, int, int, int]
    z4: int
    z4_odd: int
    odd_pairs: dict[Trim, int]

    def __str__(self) -> str:
        """Write the indices as ν0;(ν1ν2ν3)."""
        return "{};({}{}{})".format(*self.nu)


def fu_kane(odd_pairs: Mapping[Trim, int], n_pairs: int) -> ParityResult:
    """Return the indices from the number of odd Kramers pairs at each TRIM.

    δ(Γ) is the product of the parities of the occupied bands, one for each Kramers pair. The strong index is
    (−1)^ν0 = Π δ over all eight TRIMs, the weak ones (−1)^νi = Π δ over the four with n_i = 1 (Fu & Kane,
    Phys. Rev. B 76, 045302 (2007), eqs. 2.11 to 2.13 and 3.10). κ1 counts mod 4, even with trivial Z2: 2 is a
    higher-order or mirror-protected phase (Khalaf, Po, Vishwanath & Watanabe, Phys. Rev. X 8, 031070 (2018);
    Po, Vishwanath & Watanabe, Nat. Commun. 8, 50 (2017)); its parity is ν0.

    Args:
        odd_pairs: for every (n1, n2, n3), the number of occupied Kramers pairs of parity −1.
        n_pairs: number of occupied Kramers pairs, half of the occupied bands.

    Raises:
        ParityError: a TRIM missing or unknown, a count that is not whole or does not fit ``n_pairs``.
    """
    missing = [trim for trim in TRIMS if trim not in odd_pairs]
    unknown = [trim for trim in odd_pairs if trim not in TRIMS]
    if missing or unknown:
        raise ParityError(f"the eight TRIMs are needed, each once: missing {missing}, unknown {unknown}")
    if n_pairs != int(n_pairs) or n_pairs < 1:
        raise ParityError(f"{n_pairs} occupied Kramers pairs: an insulator has a whole number, one at least")
    for trim in TRIMS:
        count = odd_pairs[trim]
        if count != int(count) or not 0 <= count <= n_pairs:
            raise ParityError(f"{count} odd Kramers pairs of {n_pairs} at {trim}")
    odd = {trim: int(odd_pairs[trim]) for trim in TRIMS}
    weak = tuple(sum(odd[trim] for trim in TRIMS if trim[axis]) % 2 for axis in range(3))
    total = sum(odd.values())
    # Σ (n₊ − n₋)/2 = Σ (n/2 − n₋) with the same n at all eight TRIMs.
    z4 = (4 * int(n_pairs) - total) % 4
    return ParityResult((total % 2, weak[0], weak[1], weak[2]), z4, total % 4, odd)


def odd_pairs_of_states(odd_states: Mapping[Trim, int]) -> dict[Trim, int]:
    """Halve numbers of inversion-odd states into numbers of odd Kramers pairs.

    Raises:
        ParityError: an odd number: a pair is cut, by the number of bands or by broken time reversal.
    """
    for trim, count in odd_states.items():
        if count % 2:
            raise ParityError(
                f"{count} inversion-odd states at {trim}: Kramers partners share their parity, so the number "
                "of bands cuts a pair, or time reversal is broken"
            )
    return {trim: count // 2 for trim, count in odd_states.items()}


def from_signs(parities: Mapping[Trim, list[int]]) -> ParityResult:
    """Return the indices from a list of parities ±1 at each TRIM, one for each occupied Kramers pair.

    Raises:
        ParityError: parities that are not ±1, lists of different lengths, or what ``fu_kane`` refuses.
    """
    lengths = {len(signs) for signs in parities.values()}
    if len(lengths) > 1:
        raise ParityError(f"the TRIMs list different numbers of pairs: {sorted(lengths)}")
    for trim, signs in parities.items():
        if any(sign not in (1, -1) for sign in signs):
            raise ParityError(f"parities at {trim} are {signs}: each is 1 or −1")
    odd = {trim: sum(sign == -1 for sign in signs) for trim, signs in parities.items()}
    return fu_kane(odd, lengths.pop() if lengths else 0)


def inversion_centre(
    lattice: np.ndarray, positions: np.ndarray, numbers: Sequence[int], symprec: float = 1e-4
) -> np.ndarray | None:
    """Return an inversion centre of a crystal, the origin where that is one, or None without inversion.

    Programs that count parities take them about the origin: atoms are moved by minus this vector first. Which
    of the eight centres of a primitive cell is taken changes the parities and no index.

    Args:
        lattice: (3, 3) rows in Å.
        positions: (n, 3) fractional.
        numbers: (n,) what tells the atoms' kinds apart.
        symprec: in Å.

    Returns:
        (3,) fractional, in [0, ½).
    """
    import spglib

    found = spglib.get_symmetry((np.asarray(lattice).tolist(), np.asarray(positions).tolist(), list(numbers)),
                                symprec=symprec)  # fmt: skip
    if not found:
        return None
    inversions = (found["rotations"] == -np.eye(3, dtype=int)).all(axis=(1, 2))
    # Translations found a hair below a lattice vector are none.
    centres = 0.5 * ((found["translations"][inversions] + 1e-6) % 1.0 - 1e-6)
    if not len(centres):
        return None
    return np.asarray(centres[np.linalg.norm(centres, axis=1).argmin()])
