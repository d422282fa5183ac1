"""The bundled facts (``origins.json``): what each database is, and the pinned files behind it."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from discovery.databases.info import TRIVIAL, DatabaseInfo, Origin


@cache
def _facts() -> dict[str, Any]:
    text = files("discovery.databases").joinpath("origins.json").read_text(encoding="utf-8")
    return json.loads(text)


def origins(source: str) -> list[Origin]:
    """Return the pinned files of a source: ``materiae``, ``tqc``, ``arsenal`` or ``structures``."""
    return [Origin(**fact) for fact in _facts()["files"][source]]


def built_in_names() -> list[str]:
    """Return the names of the databases that every installation knows, the bundled one first."""
    names = [fact["name"] for fact in _facts()["databases"]]
    return sorted(names, key=lambda name: (name != "starter", names.index(name)))


def database_info(name: str) -> DatabaseInfo:
    """Return the facts of a built-in database.

    Raises:
        KeyError: no built-in database has this name.
    """
    for fact in _facts()["databases"]:
        if fact["name"] == name:
            sources = [origin for source in fact["origins"] for origin in origins(source)]
            meaning = fact["label_meaning"] + (f" {TRIVIAL}" if sources else "")
            return DatabaseInfo(**(fact | {"origins": sources, "label_meaning": meaning}))
    raise KeyError(name)
