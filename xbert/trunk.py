"""Pretrained trunks on disk, as safetensors and JSON, and how another model starts from one."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xbert.checkpoint import WEIGHTS, CheckpointError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xbert.model import XBERT

TRUNK_DESCRIPTION = "trunk.json"
FORMAT = 1


@dataclass(frozen=True)
class TrunkDescription:
    """What ``trunk.json`` holds.

    Attributes:
        config: of the architecture with its pretraining heads, for ``XBERTConfig.from_json``.
        mean, spread: head → one number for each output; its value times spread plus mean is the quantity.
        training: data, hashes, schedule, command.
        scores: of held-out formulas.
        format: version of this form.
    """

    config: dict[str, Any]
    mean: dict[str, list[float]]
    spread: dict[str, list[float]]
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT


def save_trunk(directory: Path, model: "XBERT", description: TrunkDescription) -> None:
    """Write the weights, heads included, and what they are."""
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().contiguous().cpu() for name, value in model.state_dict().items()}
    save_file(tensors, directory / WEIGHTS)
    (directory / WEIGHTS).chmod(0o644)  # safetensors writes for its owner alone
    text = json.dumps(vars(description), indent=1, ensure_ascii=False)
    (directory / TRUNK_DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def read_trunk(directory: Path) -> "tuple[XBERT, TrunkDescription]":
    """Read a pretrained model with its heads, in evaluation mode.

    Raises:
        CheckpointError: there is none, or it is not in order.
    """
    from safetensors import SafetensorError

    from xbert.model import XBERT, XBERTConfig

    path = directory / TRUNK_DESCRIPTION
    try:
        description = TrunkDescription(**json.loads(path.read_text(encoding="utf-8")))
        if description.format != FORMAT:
            raise ValueError(f"format {description.format}, not {FORMAT}")
        model = XBERT(XBERTConfig.from_json(description.config))
        model.load_state_dict(_tensors(directory))
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{directory} does not hold a pretrained trunk: {error}") from error
    return model.eval(), description


def load_trunk(model: "nn.Module", directory: Path, heads: tuple[str, ...] = ()) -> list[str]:
    """Give ``model`` every pretrained tensor that fits by name and shape; its heads mostly stay as they are.

    Where the model goes without some tokens, their rows of the position vectors are left out.

    Args:
        model: an XBERT of whatever heads and encoder, or a module with parts of one; changed in place.
        directory: what ``xbert pretrain -o`` wrote, or the directory of a model (its first member is taken).
        heads: names of heads that are taken over too.

    Returns:
        names of the tensors that were loaded, sorted.

    Raises:
        CheckpointError: there are no weights, or none that fits.
    """
    from xbert.model import STATISTICS, TOKENS, XBERTConfig

    given = _tensors(directory)
    config = getattr(model, "config", None)
    rows = len(given.get("position", ()))
    if isinstance(config, XBERTConfig) and rows in (len(TOKENS), len(TOKENS) + 1):
        known = (*TOKENS, STATISTICS)[:rows]
        if set(config.kept_tokens) <= set(known):
            given["position"] = given["position"][[known.index(token) for token in config.kept_tokens]]
    own = model.state_dict()
    fitting = {
        name: value.to(own[name].dtype)
        for name, value in given.items()
        if name in own and own[name].shape == value.shape and _wanted(name, heads)
    }
    if not any(value.ndim > 1 for value in fitting.values()):
        raise CheckpointError(
            f"no matrix of {directory} has the name and shape of one in this model; "
            "pretrain with the same width, layers and encoder"
        )
    model.load_state_dict(own | fitting)
    return sorted(fitting)


def _wanted(name: str, heads: tuple[str, ...]) -> bool:
    part, _, rest = name.partition(".")
    return part != "heads" or rest.partition(".")[0] in heads


def _tensors(directory: Path) -> "dict[str, Tensor]":
    """Read the weights of a trunk, or of the first member of a model."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(directory / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{directory} holds no weights to start from: {error}") from error
    if (directory / TRUNK_DESCRIPTION).is_file():
        return tensors
    return {name.removeprefix("0."): value for name, value in tensors.items() if name.startswith("0.")}
