"""Labelled crystals as a model places them, kept in the cache directory: safetensors and JSON, no pickle."""

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from candidates import known

FOLDER = "neighbours"
FORMAT = 1


@dataclass(frozen=True)
class Labelled:
    """Crystals that somebody has classified.

    Attributes:
        database: name of where they come from.
        total: labelled crystals there, of which these may be a sample.
        ids, formulas, spacegroups: (n,) of each.
        classes: (n,) source → class.
        p_topological: (n,) by the model.
        vectors: (n, d) float16 of length 1, see ``xbert.embedding.embed``.
    """

    database: str
    total: int
    ids: list[str]
    formulas: list[str]
    spacegroups: list[int]
    classes: list[dict[str, str]]
    p_topological: list[float]
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def empty(cls, database: str) -> "Labelled":
        """Return what a database without labels holds."""
        return cls(database, 0, [], [], [], [], [], np.empty((0, 0), dtype=np.float16))


def place_of(cache: Path, fingerprint: str, model_sha256: str) -> Path:
    """Return where the crystals of a database lie as a model places them; ``.safetensors`` and ``.json``.

    Another content of the database, another model, another list of the literature or another version of this
    program is another place.
    """
    digest = hashlib.sha256(known.FOLDER.joinpath("known.csv").read_bytes())
    for part in (fingerprint, model_sha256, version("xbert-discovery"), str(FORMAT)):
        digest.update(f"\n{part}".encode())
    return cache / FOLDER / digest.hexdigest()[:24]


def write(found: Labelled, place: Path) -> None:
    """Keep what was found; it appears whole or not at all. A cache that cannot be written is done without."""
    from safetensors.numpy import save_file

    facts = {name: value for name, value in vars(found).items() if name != "vectors"}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(".partial")
        save_file({"vectors": found.vectors}, partial)
        partial.replace(place.with_suffix(".safetensors"))
        partial.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        partial.replace(place.with_suffix(".json"))
    except OSError:
        return


def read(place: Path) -> Labelled | None:
    """Return what `write` kept, None where there is nothing or it is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        facts = json.loads(place.with_suffix(".json").read_text(encoding="utf-8"))
        found = Labelled(**facts, vectors=load_file(place.with_suffix(".safetensors"))["vectors"])
    except (OSError, ValueError, TypeError, KeyError, SafetensorError):
        return None
    return found if len(found.ids) == len(found.vectors) else None
