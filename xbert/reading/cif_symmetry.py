"""Symmetry operations of a CIF block, and the atoms that they make of its sites."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import gemmi
import numpy as np

from xbert.reading.records import UnreadableError

SAME_SITE = 0.1
"""Å; images of one site nearer than this are one atom whose coordinates were rounded."""
METRIC_TOLERANCE = 0.02
"""How far the operations may change the cell's metric, relative to its longest vector squared."""

OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
HALL = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall")
SYMBOL = ("_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M", "_space_group_name_H-M")
NUMBER = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
LIST_THEM = "list the symmetry operations in the file (_space_group_symop_operation_xyz)"


@dataclass(frozen=True)
class Operations:
    """Symmetry operations x → Rx + t on fractional coordinates, one for each general position.

    Attributes:
        name: what the file calls them.
        rotations: (m, 3, 3).
        translations: (m, 3) fractions of the cell.
    """

    name: str
    rotations: np.ndarray
    translations: np.ndarray


P1 = Operations("P 1", np.eye(3)[None], np.zeros((1, 3)))


def find_value(block: gemmi.cif.Block, tags: Sequence[str]) -> str | None:
    """Return the first of the items that the block gives a value, as plain text."""
    for tag in tags:
        text = block.find_value(tag)
        if text is not None and not gemmi.cif.is_null(text):
            return gemmi.cif.as_string(text).strip() or None
    return None


def find_column(block: gemmi.cif.Block, tags: Sequence[str]) -> list[str]:
    """Return the values of the first of the loop items that the block has, as plain text."""
    for tag in tags:
        column = block.find_values(tag)
        if len(column):
            return [gemmi.cif.as_string(text) for text in column]
    return []


def find_operations(block: gemmi.cif.Block, cell: gemmi.UnitCell) -> list[Operations]:
    """Return the symmetry that the block states: listed operations, else Hall symbol, symbol or number.

    Usually one choice; two where a symbol leaves the origin open; none where the block says nothing.

    Raises:
        UnreadableError: the operations or symbol make no sense, or do not fit the cell.
    """
    listed = tuple(find_column(block, OPERATIONS)) or _magnetic(block)
    hall, symbol, number = (find_value(block, tags) for tags in (HALL, SYMBOL, NUMBER))
    if listed:
        choices = [_parse(listed)]
    elif hall and (operations := _from_hall(hall)):
        choices = [operations]
    elif symbol or number:
        choices = _from_tables(symbol, number, cell)
    else:
        return []
    metric = _metric(cell)
    fitting = [choice for choice in choices if _fits(choice, metric)]
    if not fitting:
        raise UnreadableError(
            f"its cell ({', '.join(f'{value:g}' for value in cell.parameters)}) does not have the symmetry "
            f"that the file states ({choices[0].name})",
            "correct the cell or the symmetry operations",
        )
    return fitting


def expand(operations: Operations, frac_coords: np.ndarray, lattice: np.ndarray) -> list[np.ndarray]:
    """Return the images of each site, each once.

    A site within 0.1 Å of a special position is first moved onto it, the mean of its near images, so that
    coordinates written as 0.3333 neither split an atom nor break the symmetry.

    Args:
        operations: of the space group.
        frac_coords: (n, 3).
        lattice: (3, 3) rows a, b, c in Å.

    Returns:
        n arrays (multiplicity, 3).
    """
    if len(operations.rotations) == 1:
        return list(frac_coords[:, None])
    shift = _images(operations, frac_coords) - frac_coords[:, None]
    shift -= np.rint(shift)
    near = np.linalg.norm(shift @ lattice, axis=2) < SAME_SITE
    near[:, 0] = True
    special = frac_coords + (shift * near[..., None]).sum(axis=1) / near.sum(axis=1)[:, None]
    images = _images(operations, special)
    images -= np.floor(images + 1e-9)
    # Equal images differ by rounding only; the odd offset keeps decimals off the edges of the bins.
    keys = np.floor(images * 1e5 + 0.1234567) % 1e5
    found = []
    for sites, key in zip(images, keys @ np.array([1e10, 1e5, 1.0]), strict=True):
        found.append(sites[np.sort(np.unique(key, return_index=True)[1])])
    return found


