"""How custodian watches VASP here: which command, which handlers, how often.

atomate2's defaults do not fit three cases. Its Γ-only check starts ``vasp_gam``, which knows no spin–orbit
coupling. Some of its handlers delete the CHGCAR that a run with ICHARG = 11 reads, or turn it into a
self-consistent one. And every handler that rewrites the INCAR goes through pymatgen, which drops the quotes
around WANNIER90_WIN.
"""

import shlex
from collections.abc import Sequence
from shutil import which
from typing import TYPE_CHECKING, Any

from discovery.settings import get_settings
from discovery.verification.engines import StepError

if TYPE_CHECKING:
    from custodian.custodian import ErrorHandler

POLL = 10.0
"""Seconds between custodian's looks at VASP."""

MONITOR_EVERY = 3
"""Looks between two readings of its output."""

DELETES_DENSITY = frozenset({"brmix", "zpotrf", "eddrmm", "edddav"})
"""Errors that some version of custodian cures by deleting CHGCAR."""


def command(spin_orbit: bool, ranks: int = 1) -> str:
    """Return what starts VASP: atomate2's setting VASP_NCL_CMD with spin–orbit coupling, VASP_CMD without.

    A bare program name gets the launcher of DISCOVER_MPI_COMMAND before it where several ranks are asked for.

    Raises:
        StepError: the program is not there.
    """
    from atomate2 import SETTINGS

    name, default = ("VASP_NCL_CMD", "vasp_ncl") if spin_orbit else ("VASP_CMD", "vasp_std")
    words = shlex.split(str(getattr(SETTINGS, name)))
    if len(words) == 1 and ranks > 1:
        launcher = shlex.split(get_settings().mpi_command)
        words = [*(part.format(ranks=ranks) for part in launcher), *words]
    for program in {words[0], words[-1]} if words else {""}:
        if which(program) is None:
            raise StepError(
                f"{program or 'VASP'} is not on this machine",
                f"Load VASP's module, or set ATOMATE2_{name} to what starts it, such as 'srun {default}'.",
            )
    return shlex.join(words)


def handlers(reads_density: bool, rewrites_incar: bool = True) -> "Sequence[ErrorHandler]":
    """Return custodian's handlers for a step, new ones: each counts the errors that it has seen.

    Args:
        reads_density: ICHARG = 11; handlers that delete CHGCAR or change how it is used stay away.
        rewrites_incar: False where the INCAR does not survive pymatgen; nothing is cured then.
    """
    from atomate2.vasp.run import DEFAULT_HANDLERS
    from custodian.vasp.handlers import (
        FrozenJobErrorHandler,
        StdErrHandler,
        UnconvergedErrorHandler,
        VaspErrorHandler,
    )

    if not rewrites_incar:
        return ()
    if not reads_density:
        return tuple(type(handler)() for handler in DEFAULT_HANDLERS)
    kept = [error for error in VaspErrorHandler.error_msgs if error not in DELETES_DENSITY]
    return (
        VaspErrorHandler(errors_subset_to_catch=kept),
        UnconvergedErrorHandler(),
        FrozenJobErrorHandler(),
        StdErrHandler(),
    )


def run_vasp_kwargs(
    spin_orbit: bool, reads_density: bool, rewrites_incar: bool = True, start: str | None = None
) -> dict[str, Any]:
    """Return the arguments of `atomate2.vasp.run.run_vasp`.

    Args:
        spin_orbit: whether the non-collinear program is needed.
        reads_density: see `handlers`.
        rewrites_incar: see `handlers`.
        start: what starts VASP; unset: atomate2's setting.
    """
    from atomate2 import SETTINGS

    start = start or str(SETTINGS.VASP_NCL_CMD if spin_orbit else SETTINGS.VASP_CMD)
    return {
        "vasp_cmd": start,
        "vasp_gamma_cmd": start,
        "handlers": handlers(reads_density, rewrites_incar),
        "vasp_job_kwargs": {"auto_gamma": False},
        "custodian_kwargs": {"polling_time_step": POLL, "monitor_freq": MONITOR_EVERY},
    }
