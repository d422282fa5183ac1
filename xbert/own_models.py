"""A user's own models: copied into one directory under a name, once they have been loaded."""

import shutil
from pathlib import Path
from tempfile import mkdtemp

from xbert.checkpoint import DESCRIPTION, WEIGHTS, CheckpointError, shipped_models
from xbert.models import NAME, TRUNK, card_of, folds_of, kind_of, no_model, own_directory

BESIDE = ("README.md", "calibration.json", "calibration.svg", "trust.json", "scores.json", "task.yaml")
"""Files that travel with a model beside its weights and description."""


def add(name: str, directory: Path) -> Path:
    """Copy a model into the user's directory, byte for byte, once it has been loaded.

    Args:
        name: that it gets.
        directory: of any kind of model; of a property model also the one with its folds.

    Returns:
        where it lies now.

    Raises:
        CheckpointError: the name will not do or is taken, or there is no sound model.
    """
    if not NAME.fullmatch(name):
        raise CheckpointError(f"{name!r} is no name for a model: letters, digits, dots, dashes; at most 64")
    if name in shipped_models():
        raise CheckpointError(f"{name} is the name of a shipped model; choose another")
    place = own_directory() / name
    if place.exists():
        raise CheckpointError(f"there is a model {name} already; remove {place} or choose another name")
    check(directory)
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(mkdtemp(prefix=".adding-", dir=place.parent))
    try:
        copy = scratch / name
        for file in _files(directory):
            target = copy / file.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        if (card := card_of(directory)) and not (copy / card.name).exists():
            shutil.copyfile(card, copy / card.name)
        check(copy)
        copy.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return place


def check(directory: Path) -> None:
    """Load a model of any kind, as a prediction would.

    Raises:
        CheckpointError: it cannot be loaded.
    """
    kind = kind_of(directory)
    if kind == "topology":
        from xbert.checkpoint import load_model

        load_model(directory)
    elif kind == "trunk":
        from xbert.trunk import read_trunk

        read_trunk(directory)
    elif kind == "property":
        from xbert.tasks.apply import Ensemble
        from xbert.tasks.record import TaskError

        try:
            Ensemble.read(directory)
        except TaskError as error:
            raise CheckpointError(str(error)) from error
    else:
        raise CheckpointError(no_model(directory))


def _files(directory: Path) -> list[Path]:
    kept = (WEIGHTS, DESCRIPTION, TRUNK, *BESIDE)
    places = [directory, *folds_of(directory)]
    return [place / name for place in places for name in kept if (place / name).is_file()]
