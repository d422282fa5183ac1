"""Job scripts: what a job asks for, what it sets up, and that it runs ``discover work``."""

import shlex
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.submission.ledger import Stage

if TYPE_CHECKING:
    from jinja2 import Template

    from discovery.submission.cluster import Cluster

FOLDER = "jobs"
"""Folder in a candidate's directory that holds the scripts and logs of its jobs."""

LOG = "%x.%j.log"
"""Name of a job's log there, as sbatch fills it in: name of the job, number of the job."""

EARLY = 60
"""Seconds by which SLURM may send a signal before its time (manual page of sbatch, ``--signal``)."""


def script_path(directory: Path, stage: Stage) -> Path:
    """Return where the script of a stage is."""
    return directory / FOLDER / f"{stage.name}.sh"


def render(directory: Path, stage: Stage, cluster: "Cluster") -> str:
    """Return the job script of a stage.

    Args:
        directory: of the candidate, absolute.
        stage: what it runs and asks for.
        cluster: what the job has to set up.
    """
    asked = stage.resources
    # A program that can stop by itself does so before the signal comes, and that may come early.
    early = min(EARLY, (asked.seconds - cluster.margin) // 10)
    return _template().render(
        asked=asked,
        candidate=directory.name,
        directory=directory,
        stage=stage,
        cluster=cluster,
        log=LOG,
        python=cluster.python or sys.executable,
        variables=_variables(stage, cluster),
        seconds=asked.seconds - cluster.margin - early,
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("discovery.submission"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quote"] = lambda value: shlex.quote(str(value))
    return environment.get_template("job.sh.j2")


def _variables(stage: Stage, cluster: "Cluster") -> Mapping[str, str]:
    threads = str(stage.resources.threads)
    return {
        "OMP_NUM_THREADS": threads,
        "SRUN_CPUS_PER_TASK": threads,  # since SLURM 22.05 srun does not take it from the job
        "DISCOVER_MPI_COMMAND": cluster.launcher,
        **cluster.environment,
    }
