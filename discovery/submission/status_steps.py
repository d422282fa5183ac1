"""What the steps of a candidate have left behind, read quickly: a thousand candidates in about a second."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic_core import from_json

from candidates.verification import STEPS, StepState
from discovery.verification.order import planned_steps
from discovery.verification.results import INPUTS, RESULT, Request, read_request

VERDICT_FILE = "verdict.json"
STEP_STATES = frozenset(get_args(StepState))

BLOCK = 1 << 15
"""Bytes that are read at once; a result has a few thousand."""

_FOLDERS = {step: f"{number:02d}-{step.replace('_', '-')}" for number, step in enumerate(STEPS, 1)}


@dataclass(frozen=True)
class Ended:
    """How a step ended.

    Attributes:
        state: a `StepState`; ``stopped`` where what it found decides.
        reason: why it stopped or failed.
        remedy: what to do about it.
        seconds: wall time.
    """

    state: str
    reason: str = ""
    remedy: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Steps:
    """The steps of a candidate as its directory has them.

    Attributes:
        request: what was asked for.
        planned: names of its steps, in order.
        ended: those that have a result.
        begun: those that have begun and have none → time of their beginning, seconds since the epoch.
        damaged: those whose result cannot be read → what is wrong with it.
        topology: class of the verdict, where there is one.
    """

    request: Request
    planned: tuple[str, ...]
    ended: Mapping[str, Ended] = field(default_factory=dict)
    begun: Mapping[str, float] = field(default_factory=dict)
    damaged: Mapping[str, str] = field(default_factory=dict)
    topology: str = ""

    @property
    def over(self) -> bool:
        """Whether no step is still to come: there is a verdict, it failed, or a step decided without one."""
        return "verdict" in self.ended or any(end.state == "stopped" for end in self.ended.values())

    @property
    def failed(self) -> tuple[str, Ended] | None:
        """The first step that failed."""
        return next(((name, end) for name, end in self.ended.items() if end.state == "failed"), None)

    @property
    def stopped(self) -> tuple[str, Ended] | None:
        """The step that decided."""
        return next(((name, end) for name, end in self.ended.items() if end.state == "stopped"), None)

    @property
    def seconds(self) -> float:
        """Wall time of all steps that have ended, s."""
        return sum(end.seconds for end in self.ended.values())


def read_steps(directory: Path) -> Steps:
    """Read what the steps in a candidate's directory have come to.

    Raises:
        StepError: there is no request, or it cannot be read.
    """
    request = read_request(directory)
    # Paths as text: pathlib would take as long as all the reading.
    folder = os.fspath(directory)
    planned = planned_steps(request)
    ended: dict[str, Ended] = {}
    begun: dict[str, float] = {}
    damaged: dict[str, str] = {}
    topology = ""
    for name in planned:
        place = _FOLDERS[name]
        path = f"{folder}/{place}/{RESULT}"
        try:
            ended[name] = _ended(_object(path), request.options.stop_early)
            if name == "verdict" and ended[name].state == "done":
                path = f"{folder}/{place}/{VERDICT_FILE}"
                topology = str(_object(path)["topology"])
        except FileNotFoundError:
            if name in ended:
                damaged[name] = f"{path} is missing"
            elif (since := _begun(f"{folder}/{place}/{INPUTS}")) is not None:
                begun[name] = since
        except (OSError, ValueError, KeyError) as error:
            said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            damaged[name] = f"{path} cannot be read: {said}"
        if name in damaged:
            ended.pop(name, None)
    return Steps(request, planned, ended, begun, damaged, topology)


def _object(path: str) -> dict[str, Any]:
    found = from_json(_content(path))
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _content(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(file, BLOCK)]
        while len(parts[-1]) == BLOCK:
            parts.append(os.read(file, BLOCK))
    finally:
        os.close(file)
    return b"".join(parts)


def _ended(found: dict[str, Any], stop_early: bool) -> Ended:
    state, reason, seconds = found["state"], found.get("reason") or "", found.get("seconds")
    if state not in STEP_STATES:
        raise ValueError(f"there is no state {state!r}")
    if state == "done" and found.get("decides") and stop_early:
        state, reason = "stopped", found["decides"]
    time = float(seconds) if isinstance(seconds, int | float) else 0.0
    return Ended(state, str(reason), str(found.get("remedy") or ""), time)


def _begun(path: str) -> float | None:
    """Return when a step began; None where its inputs were only written, to be run later."""
    try:
        text, since = _content(path), Path(path).stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        inputs = from_json(text)["inputs"]
    except (ValueError, KeyError, TypeError):
        return since
    # A hash says what runs; a sentence such as "written, not run" says that nothing does.
    return since if isinstance(inputs, str) and " " not in inputs else None
