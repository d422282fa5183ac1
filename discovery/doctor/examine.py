"""All checks, in the order in which a candidate meets what they look at."""

import os
import platform
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.doctor import parts, places, programs, scheduler
from discovery.doctor.check import Check, Pending

if TYPE_CHECKING:
    from discovery.settings import Settings

MODELS = ("discovery", "benchmark")
EXTRAS = {
    "web": "the review page",
    "parities": "parities",
    "remote": "remote databases",
}
PATIENCE = 20.0
"""Seconds that a check may take. On a healthy machine all of them take one or two together."""

SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD")
HIDDEN = "***"
SHORTEST = 6
"""Characters of the shortest value that is hidden; shorter ones would blot out words."""


def examine(settings: "Settings") -> list[Check]:
    """Look at everything; nothing is changed, fetched or left behind.

    Args:
        settings: where things live.
    """
    from discovery.settings import Settings

    default_launcher = str(Settings.model_fields["mpi_command"].default)
    # Programs are waited for, Python modules are worked for: those first, these meanwhile.
    external = [
        *(Pending(it.name, partial(programs.program, it)) for it in programs.known_programs()),
        Pending("MPI launcher", partial(programs.launcher, settings.mpi_command, default_launcher)),
        Pending("scheduler (SLURM)", programs.scheduler),
        Pending("queue (squeue, sinfo)", scheduler.queue),
        Pending("clock of the scheduler", scheduler.clock),
        Pending("cluster file", scheduler.cluster_file),
    ]
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("Python", _python),
        ("PyTorch", parts.torch),
        *((f"model {name}", partial(parts.model, name)) for name in MODELS),
        ("your own models", partial(parts.own_models, settings)),
        ("databases", partial(parts.databases, settings)),
        ("candidate store", partial(places.store, settings.resolved_store_url)),
        ("data directory", partial(_data_directory, settings)),
        ("cache directory", partial(_cache_directory, settings)),
        ("free disk", partial(_room, settings)),
        ("clock", partial(places.clock, settings.data_dir)),
        *((f"packages for {what}", partial(parts.extra, name, what)) for name, what in EXTRAS.items()),
        ("Materials Project key", partial(parts.key, settings)),
        ("pseudopotentials", partial(parts.pseudopotentials, settings)),
        ("POTCAR library", _potcars),
        ("vasp_std", partial(_vasp, "VASP_CMD")),
        ("vasp_ncl", partial(_vasp, "VASP_NCL_CMD")),
        ("irrep", programs.irrep),
    ]
    # One after the other, though each may hang alone: imports in several threads can wait for each other.
    found = [Pending(name, look).result(PATIENCE) for name, look in checks]
    found += [pending.result(PATIENCE) for pending in external]
    hidden = secrets(settings)
    return [replace(c, found=conceal(c.found, hidden), remedy=conceal(c.remedy, hidden)) for c in found]


def secrets(settings: "Settings") -> list[str]:
    """Return what must not be shown: keys and passwords of the settings, the store's URL, the environment."""
    from urllib.parse import parse_qsl, unquote, urlsplit

    found = [value for name, value in os.environ.items() if any(word in name.upper() for word in SECRET)]
    if settings.mp_api_key is not None:
        found.append(settings.mp_api_key.get_secret_value())
    for url in (settings.resolved_store_url, settings.mirror or ""):
        try:
            split = urlsplit(url)
            found += [split.password or "", unquote(split.password or "")]
            found += [value for name, value in parse_qsl(split.query) if "pass" in name.lower()]
        except ValueError:
            found.append(url)
    return sorted({value for value in found if len(value) >= SHORTEST}, key=len, reverse=True)


def conceal(text: str, hidden: list[str]) -> str:
    """Return a text with every secret in it blotted out."""
    for secret in hidden:
        text = text.replace(secret, HIDDEN)
    return text


def _python() -> Check:
    from importlib.metadata import version

    return Check(
        "Python", "ok", f"{platform.python_version()}, {parts.DISTRIBUTION} {version(parts.DISTRIBUTION)}"
    )


def _data_directory(settings: "Settings") -> Check:
    return places.directory(
        "data directory",
        settings.data_dir,
        "DISCOVER_DATA_DIR",
        "databases that are there can be used, none can be fetched",
    )


def _cache_directory(settings: "Settings") -> Check:
    return places.directory(
        "cache directory",
        settings.cache_dir,
        "DISCOVER_CACHE_DIR",
        "nothing can be fetched, and hashes are computed again each time",
    )


def _room(settings: "Settings") -> Check:
    spots = {"data": settings.data_dir, "cache": settings.cache_dir, "this directory": Path.cwd()}
    store = places.store_place(settings.resolved_store_url)
    return places.room(spots | ({"store": store} if store else {}))


def _potcars() -> Check:
    from pymatgen.core import SETTINGS

    from dft_templates.presets import load_preset

    return parts.potcars(SETTINGS, load_preset("standard", {}).vasp.potcar_functional)


def _vasp(name: str) -> Check:
    from atomate2 import SETTINGS

    default = str(type(SETTINGS).model_fields[name].default)
    return programs.vasp(name, str(getattr(SETTINGS, name)), default)
