"""Crystals of a CIF, one for each data block."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import gemmi
import numpy as np

from xbert.overlaps import find_overlaps
from xbert.reading.cif_sites import Sites, composition, read_sites, stated_formula
from xbert.reading.cif_symmetry import LIST_THEM, P1, expand, find_column, find_operations, find_value
from xbert.reading.records import Record, Records, UnreadableError

FORMULA_TOLERANCE = 0.005
"""How far an atomic fraction may be from the stated formula's."""

# Newer dictionaries write _cell.length_a for _cell_length_a.
_DOTTED = re.compile(r"^(\s*_(?:cell|atom_site|symmetry|space_group|chemical_formula)[\w-]*)\.", re.M | re.I)
_BLOCK = re.compile(r"^(?=data_)", re.M | re.I)
_MADE_UP = re.compile(r"global|publ|image\d+|vesta_phase_\d+|findsym-output|untitled|crystal|structure", re.I)
_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*|[()]\d*)+")


def read(text: str) -> Records:
    """Yield the crystal of each data block of a CIF, or why it has none.

    The symmetry is taken from the listed operations, else the Hall symbol, the Hermann–Mauguin symbol or
    the number; a block that states none lists all atoms. Oxidation states, isotopes and moments are dropped.
    A block's name is the id, save where it only repeats the formula of a file's one crystal.
    """
    blocks = list(_blocks(_DOTTED.sub(r"\1_", text)))
    several = sum(isinstance(block, gemmi.cif.Block) and _has_atoms(block) for block in blocks) > 1
    for block in blocks:
        if isinstance(block, UnreadableError):
            yield block
            continue
        name = _name(block, several)
        try:
            yield _crystal(block, name)
        except UnreadableError as error:
            # A block that describes the file must not take the file's name from the crystal in it.
            told = name if _has_atoms(block) else block.name or None
            yield UnreadableError(error.reason, error.remedy, told)
        except Exception as error:  # an odd block loses only itself
            yield UnreadableError(
                f"it cannot be read ({type(error).__name__}: {error})", "export it again", name
            )


def _blocks(text: str) -> Iterator[gemmi.cif.Block | UnreadableError]:
    try:
        yield from gemmi.cif.read_string(text, check_level=0)
        return
    except (RuntimeError, ValueError) as error:
        parts = [part for part in _BLOCK.split(text) if part[:5].lower() == "data_"]
        whole = error
    if not parts:
        raise UnreadableError(f"it is not a CIF ({_first_line(whole)})", "check the file")
    for part in parts:
        try:
            yield from gemmi.cif.read_string(part, check_level=0)
        except (RuntimeError, ValueError) as error:
            name = part[5:].split(maxsplit=1)[0] if part[5:].strip() else None
            reason = f"its CIF syntax is broken ({_first_line(error)})"
            yield UnreadableError(reason, "correct the block, or export it again", name)


def _crystal(block: gemmi.cif.Block, name: str | None) -> Record:
    if not _has_atoms(block):
        raise UnreadableError(
            "it has no atoms in fractional coordinates (_atom_site_fract_x)",
            "none is needed if the block only describes the file; else export the crystal again",
        )
    if (find_value(block, ["_cell_modulation_dimension"]) or "0") != "0":
        raise UnreadableError("it is modulated", "give a periodic approximant")
    cell = _cell(block)
    lattice = np.array(cell.orth.mat.tolist()).T
    formula = stated_formula(block)
    sites = read_sites(block, formula)
    choices = find_operations(block, cell) or [P1]
    expanded = [expand(operations, sites.frac_coords, lattice) for operations in choices]
    if len(expanded) > 1:
        units = gemmi.cif.as_number(find_value(block, ["_cell_formula_units_Z"]) or "?")
        expanded = _plausible(expanded, sites, lattice, formula, units)
    images = expanded[0]
    counts = [len(atoms) for atoms in images]
    if choices[0] is P1 and sites.multiplicities and sites.multiplicities != counts:
        raise UnreadableError("it gives sites with a multiplicity but no symmetry operations", LIST_THEM)
    numbers = np.repeat(sites.numbers, counts)
    if formula and not _same_composition(formula, composition(numbers)):
        raise UnreadableError(
            f"its atoms ({_text(composition(numbers))}) do not make up the formula it states "
            f"({_text(formula)})",
            "add the missing atoms (often hydrogen), or correct the formula or the symmetry operations",
        )
    return Record(name, lattice, numbers, np.concatenate(images))


