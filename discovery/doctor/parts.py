"""What comes with the package or is fetched for it: models, databases, potentials, Python packages."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.doctor.check import Check

if TYPE_CHECKING:
    from discovery.settings import Settings

DISTRIBUTION = "xbert-discovery"
AGAIN = "Install the package again."
POTCAR_FOLDERS = {
    "PBE_52": "POT_GGA_PAW_PBE_52",
    "PBE_54": "POT_GGA_PAW_PBE_54",
    "PBE_64": "POT_PAW_PBE_64",
}
"""Folder of each release, as pymatgen names it; its module takes seconds to import."""

NAMED = 8
"""Names that a line lists; of more it says how many."""


def listed(names: Sequence[str]) -> str:
    """Return names in a row, the first few of many."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def model(name: str) -> Check:
    """Look whether a shipped model is whole: description, every weight, and the hash it was calibrated with.

    The weights are read without PyTorch, which takes seconds to start.
    """
    import numpy as np
    from safetensors import SafetensorError, safe_open

    from xbert.checkpoint import (
        WEIGHTS,
        CheckpointError,
        check_weights,
        locate,
        model_sha256,
        read_description,
    )
    from xbert.reliability import CALIBRATION

    title = f"model {name}"
    try:
        place = locate(name)
        description = read_description(place)
        check_weights(place, description.weights_sha256)
        with safe_open(place / WEIGHTS, framework="np") as weights:
            names = set(weights.keys())
            finite = all(np.isfinite(weights.get_tensor(key)).all() for key in names)
    except (CheckpointError, SafetensorError, OSError) as error:
        return Check(title, "broken", f"cannot be loaded: {error}", AGAIN)
    parts = [
        {key.partition(".")[2] for key in names if key.startswith(f"{i}.")}
        for i in range(description.members)
    ]
    if not finite or not parts or any(part != parts[0] or not part for part in parts):
        return Check(title, "broken", f"{place / WEIGHTS} is not whole", AGAIN)
    digest = model_sha256(place)
    try:
        recorded = json.loads((place / CALIBRATION).read_text(encoding="utf-8"))["model_sha256"]
    except (OSError, ValueError, KeyError):
        return Check(title, "warning", f"{digest[:12]}, without its {CALIBRATION}", AGAIN)
    if recorded != digest:
        return Check(
            title,
            "broken",
            f"{digest[:12]}, but its calibration was made with {recorded[:12]}",
            f"{AGAIN} If you trained it yourself: take both files from one `xbert finetune -o`.",
        )
    return Check(title, "ok", f"{digest[:12]}, {description.members} networks")


def own_models(settings: "Settings") -> Check:
    """Look whether the models in the user's own directory are sound; none is no fault."""
    from xbert.checkpoint import shipped_models
    from xbert.models import look_at, names

    title, place = "your own models", settings.resolved_model_dir
    found = [look_at(name) for name in names() if name not in shipped_models()]
    if not found:
        remedy = "Only who trains models has some: xbert models NAME --add DIRECTORY."
        return Check(title, "missing", f"none in {place}", remedy)
    bad = [one for one in found if one.problem]
    if bad:
        said = "; ".join(f"{one.name} cannot be loaded: {one.problem}" for one in bad[:NAMED])
        return Check(title, "warning", said, f"Make it anew, or remove {bad[0].directory}.")
    return Check(title, "ok", f"{listed([one.name for one in found])} in {place}")


def torch() -> Check:
    """Look whether PyTorch is installed, without starting it."""
    try:
        return Check("PyTorch", "ok", version("torch"))
    except PackageNotFoundError:
        return Check("PyTorch", "broken", "not installed", "Install it: pip install torch.")


def databases(settings: "Settings") -> Check:
    """Look which databases are ready; the bundled one must be."""
    from discovery.databases import catalogue

    ready = {name: catalogue.get(name, settings).is_ready() for name in catalogue.names(settings)}
    here = [name for name, there in ready.items() if there]
    absent = [name for name, there in ready.items() if not there]
    said = f"ready: {listed(here) or 'none'}" + (f"; not here: {listed(absent)}" if absent else "")
    if "starter" in absent:
        return Check("databases", "broken", said, AGAIN)
    if absent:
        return Check("databases", "missing", said, f"discover data fetch {absent[0]}")
    return Check("databases", "ok", said)


