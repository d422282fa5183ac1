"""What remote databases send, as crystals: plain data in, a table out."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from xbert.crystals import Crystal, CrystalTable
from xbert.validation import Refusal, check_table


class Converted(NamedTuple):
    """Crystals that can be used, and the entries that cannot, with reason and remedy."""

    table: CrystalTable
    refused: list[Refusal]


def from_optimade(entries: Iterable[Mapping[str, Any]], source: str = "") -> Converted:
    """Convert OPTIMADE ``structures`` entries (the ``data`` of a response).

    Args:
        entries: each with ``id`` and ``attributes`` as in the OPTIMADE specification 1.2, section 7.2:
            lattice vectors and site positions in Å, one species name for each site.
        source: the provider, for refusals.

    Returns:
        Crystals that are periodic in three directions and have one element on every site; the others are
        refused.
    """
    crystals: list[Crystal] = []
    refused: list[Refusal] = []
    for entry in entries:
        identifier = str(entry.get("id", ""))
        try:
            crystals.append(_optimade_crystal(identifier, entry["attributes"]))
        except _UnusableError as error:
            refused.append(Refusal(source, identifier, error.reason, error.remedy))
        except (KeyError, TypeError, ValueError) as error:
            reason = f"the entry is not as the specification says ({error!r})"
            refused.append(Refusal(source, identifier, reason, "tell the provider"))
    return _checked(crystals, {}, refused, source)


def from_summaries(documents: Iterable[Mapping[str, Any]]) -> Converted:
    """Convert summary documents of the Materials Project, with space group, gap and energy above hull.

    Args:
        documents: each with ``material_id``, ``structure`` (a pymatgen Structure or its dictionary),
            ``symmetry``, ``band_gap`` (eV) and ``energy_above_hull`` (eV/atom).
    """
    from pymatgen.core import Structure

    crystals: list[Crystal] = []
    refused: list[Refusal] = []
    columns: dict[str, list[Any]] = {"spacegroup_database": [], "band_gap": [], "e_above_hull": []}
    for document in documents:
        mp_id = str(document["material_id"])
        structure = document["structure"]
        try:
            if not isinstance(structure, Structure):
                structure = Structure.from_dict(structure)
            numbers = np.array([site.specie.Z for site in structure])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            refused.append(
                Refusal("mp-api", mp_id, f"its structure cannot be used ({error})", "leave it out")
            )
            continue
        crystals.append(Crystal(mp_id, structure.lattice.matrix, numbers, structure.frac_coords))
        columns["spacegroup_database"].append((document.get("symmetry") or {}).get("number"))
        columns["band_gap"].append(document.get("band_gap"))
        columns["e_above_hull"].append(document.get("energy_above_hull"))
    arrays = {
        "spacegroup_database": pa.array(columns["spacegroup_database"], pa.int16()),
        "band_gap": pa.array(columns["band_gap"], pa.float64()),
        "e_above_hull": pa.array(columns["e_above_hull"], pa.float64()),
    }
    return _checked(crystals, arrays, refused, "mp-api")


class _UnusableError(Exception):
    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


def _optimade_crystal(identifier: str, attributes: Mapping[str, Any]) -> Crystal:
    from ase.data import atomic_numbers

    periodic = attributes.get("dimension_types") or [1, 1, 1]
    if list(periodic) != [1, 1, 1]:
        raise _UnusableError(
            f"it is periodic in {sum(periodic)} of 3 directions", "give it vacuum and a cell"
        )
    lattice = np.array(attributes["lattice_vectors"], dtype=float)
    positions = np.array(attributes["cartesian_site_positions"], dtype=float).reshape(-1, 3)
    if lattice.shape != (3, 3) or not np.isfinite(lattice).all() or abs(np.linalg.det(lattice)) < 1e-6:
        raise _UnusableError("it has no cell of three independent vectors", "give a cell")
    elements: dict[str, int] = {}
    for species in attributes["species"]:
        symbols = species["chemical_symbols"]
        if len(symbols) == 1 and symbols[0] in atomic_numbers and symbols[0] != "X":
            elements[species["name"]] = atomic_numbers[symbols[0]]
    unclear = [name for name in attributes["species_at_sites"] if name not in elements]
    if unclear:
        raise _UnusableError(f"site species {unclear[0]} is not one element", "choose an ordered structure")
    numbers = np.array([elements[name] for name in attributes["species_at_sites"]], dtype=int)
    if len(numbers) != len(positions):
        raise ValueError(f"{len(positions)} positions for {len(numbers)} sites")
    return Crystal(identifier, lattice, numbers, np.linalg.solve(lattice.T, positions.T).T)


def _checked(
    crystals: list[Crystal], columns: Mapping[str, pa.Array], refused: list[Refusal], source: str
) -> Converted:
    table = CrystalTable.from_crystals(crystals, columns)
    rows, wrong = check_table(table, source)
    return Converted(table.take(rows), refused + wrong)
