"""Crystals of pymatgen's JSON, read as plain data: no class named in the file is loaded."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from xbert.reading.records import Record, Records, UnreadableError, disorder, plain_properties

ID_KEYS = ("material_id", "entry_id", "id", "task_id", "_id")
FULL = 0.005
"""How far a site's occupancy may be from one."""


def is_ase_database(content: Any) -> bool:
    """Whether parsed JSON is an ASE database rather than pymatgen's."""
    return isinstance(content, dict) and "ids" in content and "nextid" in content


def read(content: Any) -> Records:
    """Yield every structure in parsed JSON: one, a list, id → structure, entries, or any nesting of them.

    A structure is named by its entry's id, else by its key. Plain values beside a structure become
    properties. Oxidation states and moments are dropped.
    """
    found = False
    for name, structure, beside in _structures(content, None, {}):
        found = True
        try:
            yield _record(structure, name, plain_properties(beside))
        except UnreadableError as error:
            yield UnreadableError(error.reason, error.remedy, name)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            yield UnreadableError(
                f"its structure is incomplete ({type(error).__name__}: {error})",
                "write it with pymatgen's Structure.as_dict",
                name,
            )
    if not found:
        raise UnreadableError("it holds no structures", "write pymatgen structures with Structure.as_dict")


def parse(text: str) -> Any:
    """Parse JSON text.

    Raises:
        UnreadableError: it is not JSON.
    """
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UnreadableError(f"it is not JSON ({error})", "check the file") from None


def _structures(node: Any, name: str | None, beside: Mapping[str, Any]) -> Any:
    """Yield (name, structure, values beside it), walking through lists and dictionaries."""
    if isinstance(node, str) and node.startswith("{") and '"lattice"' in node:
        node = parse(node)
    if isinstance(node, list):
        for item in node:
            yield from _structures(item, name, {})
    elif isinstance(node, dict):
        if "lattice" in node and "sites" in node:
            own = {**beside, **(node.get("properties") or {})}
            yield _own_name(node) or name, node, own
            return
        name = _own_name(node) or name
        if "structure" in node:
            rest = {key: value for key, value in node.items() if key != "structure" and key[:1] != "@"}
            yield from _structures(node["structure"], name, rest)
            return
        for key, value in node.items():
            if isinstance(value, dict | list):
                yield from _structures(value, name if isinstance(value, list) else key, {})


def _own_name(node: Mapping[str, Any]) -> str | None:
    for key in ID_KEYS:
        if isinstance(node.get(key), str | int) and not isinstance(node[key], bool):
            return str(node[key])
    return None


def _record(structure: Mapping[str, Any], name: str | None, properties: dict[str, Any]) -> Record:
    from ase.data import atomic_numbers

    lattice = np.array(structure["lattice"]["matrix"], dtype=np.float64)
    numbers, frac_coords = [], []
    for i, site in enumerate(structure["sites"], start=1):
        kinds: dict[str, float] = {}
        for species in site["species"]:
            symbol = "H" if species["element"] in ("D", "T") else species["element"]
            kinds[symbol] = kinds.get(symbol, 0.0) + float(species.get("occu", 1))
        if len(kinds) != 1 or abs(sum(kinds.values()) - 1) > FULL:
            raise disorder(str(i), kinds)
        symbol = next(iter(kinds))
        if symbol not in atomic_numbers or symbol == "X":
            raise UnreadableError(f"site {i} has no known element ({symbol})", "give a real element")
        numbers.append(atomic_numbers[symbol])
        frac_coords.append(site["abc"])
    return Record(
        name,
        lattice,
        np.array(numbers, dtype=np.int64),
        np.array(frac_coords, dtype=np.float64).reshape(-1, 3),
        properties,
    )