def _cell(block: gemmi.cif.Block) -> gemmi.UnitCell:
    values = []
    for tag in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"):
        text = find_value(block, [f"_cell_{tag}"])
        # The dictionary's default for an angle that is left out is 90°.
        value = 90.0 if text is None and tag.startswith("angle") else gemmi.cif.as_number(text or "?")
        if text is None and tag.startswith("length"):
            raise UnreadableError(f"it has no cell (no _cell_{tag})", "give the cell lengths and angles")
        if not (np.isfinite(value) and value > 0):
            raise UnreadableError(f"its _cell_{tag} is {text}", "give the cell in Å and degrees")
        values.append(value)
    cosines = np.cos(np.radians(values[3:]))
    if max(values[3:]) >= 180 or 1 - (cosines**2).sum() + 2 * cosines.prod() <= 1e-12:
        angles = ", ".join(f"{value:g}" for value in values[3:])
        raise UnreadableError(f"no cell has the angles {angles}", "correct the cell angles")
    return gemmi.UnitCell(*values)


def _plausible(
    choices: list[list[np.ndarray]],
    sites: Sites,
    lattice: np.ndarray,
    formula: dict[int, float],
    units: float,
) -> list[list[np.ndarray]]:
    """Keep the choice of origin that agrees with the stated multiplicities, formula and Z."""

    def agrees(images: list[np.ndarray]) -> bool:
        counts = [len(atoms) for atoms in images]
        frac_coords = np.concatenate(images)
        if sites.multiplicities and counts != sites.multiplicities:
            return False
        if formula and not _same_composition(formula, composition(np.repeat(sites.numbers, counts))):
            return False
        return not len(find_overlaps(lattice[None], frac_coords, np.array([0, len(frac_coords)])).rows)

    kept = [images for images in choices if agrees(images)]
    if len(kept) > 1 and formula:
        atoms = units * sum(formula.values())
        kept = [images for images in kept if sum(map(len, images)) == atoms] or kept
    if len(kept) != 1:
        fit = "both fit" if kept else "neither fits"
        raise UnreadableError(
            f"its space-group symbol leaves two choices of origin, and {fit} the atoms", LIST_THEM
        )
    return kept


def _name(block: gemmi.cif.Block, several: bool) -> str | None:
    """Return the block's id; None where its name tells nothing, and the file's name tells more."""
    if stated := block.find_value("_xbert_id"):
        return unquote(gemmi.cif.as_string(stated))
    name = block.name.strip()
    if not name or _MADE_UP.fullmatch(name) or (not several and _FORMULA.fullmatch(name)):
        return None
    return name


def _has_atoms(block: gemmi.cif.Block) -> bool:
    return bool(find_column(block, ["_atom_site_fract_x"]))


def _same_composition(one: dict[int, float], other: dict[int, float]) -> bool:
    sums = sum(one.values()), sum(other.values())
    return all(
        abs(one.get(z, 0) / sums[0] - other.get(z, 0) / sums[1]) <= FORMULA_TOLERANCE for z in {*one, *other}
    )


def _text(formula: dict[int, float]) -> str:
    return " ".join(f"{gemmi.Element(z).name}{count:g}" for z, count in sorted(formula.items()))


def _first_line(error: Exception) -> str:
    """Return gemmi's message, with ``string:3:17(48)`` as a line of the block."""
    return re.sub(r"^string:(\d+)[:\d]*(?:\(\d+\))?:?", r"line \1:", str(error).splitlines()[0])
