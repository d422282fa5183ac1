"""The project file of jobflow-remote for what ``cluster.yaml`` says, with its every part explained.

Keys are those of jobflow-remote 1.0 (its manual, "Project configuration").
"""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.submission.resources import Resources

if TYPE_CHECKING:
    from discovery.submission.cluster import Cluster

PROJECT, WORKER, BLOBS = "discover", "cluster", "blobs"
"""Names of the project, of its first worker, and of the additional store of large outputs."""


def project_file(cluster: "Cluster", work_dir: Path | None = None, name: str = PROJECT) -> str:
    """Return the text of a project file, YAML.

    Args:
        cluster: what jobs have to set up, and how many of them there may be.
        work_dir: absolute folder on the cluster in which jobflow-remote runs jobs.
        name: of the project; the file is to be called so, with ``.yaml``, in ``~/.jfremote``.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("discovery.submission"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters["yaml"] = json.dumps  # JSON is YAML
    return environment.get_template("jobflow-remote.yaml.j2").render(
        name=name,
        worker=WORKER,
        blobs=BLOBS,
        cluster=cluster,
        work_dir=str(work_dir or Path.home() / "jobflow-remote"),
        resources=slurm_resources(cluster.resources),
        set_up="\n".join(_set_up(cluster)),
    )


def slurm_resources(asked: Resources) -> Mapping[str, str | int]:
    """Return what a step asks for under the names of qtoolkit's template of a SLURM script."""
    facts: dict[str, str | int | None] = {
        "nodes": asked.nodes,
        "ntasks": asked.ranks,
        "cpus_per_task": asked.threads,
        "time": asked.walltime,
        "mem": asked.memory,
        "partition": asked.partition,
        "account": asked.account,
        "qos": asked.qos,
        "qverbatim": "\n".join(f"#SBATCH {option}" for option in asked.options) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _set_up(cluster: "Cluster") -> list[str]:
    """Return the shell lines that come before a job."""
    lines = cluster.prologue.strip().splitlines()
    if cluster.python:
        lines.append(f"export PATH={shlex.quote(str(Path(cluster.python).parent))}:$PATH")
    variables = {"DISCOVER_MPI_COMMAND": cluster.launcher, **cluster.environment}
    return lines + [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
