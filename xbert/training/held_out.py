"""What networks say of crystals that they were not trained on, kept on disk fold by fold, and calibrated."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xbert.checkpoint import Description
from xbert.model import XBERT, XBERTConfig
from xbert.predict import Outputs, Prediction, calibrated
from xbert.training.calibration import fit_temperatures
from xbert.training.data import LabelledCrystals
from xbert.training.labels import TopologyLabels

_FILE = "fold.safetensors"


@dataclass(frozen=True)
class Fold:
    """One part of a cross-validation.

    Attributes:
        rows: of the crystals that were held out.
        members: networks that did not see them.
        outputs: of those networks for those crystals.
        auxiliary: of their ``Description``.
        n_train: crystals that they learned from.
    """

    rows: np.ndarray
    members: list[XBERT]
    outputs: Outputs
    auxiliary: dict[str, dict[str, float]]
    n_train: int


def save_fold(directory: Path, fold: Fold, recipe: dict[str, Any]) -> None:
    """Keep a finished fold."""
    from safetensors.numpy import save_file

    tensors = {"rows": fold.rows, "logits": fold.outputs.logits}
    tensors |= {f"auxiliary.{name}": value for name, value in fold.outputs.auxiliary.items()}
    for index, member in enumerate(fold.members):
        tensors |= {
            f"member.{index}.{name}": value.contiguous().numpy()
            for name, value in member.state_dict().items()
        }
    told = {
        "config": fold.members[0].config.to_json(),
        "auxiliary": fold.auxiliary,
        "n_train": fold.n_train,
        "recipe": recipe,
    }
    partial = directory / f"{_FILE}.part"
    save_file(
        {name: np.ascontiguousarray(value) for name, value in tensors.items()},
        partial,
        {"told": json.dumps(told)},
    )
    partial.replace(directory / _FILE)


def load_fold(directory: Path, rows: np.ndarray, recipe: dict[str, Any]) -> Fold | None:
    """Return a finished fold, or None where there is none.

    Raises:
        ValueError: it was made from other crystals or by another recipe.
    """
    import torch
    from safetensors import safe_open

    path = directory / _FILE
    if not path.is_file():
        return None
    with safe_open(path, "numpy") as file:
        told = json.loads(file.metadata()["told"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if told["recipe"] != json.loads(json.dumps(recipe)) or not np.array_equal(tensors["rows"], rows):
        raise ValueError(f"{path} belongs to another training; choose another output directory or remove it")
    members = []
    for index in range(len(tensors["logits"])):
        start = f"member.{index}."
        state = {
            k.removeprefix(start): torch.from_numpy(v) for k, v in tensors.items() if k.startswith(start)
        }
        member = XBERT(XBERTConfig.from_json(told["config"]))
        member.load_state_dict(state)
        members.append(member.eval())
    start = "auxiliary."
    further = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
    return Fold(rows, members, Outputs(tensors["logits"], further), told["auxiliary"], told["n_train"])


def fair_prediction(
    outputs: Outputs, parts: np.ndarray, data: LabelledCrystals, labels: TopologyLabels, plain: Description
) -> Prediction:
    """Calibrate the outputs for each part with the temperatures that all other parts set.

    Args:
        outputs: for n held-out crystals.
        parts: (n,) number of the part, of whole formulas each.
        data: of the same n crystals.
        labels: that the model believes, of the same.
        plain: description with temperatures of 1.
    """
    from dataclasses import replace

    groups = data.features.spacegroup
    found: list[tuple[np.ndarray, Prediction]] = []
    for part in np.unique(parts):
        mine, others = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
        temperature = fit_temperatures(outputs.take(others), labels.take(others))
        fair = replace(plain, temperature=temperature)
        found.append((mine, calibrated(outputs.take(mine), fair, groups[mine])))
    back = np.argsort(np.concatenate([rows for rows, _ in found]), kind="stable")
    return Prediction.concatenate([prediction for _, prediction in found]).take(back)
