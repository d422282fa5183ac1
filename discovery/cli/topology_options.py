"""Options of ``discover topology`` that are more than a word or a number."""

import re
from collections.abc import Sequence

from discovery.cli.console import USAGE, refuse

Miller = tuple[int, int, int]


def miller_index(text: str) -> Miller | None:
    """Return the index that ``111``, ``1-10``, ``1 -1 0`` or ``1,-1,0`` means; None for anything else."""
    words = re.split(r"[,\s]+", text.strip("()[] \t"))
    if len(words) == 1:
        words = re.findall(r"-?\d", words[0])
        if "".join(words) != text.strip("()[] \t"):
            return None
    if len(words) != 3 or not all(re.fullmatch(r"[-+]?\d{1,3}", word) for word in words):
        return None
    h, k, l = map(int, words)  # noqa: E741
    return (h, k, l) if any((h, k, l)) else None


def miller_indices(given: Sequence[str] | None, drawn: bool) -> tuple[Miller, ...]:
    """Return the surfaces to draw, refusing what is none.

    Args:
        given: what the user wrote; None where nothing.
        drawn: whether there is a folder to draw into.
    """
    if given is None:
        return ((0, 0, 1),)
    words = [text for text in given if text.strip().lower() != "none"]
    if words and len(words) < len(given):
        refuse("--surface none and a surface contradict each other", "leave one of them out", USAGE)
    if words and not drawn:
        refuse("--surface draws into a folder, and none is named", "name one with -o", USAGE)
    indices = []
    for text in words:
        index = miller_index(text)
        if index is None:
            refuse(
                f"{text!r} is no Miller index",
                "Write three integers, not all zero: --surface 111, --surface '1 -1 0', or --surface none.",
                USAGE,
            )
        indices.append(index)
    return tuple(dict.fromkeys(indices))


def energy_window(given: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the window, refusing an empty one."""
    if given is not None and not given[0] < given[1]:
        refuse(f"no energies lie between {given[0]:g} and {given[1]:g} eV", "--window LOW HIGH", USAGE)
    return given
