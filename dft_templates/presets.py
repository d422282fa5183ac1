"""Presets: every free choice of a verification as data, typed, with overrides by dotted name.

>>> preset = load_preset("standard", {"INCAR.ENCUT": 600, "vasp.static_soc.INCAR.EDIFF": 1e-8})
>>> preset.vasp.tags("static_soc")["ENCUT"], preset.vasp.tags("static_soc")["EDIFF"]
(600, 1e-08)
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError

from dft_templates.espresso import EspressoPreset
from dft_templates.topology import TopologyPreset
from dft_templates.vasp import VASP_STEPS, Section, VaspPreset
from dft_templates.wannier import WannierPreset

FOLDER = Path(__file__).parent
NAMES = ("fast", "standard", "paper")


class PresetError(ValueError):
    """A preset or an override that is refused.

    Attributes:
        reason: what is wrong, with the dotted name (str).
        remedy: what to do about it (str).
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}. {remedy}".strip())


class Preset(Section):
    """One complete set of choices for both engines and everything after them."""

    name: str = Field(min_length=1, description="Short name, kept with every result.")
    summary: str = Field(description="One line: what it is for.")
    vasp: VaspPreset
    espresso: EspressoPreset
    wannier: WannierPreset
    topology: TopologyPreset


def load_preset(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Preset:
    """Read a preset and lay overrides over it.

    Args:
        name_or_path: one of `NAMES`, or a YAML file with the same sections.
        overrides: dotted name → value: ``INCAR.ENCUT`` (VASP, every step), ``vasp.static_soc.INCAR.EDIFF``
            (one step), ``wannier.k_spacing`` and so on for any field.

    Raises:
        PresetError: an unknown preset, file or key, with the nearest known ones; a value of a wrong type.
    """
    data, source = _read(name_or_path)
    # Shorter names reach wider: they go first, so that the order in which overrides are given means nothing.
    for dotted, value in sorted((overrides or {}).items(), key=lambda item: _depth(item[0])):
        _set(data, dotted, value)
    try:
        return Preset.model_validate(data)
    except ValidationError as error:
        raise PresetError(f"{source}: {_explain(error)}", _remedy(error)) from None


def parse_overrides(pairs: Iterable[str]) -> dict[str, Any]:
    """Turn ``KEY=VALUE`` texts of a command line into the overrides of `load_preset`.

    Values are YAML, to which Fortran's ``.TRUE.``/``.FALSE.`` and exponents without a point (``1e-8``)
    are added.

    Raises:
        PresetError: a text without ``=`` or a value that is no YAML.
    """
    overrides = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise PresetError(f"{pair!r} is not KEY=VALUE", "Write for example INCAR.ENCUT=520.")
        overrides[key.strip()] = _value(text.strip())
    return overrides


def _value(text: str) -> Any:
    if text.upper() in {".TRUE.", ".FALSE."}:
        return text.upper() == ".TRUE."
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise PresetError(f"{text!r} is not a value", "Quote it as YAML would have it.") from None


def _read(name_or_path: str | Path) -> tuple[dict[str, Any], str]:
    given = str(name_or_path)
    path = FOLDER / f"{given}.yaml" if given in NAMES else Path(name_or_path)
    if not path.is_file():
        near = get_close_matches(given, NAMES, n=1)
        raise PresetError(
            f"There is no preset or file {given!r}",
            f"Did you mean {near[0]}?" if near else f"Presets: {', '.join(NAMES)}; or give a YAML file.",
        )
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise PresetError(f"{path} is not YAML: {error}", "Start from a copy of a preset.") from None
    if not isinstance(data, dict):
        raise PresetError(f"{path} has no sections", "Start from a copy of a preset.")
    return data, given


def _depth(dotted: str) -> int:
    return dotted.count(".") + dotted.startswith("INCAR")


def _set(data: dict[str, Any], dotted: str, value: Any) -> None:
    keys = dotted.split(".")
    if keys[0] == "INCAR":
        keys = ["vasp", *keys]
    if len(keys) < 2 or keys[-2] != "INCAR":
        _check_field(keys, dotted)
    elif keys[0] != "vasp" or not (len(keys) == 3 or (len(keys) == 4 and keys[1] in VASP_STEPS)):
        near = get_close_matches(keys[1], VASP_STEPS, n=1)
        known = f"Did you mean vasp.{near[0]}.INCAR?" if near else f"Steps: {', '.join(VASP_STEPS)}."
        raise PresetError(f"There is no {dotted}", known)
    if keys[:2] == ["vasp", "INCAR"] and len(keys) == 3:
        # A tag given for every step has to win over a step's own.
        for step in VASP_STEPS:
            (data["vasp"].get(step) or {}).get("INCAR", {}).pop(keys[2], None)
    place = data
    for key in keys[:-1]:
        if not isinstance(place.get(key), dict):
            place[key] = {}
        place = place[key]
    place[keys[-1]] = value


def _check_field(keys: list[str], dotted: str) -> None:
    model: type[BaseModel] | None = Preset
    for depth, key in enumerate(keys):
        if model is None:
            return
        if key not in model.model_fields:
            raise PresetError(f"There is no {dotted!r}", _near(model, keys[:depth], key))
        model = _model(model, key)


def _model(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    kind = model.model_fields[key].annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _near(model: type[BaseModel], before: list[str], key: str) -> str:
    """Return a sentence with the names like ``key`` in a model, or with all of them."""
    names = [*model.model_fields] + ([] if before else ["INCAR"])
    near = [".".join([*before, name]) for name in names if get_close_matches(key.lower(), [name.lower()])]
    if not before:  # a field without its section
        inner = {section: _model(model, section) for section in model.model_fields}
        near += [f"{section}.{key}" for section, part in inner.items() if part and key in part.model_fields]
    return f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(names)}."


def _explain(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'preset'}: "
        + item["msg"].removeprefix("Value error, ").replace("Extra inputs are not permitted", "no such key")
        for item in error.errors()
    )


def _remedy(error: ValidationError) -> str:
    for item in error.errors():
        *before, key = (str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            model: type[BaseModel] = Preset
            for part in before:
                model = _model(model, part) or model
            return _near(model, before, key)
    return "Correct the preset or the override."