def _images(operations: Operations, frac_coords: np.ndarray) -> np.ndarray:
    return np.einsum("mij,nj->nmi", operations.rotations, frac_coords) + operations.translations


@lru_cache(maxsize=1024)
def _parse(triplets: tuple[str, ...]) -> Operations:
    operations = [gemmi.Op()]
    for triplet in triplets:
        try:
            operations.append(gemmi.Op(triplet))
        except (RuntimeError, ValueError):
            raise UnreadableError(
                f"its symmetry operation {triplet!r} cannot be read", "write operations like 'x, y, z+1/2'"
            ) from None
    return _stacked("listed operations", operations)


@lru_cache(maxsize=1024)
def _from_hall(symbol: str) -> Operations | None:
    try:
        return _stacked(symbol, gemmi.symops_from_hall(symbol))
    except (RuntimeError, ValueError):
        return None


def _magnetic(block: gemmi.cif.Block) -> tuple[str, ...]:
    """Return the spatial parts of a magnetic group, time reversal dropped."""
    parts = []
    for kind in ("operation", "centering"):
        column = find_column(block, [f"_space_group_symop_magn_{kind}_xyz"])
        parts.append([",".join(triplet.split(",")[:3]) for triplet in column] or ["x,y,z"])
    operations, centrings = parts
    if operations == ["x,y,z"] == centrings:
        return ()
    try:
        pairs = [gemmi.Op(second) * gemmi.Op(first) for first in operations for second in centrings]
    except (RuntimeError, ValueError):
        raise UnreadableError("its magnetic symmetry operations cannot be read", LIST_THEM) from None
    return tuple(operation.wrap().triplet() for operation in pairs)


def _from_tables(symbol: str | None, number: str | None, cell: gemmi.UnitCell) -> list[Operations]:
    group = _by_symbol(symbol, cell) if symbol else None
    stated = int(number) if number and number.isdigit() else None
    if group and stated and group.number != stated:
        raise UnreadableError(
            f"it names two space groups, {symbol} (No. {group.number}) and No. {stated}", LIST_THEM
        )
    if group is None and stated and 1 <= stated <= 230:
        group = _by_symbol(gemmi.find_spacegroup_by_number(stated).hm, cell)
    if group is None:
        raise UnreadableError(f"its space group {symbol or number!r} is not known", LIST_THEM)
    settings = [group]
    if group.ext in ("1", "2") and not re.search(r":|[SZ]$", symbol or ""):
        settings = [other for other in gemmi.spacegroup_table() if other.hm == group.hm]
    return [_stacked(setting.xhm(), setting.operations()) for setting in settings]


def _by_symbol(symbol: str, cell: gemmi.UnitCell) -> gemmi.SpaceGroup | None:
    # SHELX writes P2(1)/c, others P 2_1/c; ICSD ends a symbol in S or Z for the first or second origin.
    plain = re.sub(r"\((\d)\)", r"\1", symbol.replace("_", "")).strip()
    plain = re.sub(r"\s*S$", ":1", re.sub(r"\s*Z$", ":2", plain))
    for name in (plain, re.sub(r"\s*\(.*\)$", "", plain)):
        if group := gemmi.find_spacegroup_by_name(name, cell.alpha, cell.gamma):
            return group
    return None


def _stacked(name: str, operations: Iterable[gemmi.Op]) -> Operations:
    unique = list({op.triplet(): op for op in (op.wrap() for op in operations)}.values())
    return Operations(
        name,
        np.array([op.rot for op in unique], dtype=float) / gemmi.Op.DEN,
        np.array([op.tran for op in unique], dtype=float) / gemmi.Op.DEN,
    )


def _metric(cell: gemmi.UnitCell) -> np.ndarray:
    matrix = np.array(cell.orth.mat.tolist())
    return matrix.T @ matrix


def _fits(operations: Operations, metric: np.ndarray) -> bool:
    turned = operations.rotations.transpose(0, 2, 1) @ metric @ operations.rotations
    return bool(np.abs(turned - metric).max() <= METRIC_TOLERANCE * metric.max())
