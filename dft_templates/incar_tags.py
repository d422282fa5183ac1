"""Names and types of INCAR tags, so that a misspelt tag is refused instead of ignored by VASP."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_NEWER: dict[str, str] = {
    "KPOINTS_OPT_NKBATCH": "int",
    "LKPOINTS_OPT": "bool",
    "LWANNIER90": "bool",
    "LWRITE_MMN_AMN": "bool",
    "LWRITE_SPN": "bool",
    "NUM_WANN": "int",
    "WANNIER90_WIN": "str",
}
"""Tags of VASP 6 (https://www.vasp.at/wiki) that pymatgen's list does not have yet."""


@cache
def incar_tags() -> dict[str, str]:
    """Return every known INCAR tag with its type, ``bool``, ``int``, ``float``, ``str`` or ``list``.

    The list is pymatgen's own, read as data: importing pymatgen takes longer than the command line may.
    """
    known = dict(_NEWER)
    spec = find_spec("pymatgen.io.vasp")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "incar_parameters.json"
        if file.is_file():
            known |= {tag: facts["type"] for tag, facts in json.loads(file.read_text("utf-8")).items()}
    return known


def as_tag(tag: str, value: Any) -> Any:
    """Return a value as its tag takes it.

    YAML reads ``1e-8`` and ``.TRUE.`` as text: both become what they mean. Lists and texts pass as they are.

    Raises:
        ValueError: a value of another type; the message says which type the tag takes.
    """
    kind = incar_tags()[tag]
    if isinstance(value, str) and kind in {"bool", "int", "float"}:
        value = (
            {".TRUE.": True, ".FALSE.": False}.get(value.upper(), value) if kind == "bool" else _number(value)
        )
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = {"bool": isinstance(value, bool), "int": whole, "float": whole or isinstance(value, float)}
    if not fits.get(kind, True):
        raise ValueError(f"{tag} takes {_KINDS[kind]}, not {value!r}")
    return value


_KINDS = {"bool": "true or false", "int": "a whole number", "float": "a number"}


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
