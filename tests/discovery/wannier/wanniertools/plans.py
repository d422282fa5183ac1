"""Plans that several tests start from, and a reader of `wt.in` to compare them by key."""

import re
from dataclasses import replace
from typing import Any

from discovery.wannier.wanniertools.plan import WtAtom, WtPlan

SP = ("s", "pz", "px", "py")


def antimony(**changes: Any) -> WtPlan:
    plan = WtPlan(
        hamiltonian="s_hr.dat",
        package="QE",
        lattice=(
            (2.154212263061131, -1.2437350299699368, 3.758036400954989),
            (0.0, 2.4874700599398736, 3.758036400954989),
            (-2.154212263061131, -1.2437350299699368, 3.758036400954989),
        ),
        atoms=(WtAtom("Sb", (0.2335,) * 3, SP), WtAtom("Sb", (-0.2335,) * 3, SP)),
        spin_orbit=True,
        num_wann=16,
        n_occupied=10,
        fermi_energy=6.8027,
        surface=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    )
    return replace(plan, **changes)


def _value(word: str) -> str | float:
    word = word.strip().strip("'\"")
    try:
        return float(word)
    except ValueError:
        return word.upper()


def sections(text: str) -> dict[str, dict[str, str | float] | list[list[str | float]]]:
    """Read a `wt.in`: namelists as dictionaries, cards as rows of words and numbers."""
    lines = [line.split("!")[0].strip() for line in text.splitlines()]
    found: dict[str, Any] = {}
    name = ""
    for line in filter(None, lines):
        if line.startswith("&"):
            name = line[1:].upper()
            found[name] = {}
        elif line == "/":
            name = ""
        elif name and isinstance(found[name], dict):
            for key, value in re.findall(r"(\w+)\s*=\s*([^,]+)", line):
                found[name][key.upper()] = _value(value)
        elif re.fullmatch(r"[A-Z][A-Z0-9_]{4,}", line):
            name = line
            found[name] = []
        else:
            found[name].append([_value(word) for word in line.split()])
    return found
