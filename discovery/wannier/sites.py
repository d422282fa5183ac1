"""Atoms with their orbitals in the order of a Wannier basis, from ``.win`` or WannierTools' ``wt.in``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from discovery.topology.orbitals import SHELLS
from discovery.topology.tightbinding import TightBinding
from discovery.wannier.geometry import BOHR, beside, card, read_win, read_wt_in
from discovery.wannier.wanniertools.plan import PlanError, WtAtom

NAMES: dict[str, tuple[str, int]] = {
    name: (shell, place) for shell, names in SHELLS.items() for place, name in enumerate(names)
} | {"fz(x2-y2)": ("f", 3), "fx(x2-3y2)": ("f", 5), "fy(3x2-y2)": ("f", 6)}
"""Orbital → its shell and place in it, by wannier90's names as well."""

SAME_PLACE = 1e-3
"""Å within which a projection's centre is an atom."""


class SitesError(ValueError):
    """It cannot be told which orbital belongs to which atom; the message says why."""


@dataclass(frozen=True)
class Sites:
    """The basis of a Wannier Hamiltonian, spin left aside.

    Attributes:
        path: the file that says so.
        atoms: each with its orbitals; elements are the labels in that file.
        order: (n,) places in the basis of these orbitals, atom by atom.
    """

    path: Path
    atoms: tuple[WtAtom, ...]
    order: tuple[int, ...]


def find_sites(hamiltonian: Path, seed: str, n_orbitals: int) -> Sites:
    """Return the atoms and orbitals that the files beside a Hamiltonian declare.

    Args:
        hamiltonian: path of the ``*_hr.dat`` or ``*_tb.dat``.
        seed: its name without that ending; ``SEED.win`` and then ``wt.in`` are asked.
        n_orbitals: size of its basis, both spins counted.

    Raises:
        SitesError: none of them says, or what they say does not make up the basis.
    """
    reasons = []
    for name, read in ((f"{seed}.win", read_win_sites), ("wt.in", read_wt_sites)):
        for path in beside(hamiltonian, name)[:1]:
            try:
                sites = read(path)
            except (SitesError, PlanError) as error:
                reasons.append(f"{path.name}: {error}")
                continue
            if 2 * len(sites.order) == n_orbitals:
                return sites
            reasons.append(
                f"{path.name}: {len(sites.order)} projections with two spins do not make up "
                f"{n_orbitals} Wannier functions"
            )
    raise SitesError("; ".join(reasons) or f"neither {seed}.win nor wt.in is there to name the orbitals")


def in_atom_order(model: TightBinding, order: tuple[int, ...]) -> TightBinding:
    """Return the model with its basis sorted so that the orbitals of an atom stand together.

    Args:
        model: Hamiltonian with a known order of spins.
        order: as in `Sites`.
    """
    n = len(order)
    if tuple(order) == tuple(range(n)):
        return model
    chosen = np.array(order)
    if model.spin == "interleaved":
        chosen = (2 * chosen[:, None] + np.arange(2)).ravel()
    else:
        chosen = np.concatenate([chosen, chosen + n])
    return replace(model, hoppings=model.hoppings[:, chosen][:, :, chosen], centres=model.centres[chosen])


def read_wt_sites(path: Path) -> Sites:
    """Read ATOM_POSITIONS and PROJECTORS of a WannierTools input.

    Raises:
        SitesError: a card is missing or cut off.
    """
    text = re.sub(r"!.*", "", path.read_text(encoding="utf-8", errors="replace"))
    positions, projectors = card(text, "ATOM_POSITIONS"), card(text, "PROJECTORS")
    if not positions or not projectors:
        raise SitesError(f"no {'PROJECTORS' if positions else 'ATOM_POSITIONS'}")
    try:
        count = int(positions[0])
        rows = [line.split() for line in positions[2 : 2 + count]]
        places = np.array([[float(x) for x in row[1:4]] for row in rows]).reshape(count, 3)
        counts = [int(x) for x in projectors[0].split()][:count]
        names = [line.split()[1 : 1 + n] for line, n in zip(projectors[1:], counts, strict=False)]
    except ValueError:
        raise SitesError("ATOM_POSITIONS or PROJECTORS cannot be read") from None
    if len(counts) != count or [len(own) for own in names] != counts:
        raise SitesError("PROJECTORS does not name as many orbitals as it counts")
    if not positions[1].lower().startswith("d"):
        lattice = read_wt_in(path).lattice
        assert lattice is not None
        places = places @ np.linalg.inv(lattice)
    atoms = [
        WtAtom(row[0].capitalize(), _triple(place), tuple(map(str.lower, own)))
        for row, place, own in zip(rows, places, names, strict=True)
        if own
    ]
    return Sites(path, tuple(atoms), tuple(range(sum(len(atom.orbitals) for atom in atoms))))


