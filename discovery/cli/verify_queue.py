"""How ``discover verify`` hands verifications over to a queue, and shows what it would hand over."""

import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from discovery.cli.console import FAILED, USAGE, progress, refuse

if TYPE_CHECKING:
    from discovery.cli.verify_runs import Refusals
    from discovery.submission.cluster import Cluster
    from discovery.verification.results import Request

MANY = 20
"""Candidates from which on writing them takes long enough for a bar."""


def submit_slurm(
    requests: Sequence["Request"], root: Path, file: Path | None, dry_run: bool, refusals: "Refusals"
) -> None:
    """Write requests, job scripts and ledgers, and send what the queue has room for."""
    from discovery.submission import SubmissionError, slurm
    from discovery.submission.handover import hand_in
    from discovery.submission.sending import top_up

    cluster, path, sha256 = _load(file)
    if dry_run:
        _show(requests, cluster, path)
        return
    try:
        jobs = slurm.queue()
    except SubmissionError as error:
        refuse(error.reason, f"{error.remedy} --dry-run shows what would be sent.")
    became: dict[str, list[str]] = {"new": [], "known": [], "ended": []}
    with progress("candidates") if len(requests) > MANY else nullcontext() as show:
        for done, request in enumerate(requests, 1):
            with refusals.of(request):
                how = hand_in(request, cluster, path, sha256, jobs)
                became[how].append(request.candidate_id)
            if show is not None:
                show("written", done, len(requests))
    for how, said in (
        ("known", "already in the queue"),
        ("ended", "ended before: `discover status` says how"),
    ):
        if became[how]:
            typer.echo(f"{_count(became[how])} {said}", err=True)
    if not any(became.values()):
        return
    try:
        report = top_up(root)
    except SubmissionError as error:
        refuse(
            f"{_count(became['new'])} written to {root}, and nothing sent: {error.reason}",
            f"{error.remedy} The same command goes on.",
        )
    for candidate, reason in report.damaged.items():
        refusals.add(f"{candidate}: {reason}", "")
    for candidate, stage, number in report.sent:
        typer.echo(f"{candidate}  {stage:<16}  job {number}")
    if report.held:
        typer.echo(f"{report.held} jobs wait here for room in the queue and follow by themselves", err=True)
    if report.refused:
        typer.secho(report.refused, fg="red", err=True)
        typer.echo(f"{report.remedy} The same command goes on.", err=True)
        raise typer.Exit(FAILED)
    typer.echo(f"`discover status -o {shlex.quote(str(root))}` shows how they stand.", err=True)


def submit_remote(
    requests: Sequence["Request"], root: Path, file: Path | None, dry_run: bool, refusals: "Refusals"
) -> None:
    """Hand verifications over to jobflow-remote, each as one Flow."""
    from discovery.submission.jobflow_remote import submit

    cluster, path, sha256 = _load(file)
    if dry_run:
        _show_flows(requests, cluster)
        return
    for request in requests:
        with refusals.of(request):
            how = submit(request, cluster, path, sha256)
            typer.echo(f"{request.candidate_id}  {'handed over' if how == 'new' else 'there already'}")
    typer.echo(f"`discover status -o {shlex.quote(str(root))}` shows how they stand.", err=True)


def _load(file: Path | None) -> "tuple[Cluster, Path, str]":
    from discovery.submission import SubmissionError
    from discovery.submission.cluster import load_cluster

    try:
        return load_cluster(file)
    except SubmissionError as error:
        refuse(error.reason, error.remedy, USAGE)


def _show_flows(requests: Sequence["Request"], cluster: "Cluster") -> None:
    """Print each Flow with what its steps ask for, as JSON."""
    import json

    from discovery.submission.jobflow_remote_project import slurm_resources
    from discovery.verification.order import planned_steps

    for request in requests:
        steps = {
            step: dict(slurm_resources(cluster.resources_of(step, request.engine)))
            for step in planned_steps(request)
        }
        flow = {"candidate": request.candidate_id, "name": request.name, "steps": steps}
        typer.echo(json.dumps(flow, indent=1, ensure_ascii=False))


def _count(candidates: Sequence[str]) -> str:
    return f"{len(candidates)} candidate{'' if len(candidates) == 1 else 's'}"


def _show(requests: Sequence["Request"], cluster: "Cluster", path: Path) -> None:
    """Print every command, and every job script that differs in more than the candidate."""
    from discovery.submission.handover import commands
    from discovery.submission.script import render
    from discovery.submission.stages import stages_of

    typer.echo(
        f"# by {path}; at most {cluster.max_jobs} jobs in the queue at once. Nothing is written or sent."
    )
    typer.echo("# TOKEN and JOB_n are known when a candidate is written down and its job n is sent.")
    scripts: dict[str, tuple[str, str]] = {}
    for request in requests:
        stages = stages_of(request, cluster)
        typer.echo(f"\n# {request.candidate_id}  {' '.join(request.name.split())}  {request.engine}")
        for command, stage in zip(commands(request, stages), stages, strict=True):
            typer.echo(shlex.join(command))
            text = render(Path(request.directory), stage, cluster)
            scripts.setdefault(text.replace(request.candidate_id, "CANDIDATE"), (command[-1], text))
    for place, text in scripts.values():
        typer.echo(f"\n# {place}\n{text}", nl=False)
    if len(requests) > 1:
        typer.echo("\n# Scripts of the other candidates differ from these in the candidate only.")
