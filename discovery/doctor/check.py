"""What a check came to, and checks that may not keep the others waiting."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "warning", "broken"]
"""``missing``: not there, and only what needs it does without. ``warning``: it works, but not as expected.
``broken``: screening would fail, or something that is installed or named in the settings does not work."""


@dataclass(frozen=True)
class Check:
    """One line of the examination.

    Attributes:
        name: what was looked at.
        state: a `State`.
        found: what was there.
        remedy: what to do; empty where nothing is.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


class Pending:
    """A check under way in a thread of its own; one that hangs is given up, and its thread left behind.

    Args:
        name: of the check.
        look: does it; an error that nobody foresaw becomes a broken check.
    """

    def __init__(self, name: str, look: Callable[[], Check]) -> None:
        self._name = name
        self._look = look
        self._found: Check | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"doctor {name}")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._look()
        except Exception as error:  # the other lines must still come
            reason = str(error).strip().splitlines()
            self._found = Check(
                self._name,
                "broken",
                f"{type(error).__name__}: {reason[0] if reason else 'no reason given'}",
                "Correct what it names; if it names nothing of yours, report it with this line.",
            )

    def result(self, seconds: float) -> Check:
        """Return what was found, or that nothing was within so many seconds."""
        self._thread.join(seconds)
        return self._found or Check(
            self._name,
            "broken",
            f"no answer in {seconds:g} s",
            "Look whether a file system, database or scheduler behind it hangs.",
        )


def healthy(checks: Sequence[Check]) -> bool:
    """Whether nothing is broken; what is missing or odd stands in nobody's way."""
    return all(check.state != "broken" for check in checks)
