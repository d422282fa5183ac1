"""Where the elements stand in the periodic table, and which of them ask for care."""

from functools import cache

_LAYOUT = """
H . . . . . . . . . . . . . . . . He
Li Be . . . . . . . . . . B C N O F Ne
Na Mg . . . . . . . . . . Al Si P S Cl Ar
K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe
Cs Ba . Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn
Fr Ra . Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
. . . . . . . . . . . . . . . . . .
. . La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu .
. . Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr .
"""


@cache
def positions() -> dict[str, tuple[int, int]]:
    """Return element symbol → (row, column) from 0; the two rows of f elements stand below a gap."""
    rows = [line.split() for line in _LAYOUT.strip().splitlines()]
    return {symbol: (r, c) for r, row in enumerate(rows) for c, symbol in enumerate(row) if symbol != "."}


def symbols_of(numbers: tuple[int, ...]) -> list[str]:
    """Return the symbols of atomic numbers, each once, by atomic number."""
    from ase.data import chemical_symbols

    return [chemical_symbols[z] for z in sorted(set(numbers))]
