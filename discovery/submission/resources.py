"""What a job asks of a queue: nodes, ranks, time, memory."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_WORD = r"^[\w.,@+:/-]+$"
"""Names of partitions, accounts and the like; they become part of an option, so they hold no space."""

_CLOCK = re.compile(
    r"^(?:(?P<d>\d+)-(?P<dh>\d+)(?::(?P<dm>\d+))?(?::(?P<ds>\d+))?|(?:(?P<h>\d+):)?(?P<m>\d+)(?::(?P<s>\d+))?)$"
)


def parse_walltime(value: Any) -> str:
    """Return a time as ``D-HH:MM:SS`` from any form that sbatch takes (manual page, ``--time``).

    These are ``M``, ``M:S``, ``H:M:S``, ``D-H``, ``D-H:M`` and ``D-H:M:S``; a bare number is minutes.

    Raises:
        ValueError: it is none of these, or zero.

    Example:
        >>> parse_walltime("90"), parse_walltime("24:00:00"), parse_walltime("2-12")
        ('0-01:30:00', '1-00:00:00', '2-12:00:00')
    """
    text = str(value).strip()
    found = _CLOCK.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no time: write H:MM:SS, D-HH:MM:SS, or minutes")
    part = {name: int(digits or 0) for name, digits in found.groupdict().items()}
    if found["d"] is not None:
        seconds = 86400 * part["d"] + 3600 * part["dh"] + 60 * part["dm"] + part["ds"]
    elif found["h"] is not None and found["s"] is None:  # M:S, which the pattern reads as hours and minutes
        seconds = 60 * part["h"] + part["m"]
    else:
        seconds = 3600 * part["h"] + 60 * part["m"] + part["s"]
    if not seconds:
        raise ValueError("a time of zero lets nothing run")
    return format_walltime(seconds)


def format_walltime(seconds: int) -> str:
    """Return seconds as ``D-HH:MM:SS``."""
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    d, h = divmod(hours, 24)
    return f"{d}-{h:02d}:{m:02d}:{s:02d}"


class Resources(BaseModel):
    """What the jobs of some steps ask for. Unset fields are left to the cluster's own defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nodes: int = Field(default=1, ge=1, description="Nodes.")
    ranks: int = Field(default=1, ge=1, description="MPI ranks, on all nodes together.")
    threads: int = Field(default=1, ge=1, description="OpenMP threads of each rank.")
    walltime: Annotated[str, BeforeValidator(parse_walltime)] = Field(
        default="1-00:00:00", description="Longest run, as sbatch writes it: H:MM:SS, D-HH:MM:SS, minutes."
    )
    memory: str | None = Field(
        default=None, pattern=r"^\d+(\.\d+)?[KMGT]?$", description="Memory of each node, such as 64G."
    )
    partition: str | None = Field(default=None, pattern=_WORD, description="Partition, or several: a,b.")
    account: str | None = Field(default=None, pattern=_WORD, description="Account that pays.")
    qos: str | None = Field(default=None, pattern=_WORD, description="Quality of service.")
    modules: tuple[Annotated[str, Field(pattern=_WORD)], ...] = Field(
        default=(), description="Environment modules that the job loads."
    )
    options: tuple[Annotated[str, Field(pattern=r"^--[a-z][^\n]*$")], ...] = Field(
        default=(), description="Further options of sbatch, such as --constraint=icelake."
    )

    @property
    def seconds(self) -> int:
        """Wall time in seconds (int)."""
        days, clock = self.walltime.split("-")
        h, m, s = map(int, clock.split(":"))
        return 86400 * int(days) + 3600 * h + 60 * m + s
