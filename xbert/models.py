"""Models by name: those that come with the package, and a user's own in one directory."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from xbert import checkpoint
from xbert.checkpoint import DESCRIPTION, WEIGHTS, CheckpointError, model_sha256, shipped_models

Kind = Literal["topology", "property", "trunk"]
"""What ``xbert finetune`` leaves without and with ``--task``, and what ``xbert pretrain`` leaves."""

APP = "discover-topology"
TRUNK = "trunk.json"
_USE: dict[Kind, str] = {
    "topology": "a topology model, for discover predict and screen, xbert embed and explain",
    "property": "a model of a task, for xbert predict, evaluate and explain --data",
    "trunk": "a pretrained trunk, for xbert embed and xbert finetune --init",
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Listed:
    """A model that can be given by name.

    Attributes:
        name: that of its directory.
        kind: what it is for.
        shipped: whether it comes with the package.
        directory: where it lies.
        description: ``model.json`` or ``trunk.json`` as it is; of folds the first; empty if unreadable.
        folds: networks in ``fold-K`` directories; 0 for a model that lies in the directory itself.
        size: bytes of weights.
        sha256: hex SHA-256 over weights and descriptions.
        problem: why it cannot be loaded; empty if nothing is wrong.
    """

    name: str
    kind: Kind
    shipped: bool
    directory: Path
    description: dict[str, Any]
    folds: int
    size: int
    sha256: str
    problem: str


def own_directory() -> Path:
    """Return where a user's models lie: ``DISCOVER_MODEL_DIR``, else ``models`` in the data directory.

    It need not exist. ``discovery.settings`` has the same directory as ``resolved_model_dir``.
    """
    from platformdirs import user_data_path

    if given := os.environ.get("DISCOVER_MODEL_DIR"):
        return Path(given)
    return Path(os.environ.get("DISCOVER_DATA_DIR") or user_data_path(APP)) / "models"


def directory_of(model: str | Path) -> Path:
    """Return the directory that a name or a path means; what lies there is not looked at.

    A shipped name comes first, then a name in the user's directory, then a path; ``./NAME`` is always a path.
    """
    text = str(model)
    if text in shipped_models():
        return checkpoint.SHIPPED / text
    own = own_directory() / text
    if NAME.fullmatch(text) and kind_of(own):
        return own
    path = Path(model).expanduser()
    return path.parent if path.is_file() and path.name in (WEIGHTS, DESCRIPTION, TRUNK) else path


def require(model: str | Path, kind: Kind) -> Path:
    """Return the directory of a model of this kind.

    Raises:
        CheckpointError: there is no such model, or it is of another kind.
    """
    directory = directory_of(model)
    found = kind_of(directory)
    if found == kind:
        return directory
    raise CheckpointError(f"{model} is {_USE[found]}" if found else no_model(model))


def kind_of(directory: Path) -> Kind | None:
    """Return what kind of model lies in a directory, by its files; None if there is none."""
    if (directory / TRUNK).is_file():
        return "trunk"
    if (directory / DESCRIPTION).is_file():
        return "property" if "task" in _read(directory / DESCRIPTION) else "topology"
    return "property" if folds_of(directory) else None


def names() -> list[str]:
    """Return every name that can be given, shipped ones first."""
    own = own_directory()
    found = sorted(path.name for path in own.iterdir() if kind_of(path)) if own.is_dir() else []
    shipped = shipped_models()
    return shipped + [name for name in found if name not in shipped]


def look_at(model: str | Path) -> Listed:
    """Look at one model; its weights are hashed and their header read, PyTorch is not started.

    Raises:
        CheckpointError: there is none.
    """
    directory = directory_of(model)
    kind = kind_of(directory)
    if kind is None:
        raise CheckpointError(no_model(model))
    folds = folds_of(directory) if kind == "property" and not (directory / DESCRIPTION).is_file() else []
    places = folds or [directory]
    description = _read(places[0] / (TRUNK if kind == "trunk" else DESCRIPTION))
    problem = next(filter(None, (_problem(place, kind) for place in places)), "")
    return Listed(
        name=directory.resolve().name,
        kind=kind,
        shipped=directory.parent == checkpoint.SHIPPED,
        directory=directory,
        description=description,
        folds=len(folds),
        size=sum((place / WEIGHTS).stat().st_size for place in places if (place / WEIGHTS).is_file()),
        sha256="" if problem else _hash(places, kind),
        problem=problem,
    )


def find(model: str | Path, sha256: str) -> Path | None:
    """Return the directory of a topology model by its hash, looking under its name, then at every name.

    Args:
        model: name or path that a record gives.
        sha256: of its weights and description.
    """
    for candidate in dict.fromkeys([str(model), *names()]):
        directory = directory_of(candidate)
        whole = (directory / WEIGHTS).is_file() and (directory / DESCRIPTION).is_file()
        if whole and model_sha256(directory) == sha256:
            return directory
    return None


def card_of(directory: Path) -> Path | None:
    """Return the card of a model; that of a task lies above its protocols and folds."""
    above = directory.resolve().parents[:2] if kind_of(directory) == "property" else ()
    places = [directory, *(place for place in above if (place / "scores.json").is_file())]
    return next((place / "README.md" for place in places if (place / "README.md").is_file()), None)


def no_model(model: str | Path) -> str:
    """Say that there is no such model, and what there is."""
    path = Path(model)
    if path.is_file():
        return (
            f"{path} is not a model: give the directory of {WEIGHTS} and {DESCRIPTION}; "
            "other forms of weights, pickles (.pt, .pth, .ckpt) above all, are not opened"
        )
    known = ", ".join(names()) or "(none)"
    return f"no model {str(model)!r}: give one of {known}, or a directory with {WEIGHTS} and {DESCRIPTION}"


def folds_of(directory: Path) -> list[Path]:
    """Return the directories of the folds of a task's model."""
    return sorted(path.parent for path in directory.glob(f"fold-*/{DESCRIPTION}"))


def _read(path: Path) -> dict[str, Any]:
    """Return the description, or nothing where it cannot be read: what is wrong is said when it is loaded."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _hash(places: list[Path], kind: Kind) -> str:
    import hashlib

    if kind == "topology":
        return model_sha256(places[0])
    digest = hashlib.sha256()
    for place in places:
        for name in (WEIGHTS, TRUNK if kind == "trunk" else DESCRIPTION):
            digest.update((place / name).read_bytes())
    return digest.hexdigest()


def _problem(place: Path, kind: Kind) -> str:
    """Say why a model cannot be loaded, as far as can be seen without PyTorch."""
    from safetensors import SafetensorError, safe_open

    from xbert.checkpoint import check_weights, read_description
    from xbert.tasks.model import read

    try:
        if kind == "topology":
            check_weights(place, read_description(place).weights_sha256)
        elif kind == "property":
            check_weights(place, read(place)[0].weights_sha256)
        with safe_open(place / WEIGHTS, framework="np"):
            return ""
    except (SafetensorError, OSError) as error:
        return f"{place / WEIGHTS}: {error}"
    except ValueError as error:  # CheckpointError, TaskError
        return str(error)