def read_win_sites(path: Path) -> Sites:
    """Read the atoms and projections of a wannier90 input.

    A line stands for all atoms of its label, one after the other; the orbitals of each follow in the order of
    l and then m_r, whatever the order in the line (wannier90 3.1, `param_get_projections`).

    Raises:
        SitesError: no projections, or some that are no plain atomic orbitals along Cartesian axes.
    """
    text = re.sub(r"[!#].*", "", path.read_text(encoding="utf-8", errors="replace"))
    for keyword in ("auto_projections", "select_projections"):
        given = re.search(rf"^\s*{keyword}[\s=:]+([^\s=:]\S*)", text, re.MULTILINE | re.IGNORECASE)
        if given and not given[1].lower().startswith(("f", ".f")):
            raise SitesError(f"{keyword} hides what the Wannier functions are")
    lattice = read_win(path).lattice
    if lattice is None:
        raise SitesError("no unit_cell_cart")
    labels, places = _atoms(text, lattice)
    lines = _block(text, "projections")
    scale = 1.0
    if lines and lines[0].lower() in ("ang", "bohr"):
        scale = BOHR if lines.pop(0).lower() == "bohr" else 1.0
    if not lines:
        raise SitesError("no projections")
    own: dict[tuple[str, tuple[float, float, float]], dict[str, int]] = {}
    place = 0
    for line in lines:
        where, orbitals = _projection(line)
        for label, position in _centres(where, labels, places, lattice, scale):
            known = own.setdefault((label, position), {})
            for orbital in orbitals:
                if orbital in known:
                    raise SitesError(f"{label} has {orbital} twice")
                known[orbital] = place
                place += 1
    atoms = tuple(WtAtom(label, position, tuple(found)) for (label, position), found in own.items())
    return Sites(path, atoms, tuple(at for found in own.values() for at in found.values()))


def _block(text: str, name: str) -> list[str]:
    found = re.search(
        rf"^\s*begin\s+{name}\s*\n(.*?)^\s*end\s+{name}\b", text, re.IGNORECASE | re.DOTALL | re.MULTILINE
    )
    return [line.strip() for line in found.group(1).splitlines() if line.strip()] if found else []


def _atoms(text: str, lattice: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Labels and (n, 3) fractional positions."""
    lines, scale = _block(text, "atoms_frac"), lattice
    if not lines:
        lines, unit = _block(text, "atoms_cart"), 1.0
        if lines and lines[0].lower() in ("ang", "bohr"):
            unit = BOHR if lines.pop(0).lower() == "bohr" else 1.0
        scale = np.eye(3) * unit
    rows = [line.split() for line in lines]
    try:
        places = np.array([[float(x) for x in row[1:4]] for row in rows]).reshape(-1, 3)
    except ValueError:
        raise SitesError("the atoms are no labels with three numbers") from None
    return [row[0].capitalize() for row in rows], places @ scale @ np.linalg.inv(lattice)


def _projection(line: str) -> tuple[str, list[str]]:
    """Site of a line of projections, and its orbitals in wannier90's order."""
    plain = re.sub(r"\(\s*u\s*,\s*d\s*\)\s*|\[\s*0\s*,\s*0\s*,\s*1\s*\]\s*", "", line)
    where, *rest = (part.strip() for part in plain.split(":"))
    if where.lower() == "random" or not rest:
        raise SitesError(f"the projection {line!r} names no orbital")
    if any(re.match(r"[zxr]\s*=", part) for part in rest[1:]) or re.search(r"\([ud]\)|\[", plain):
        raise SitesError(f"the projection {line!r} has axes, spins or radial parts of its own")
    chosen: set[tuple[int, int]] = set()
    for word in rest[0].split(";"):
        chosen |= set(_states(word.strip().lower().replace(" ", ""), line))
    return where, [SHELLS["spdf"[l]][place] for l, place in sorted(chosen)]  # noqa: E741


def _states(word: str, line: str) -> Iterator[tuple[int, int]]:
    """Angular momentum and place in the shell of what one word of a projection asks for."""
    numbers = re.fullmatch(r"l=([0-3])(?:,mr=([\d,]+))?", word)
    if numbers:
        l = int(numbers[1])  # noqa: E741
        places = [int(x) - 1 for x in (numbers[2] or "").split(",") if x] or range(2 * l + 1)
        if any(not 0 <= at <= 2 * l for at in places):
            raise SitesError(f"the projection {line!r} has an m_r that its shell does not")
        yield from ((l, at) for at in places)
    elif word in SHELLS:
        yield from (("spdf".index(word), at) for at in range(len(SHELLS[word])))
    elif word in NAMES:
        shell, at = NAMES[word]
        yield "spdf".index(shell), at
    else:
        raise SitesError(f"the projection {line!r} asks for {word!r}, which is no atomic orbital")


def _centres(
    where: str, labels: list[str], places: np.ndarray, lattice: np.ndarray, scale: float
) -> list[tuple[str, tuple[float, float, float]]]:
    """Label and fractional position of every centre that a line of projections stands for."""
    given = re.fullmatch(r"([fc])\s*=\s*(.+)", where, re.IGNORECASE)
    if given is None:
        found = [
            (label, _triple(at)) for label, at in zip(labels, places, strict=True)
            if label == where.capitalize()
        ]  # fmt: skip
        if not found:
            raise SitesError(f"projections for {where}, which is none of the atoms")
        return found
    try:
        at = np.array([float(x) for x in given[2].split(",")]).reshape(3)
    except ValueError:
        raise SitesError(f"the projection's centre {where!r} is not three numbers") from None
    if given[1].lower() == "c":
        at = at * scale @ np.linalg.inv(lattice)
    away = at - places
    near = np.linalg.norm((away - np.round(away)) @ lattice, axis=1) < SAME_PLACE
    return [(labels[int(np.argmax(near))] if near.any() else "X", _triple(at))]


def _triple(place: np.ndarray) -> tuple[float, float, float]:
    a, b, c = (round(float(x), 10) + 0.0 for x in place)
    return a, b, c
