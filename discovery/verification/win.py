"""Keywords of a `.win`: read them, and change some without touching the rest."""

import re
from collections.abc import Mapping

_LINE = re.compile(r"^\s*([A-Za-z]\w*)\s*[=:\s]\s*([^!#\n]*?)\s*(?:[!#].*)?$")
_BEGIN = re.compile(r"^\s*begin\s+(\w+)", re.IGNORECASE)
_END = re.compile(r"^\s*end\s+(\w+)", re.IGNORECASE)


def keywords(text: str) -> dict[str, str]:
    """Return the keywords outside blocks, lower case, with their values as text."""
    found = {}
    for line, inside in _lines(text):
        match = None if inside else _LINE.match(line)
        if match:
            found[match[1].lower()] = match[2]
    return found


def with_keywords(text: str, changes: Mapping[str, object]) -> str:
    """Return the text with keywords set: where they stand, or before the first block.

    Args:
        text: a `.win`.
        changes: keyword → value; None takes a keyword out.
    """
    wanted = {key.lower(): value for key, value in changes.items()}
    kept: list[str] = []
    first_block = None
    for line, inside in _lines(text):
        match = None if inside else _LINE.match(line)
        if match and match[1].lower() in wanted:
            continue
        if inside and first_block is None:
            first_block = len(kept)
        kept.append(line)
    new = [f"{key} = {value}" for key, value in wanted.items() if value is not None]
    place = len(kept) if first_block is None else first_block
    return "\n".join([*kept[:place], *new, *kept[place:]]).rstrip("\n") + "\n"


def _lines(text: str) -> list[tuple[str, bool]]:
    """Return the lines, each with whether it belongs to a block."""
    found, block = [], False
    for line in text.splitlines():
        if _BEGIN.match(line):
            block = True
        found.append((line, block))
        if _END.match(line):
            block = False
    return found
