"""Start from the weights of another model, as far as they fit."""

from pathlib import Path

import torch
from torch import nn

from xbert.checkpoint import WEIGHTS, CheckpointError
from xbert.model import TOKENS, XBERTConfig


def start_from(model: nn.Module, directory: Path) -> list[str]:
    """Copy into ``model`` every tensor of a model's weights that has the same name and shape.

    Heads are never copied. Of an ensemble the first member counts. Where tokens are ablated, their rows of
    the position vectors are left out.

    Args:
        model: an XBERT or a baseline; changed in place.
        directory: with ``model.safetensors``.

    Returns:
        Names of the tensors that were copied.

    Raises:
        CheckpointError: if there are no weights, or none of them fits.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = directory / WEIGHTS if directory.is_dir() else directory
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} does not hold weights to start from: {error}") from None
    given = {name.removeprefix("0."): value for name, value in tensors.items()}
    own = model.state_dict()
    config = getattr(model, "config", None)
    copied = []
    for name, value in given.items():
        if name == "position" and isinstance(config, XBERTConfig) and len(value) == len(TOKENS):
            value = value[[TOKENS.index(token) for token in config.kept_tokens]]
        if name.startswith("heads.") or name not in own or own[name].shape != value.shape:
            continue
        with torch.no_grad():
            own[name].copy_(value)
        copied.append(name)
    if not copied:
        raise CheckpointError(f"no tensor of {path} has the name and shape of one in this model")
    return copied
