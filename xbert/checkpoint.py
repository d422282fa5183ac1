"""Models on disk: weights as safetensors, everything else as JSON, a model card beside them. No pickle."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xbert.model import XBERT

SHIPPED = Path(__file__).with_name("checkpoints")
WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
FORMAT = 2


class CheckpointError(ValueError):
    """A model cannot be found or is not one; the message says what would help."""


@dataclass(frozen=True)
class Description:
    """What ``model.json`` holds.

    Attributes:
        name: of the model.
        purpose: the question it answers, in one sentence.
        config: of the architecture, for ``XBERTConfig.from_json``.
        members: number of networks whose probabilities are averaged.
        sources: one output of four kinds each: the label sources, then their consensus.
        temperature: one per source; logits are divided by it before the softmax.
        auxiliary: further head → ``mean`` and ``spread`` that undo its standardisation, and the
            ``held_out_error`` of the quantity on formulas never seen.
        scaling: ``temperature, bias, spread, prior`` of ``transfer_calibration.Scaling`` and the
            ``spacegroups`` where it holds, because no insulator of them was learned; None without one.
        training: data, hashes, split, schedule, seeds, command.
        metrics: scores by split.
        weights_sha256: hex SHA-256 of ``model.safetensors``; `save_model` fills it in.
        format: version of this form.
    """

    name: str
    purpose: str
    config: dict[str, Any]
    members: int
    sources: list[str]
    temperature: list[float]
    auxiliary: dict[str, dict[str, float]] = field(default_factory=dict)
    scaling: dict[str, Any] | None = None
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""
    format: int = FORMAT


def shipped_models() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{DESCRIPTION}"))


def locate(model: str | Path) -> Path:
    """Return the directory of a topology model given by name, directory or weights file.

    Names are looked up among the shipped models, then in the user's own directory, see ``xbert.models``.

    Raises:
        CheckpointError: if there is none.
    """
    from xbert.models import no_model, require

    path = require(model, "topology")
    if not (path / WEIGHTS).is_file():
        raise CheckpointError(no_model(model))
    return path


def read_description(directory: Path) -> Description:
    """Read ``model.json``.

    Raises:
        CheckpointError: if it is of another format or not in order.
    """
    from pydantic import TypeAdapter

    path = directory / DESCRIPTION
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data, dict) and data.get("format") != FORMAT:
            raise CheckpointError(
                f"{path} has format {data.get('format')}; this version reads format {FORMAT}"
            )
        Description(**data)  # refuses names that it does not know; the next line, wrong types
        description = TypeAdapter(Description).validate_python(data)
    except CheckpointError:
        raise
    except (OSError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())
        raise CheckpointError(f"{path} does not describe a model: {said}") from error
    if description.members < 1 or len(description.temperature) != len(description.sources):
        raise CheckpointError(
            f"{path} does not describe a model: a temperature for each source, and networks"
        )
    return description


def save_model(directory: Path, members: "list[XBERT]", description: Description) -> None:
    """Write the members' weights in half precision and their description."""
    import torch
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for index, member in enumerate(members):
        for name, value in member.state_dict().items():
            half = value.half() if value.is_floating_point() and "running" not in name else value
            tensors[f"{index}.{name}"] = half.contiguous().cpu()
    assert all(torch.isfinite(value).all() for value in tensors.values())
    save_file(tensors, directory / WEIGHTS)
    (directory / WEIGHTS).chmod(0o644)  # safetensors writes for its owner alone
    write_description(directory, replace(description, weights_sha256=""))


def write_description(directory: Path, description: Description) -> None:
    """Write ``model.json`` for the weights that lie in ``directory``."""
    recorded = description.weights_sha256 or weights_sha256(directory)
    description = replace(description, weights_sha256=recorded)
    text = json.dumps(vars(description), indent=1, ensure_ascii=False)
    (directory / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def check_weights(directory: Path, recorded: str) -> None:
    """Look whether the weights are those that were described.

    Args:
        directory: of the model.
        recorded: hex SHA-256 of its weights in its description; empty for one that has none.

    Raises:
        CheckpointError: if they are not there, or others.
    """
    try:
        found = weights_sha256(directory)
    except OSError as error:
        raise CheckpointError(f"{directory} does not hold a model: {error}") from error
    if recorded and found != recorded:
        raise CheckpointError(
            f"{directory} does not hold a model that is whole: SHA-256 of {WEIGHTS} is {found[:12]}…, "
            f"{DESCRIPTION} says {recorded[:12]}…; one of them was changed or cut off, so get the model again"
        )


def load_model(directory: Path) -> "tuple[list[XBERT], Description]":
    """Read the members in evaluation mode and their description.

    Raises:
        CheckpointError: if weights and description do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from xbert.model import XBERT, XBERTConfig

    description = read_description(directory)
    check_weights(directory, description.weights_sha256)
    try:
        tensors = load_file(directory / WEIGHTS)
        members = []
        for index in range(description.members):
            member = XBERT(XBERTConfig.from_json(description.config))
            own = {k.removeprefix(f"{index}."): v for k, v in tensors.items() if k.startswith(f"{index}.")}
            member.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in own.items()})
            members.append(member.eval())
    except (SafetensorError, OSError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{directory} does not hold a model of this version: {error}") from error
    return members, description


def model_sha256(directory: Path) -> str:
    """Return the hex SHA-256 over weights and description."""
    digest = hashlib.sha256()
    for name in (WEIGHTS, DESCRIPTION):
        digest.update((directory / name).read_bytes())
    return digest.hexdigest()


def weights_sha256(directory: Path) -> str:
    """Return the hex SHA-256 of the weights alone."""
    with (directory / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
