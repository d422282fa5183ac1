"""Ask SLURM whether it would take the jobs that a cluster file describes."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.submission import SubmissionError, script, slurm
from discovery.submission.ledger import Stage
from discovery.verification.results import write_text

if TYPE_CHECKING:
    from discovery.submission.cluster import Cluster
    from discovery.submission.resources import Resources


def ask_slurm(asked: "Resources", cluster: "Cluster") -> str:
    """Return why SLURM would not take a job with these resources; empty where it would.

    Nothing is submitted.
    """
    stage = Stage(name="1-check", steps=("verdict",), resources=asked)
    with tempfile.TemporaryDirectory(prefix="discover-") as folder:
        path = Path(folder) / "job.sh"
        write_text(path, script.render(Path(folder), stage, cluster))
        try:
            slurm.would_take(path)
        except SubmissionError as error:
            return error.reason
    return ""
