"""What every page shares: its templates, its filters, its styles and scripts, its content policy."""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from candidates.report import facts, typeset
from candidates.report.pictures import grouped


@cache
def environment() -> Environment:
    """Return the templates: escaped by default, control characters of every text made visible."""
    made = Environment(
        loader=PackageLoader("candidates.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: typeset.plain(value) if type(value) is str else value,
    )
    filters: dict[str, Callable[..., Any]] = {
        "formula": lambda text: typeset.markup(typeset.formula(text)),
        "symbol": lambda text: typeset.markup(typeset.symmetry_symbol(text)),
        "runs": typeset.markup,
        "short": lambda text: typeset.plain(text, typeset.ROW_LIMIT),
        "pre": lambda text: Markup.escape(typeset.lines(text)),
        "grouped": grouped,
        "kind": facts.label_kind,
        "crystal_link": facts.crystal_link,
    }
    made.filters |= filters
    made.globals["sources"] = facts.SOURCES
    return made


def asset(*names: str) -> Markup:
    """Return styles or scripts of the templates folder, one after the other."""
    folder = files("candidates.report").joinpath("templates")
    return Markup("\n").join(Markup(folder.joinpath(name).read_text(encoding="utf-8")) for name in names)


def policy(script: str, style: str) -> str:
    """Return a content policy under which only this script and this style count and nothing is fetched.

    Pictures may be made by the page itself (``blob:``) or stand in it (``data:``).
    """
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def json_block(value: Any) -> Markup:
    """Return a value as JSON that may stand in a script element."""
    return htmlsafe_json_dumps(value, separators=(",", ":"), ensure_ascii=False)


def _hash(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()