def pseudopotentials(settings: "Settings") -> Check:
    """Look whether every element of PseudoDojo's set has a file, the pinned one or one of the user's own."""
    from discovery.verification.engines import StepError
    from discovery.verification.engines.espresso import pseudos

    name, folder = "pseudopotentials", settings.resolved_pseudo_dir
    if folder.exists() and not folder.is_dir():
        return Check(name, "broken", f"{folder} is a file", "Let DISCOVER_PSEUDO_DIR name a directory.")
    known = pseudos.table()
    states = {element: pseudos.state(pseudo, settings) for element, pseudo in known.items()}
    absent, others = [], [element for element, state in states.items() if state == "another file"]
    for element in (element for element, state in states.items() if state == "missing"):
        try:
            pseudos.find(element, settings)
        except StepError:
            absent.append(element)
        else:
            others.append(element)
    there = len(known) - len(absent)
    if absent:
        some = "" if there == 0 else " " + " ".join(absent[:NAMED])
        which = f", not {listed(absent)}" if there else ""
        return Check(
            name,
            "missing",
            f"{there} of {len(known)} elements in {folder}{which}",
            f"discover pseudos fetch{some}",
        )
    if others:
        return Check(
            name,
            "warning",
            f"all {len(known)} elements in {folder}; not PseudoDojo's pinned files: {listed(others)}",
            "Well where you put them there; their checksums are kept with each result.",
        )
    return Check(name, "ok", f"all {len(known)} elements in {folder}")


def potcars(config: Mapping[str, Any], functional: str) -> Check:
    """Look whether there is a POTCAR library with the release that the presets use.

    Args:
        config: pymatgen's settings.
        functional: a release, such as PBE_54.
    """
    name = f"POTCAR library ({functional})"
    named = config.get("PMG_VASP_PSP_DIR")
    if not named:
        return Check(
            name,
            "missing",
            "PMG_VASP_PSP_DIR is not set",
            "Only VASP needs it: `pmg config -p` arranges your POTCARs, and PMG_VASP_PSP_DIR names them.",
        )
    library = Path(str(named)).expanduser()
    if not library.is_dir():
        return Check(
            name, "broken", f"PMG_VASP_PSP_DIR: {library} is no directory", "Name the folder of your library."
        )
    folders = {**POTCAR_FOLDERS, **(config.get("PMG_VASP_PSP_SUB_DIRS") or {})}
    count = {
        release: sum(1 for _ in (*folder.glob("POTCAR.*"), *folder.glob("*/POTCAR*")))
        for release in POTCAR_FOLDERS
        if (folder := library / folders[release]).is_dir()
    }
    if count.get(functional):
        return Check(name, "ok", f"{count[functional]} potentials in {library / folders[functional]}")
    other = [release for release, found in count.items() if found]
    choose = f", or choose your release: --set vasp.potcar_functional={other[0]}" if other else ""
    return Check(
        name,
        "broken",
        f"{library} has no potentials in {folders[functional]}",
        f"Arrange them with `pmg config -p`{choose}.",
    )


def extra(name: str, purpose: str) -> Check:
    """Look whether the packages of an extra are installed in a version that will do.

    Args:
        name: of the extra.
        purpose: what it is for.
    """
    from packaging.requirements import Requirement

    title, command = f"packages for {purpose}", f"pip install '{DISTRIBUTION}[{name}]'"
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return Check(title, "warning", f"{DISTRIBUTION} itself is not installed", AGAIN)
    found: list[str] = []
    absent: list[str] = []
    old: list[str] = []
    for wanted in map(Requirement, lines):
        if wanted.marker is None or not wanted.marker.evaluate({"extra": name}):
            continue
        if wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            there = version(wanted.name)
        except PackageNotFoundError:
            absent.append(wanted.name)
            continue
        fits = wanted.specifier.contains(there, prereleases=True)
        (found if fits else old).append(
            f"{wanted.name} {there}" + ("" if fits else f", not {wanted.specifier}")
        )
    said = "; ".join([*found, *old, *(f"no {package}" for package in absent)])
    return Check(
        title, "missing" if absent else "warning" if old else "ok", said, command if absent or old else ""
    )


def key(settings: "Settings") -> Check:
    """Look whether a key for the Materials Project is set; it is not shown and not tried."""
    if settings.mp_api_key is not None and settings.mp_api_key.get_secret_value():
        return Check("Materials Project key", "ok", "set")
    return Check(
        "Materials Project key",
        "missing",
        "DISCOVER_MP_API_KEY is not set",
        "Only `--db mp-api` needs one, from next-gen.materialsproject.org/api.",
    )
