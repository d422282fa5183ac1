"""What lies between this machine and a cluster's queue: its controller, its clock, the cluster file."""

import re
import shutil
import time

from discovery.doctor.check import Check
from discovery.doctor.processes import PATIENCE, ask

SKEW = 10.0
"""Seconds by which the controller's clock may differ: by the one ends are planned, by the other they come."""

ABSENT = "Only needed to submit to a cluster's queue."


def queue(seconds: float = PATIENCE) -> Check:
    """Look whether the queue tells which jobs of ours it holds, and what partitions are up."""
    title = "queue (squeue, sinfo)"
    absent = [name for name in ("squeue", "sinfo") if shutil.which(name) is None]
    if absent:
        return Check(title, "missing", f"no {' and no '.join(absent)} in PATH", ABSENT)
    ours = ask(("squeue", "--noheader", "--me", "--format=%i"), seconds=seconds)
    parts = ask(("sinfo", "--noheader", "--format=%R|%a|%D"), seconds=seconds)
    for name, answer in (("squeue", ours), ("sinfo", parts)):
        if answer.code != 0:
            said = f"no answer in {seconds:g} s" if answer.code is None else answer.last_line or answer.error
            return Check(title, "broken", f"{name}: {said}", "Try it by hand; tell whoever runs the cluster.")
    count = len(ours.text.split())
    jobs = f"{count} {'job' if count == 1 else 'jobs'} of yours"
    up = sorted({line.split("|")[0] for line in parts.text.splitlines() if "|up|" in line})
    if not up:
        return Check(title, "warning", f"{jobs}, no partition is up", "Jobs wait until one is.")
    return Check(title, "ok", f"{jobs}; partitions up: {', '.join(up)}")


def clock(seconds: float = PATIENCE) -> Check:
    """Hold this machine's clock against the controller's."""
    title = "clock of the scheduler"
    if shutil.which("scontrol") is None:
        return Check(title, "missing", "no scontrol in PATH", ABSENT)
    before = time.time()
    answer = ask(("scontrol", "show", "config"), seconds=seconds, variables={"SLURM_TIME_FORMAT": "%s"})
    told = re.search(r"data as of (\d{9,})\b", answer.text)
    if told is None:
        said = answer.last_line if answer.code is not None else f"no answer in {seconds:g} s"
        return Check(
            title, "warning", f"scontrol does not tell the time: {said}", "Compare `date` there and here."
        )
    # The controller answered at some moment between the question and its answer.
    ahead = int(told[1]) - before
    off = max(0.0, -ahead - 1, ahead - (time.time() - before))
    if off > SKEW:
        return Check(
            title,
            "warning",
            f"{off:.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's",
            "Steps plan their end by the clock of their node: let NTP set both.",
        )
    return Check(title, "ok", f"within {SKEW:g} s of this machine's")


def cluster_file(seconds: float = PATIENCE) -> Check:
    """Read ``cluster.yaml`` and look whether its partitions exist."""
    from candidates.verification import STEPS
    from discovery.submission import SubmissionError
    from discovery.submission.cluster import cluster_path, load_cluster

    title = "cluster file"
    try:
        cluster_path()
    except SubmissionError as error:
        return Check(title, "missing", error.reason, f"{error.remedy} {ABSENT}")
    try:
        cluster, path, _ = load_cluster()
    except SubmissionError as error:
        return Check(title, "broken", error.reason, error.remedy)
    asked = {
        cluster.resources_of(step, engine).partition for step in STEPS for engine in ("espresso", "vasp")
    }
    wanted = {name for one in asked if one for name in one.split(",")}
    if shutil.which("sinfo") is None:
        return Check(title, "ok", f"{path}, its partitions are not looked for: no sinfo in PATH")
    answer = ask(("sinfo", "--noheader", "--format=%P"), seconds=seconds)
    if answer.code != 0:
        return Check(
            title, "warning", f"{path}, its partitions are not known: sinfo does not answer", "See above."
        )
    names = answer.text.split()
    there = {name.rstrip("*") for name in names}
    if unknown := sorted(wanted - there):
        return Check(
            title,
            "broken",
            f"{path}: no partition {', '.join(unknown)}",
            f"There are {', '.join(sorted(there))}: correct the file.",
        )
    if None in asked and not any(name.endswith("*") for name in names):
        return Check(
            title,
            "broken",
            f"{path} names no partition, and the cluster has no default one",
            "Name one in it.",
        )
    return Check(title, "ok", f"{path}, {', '.join(sorted(wanted)) or 'default partition'}")
