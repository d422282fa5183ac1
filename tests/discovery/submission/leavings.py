"""Directories as steps leave them, written by hand: what reads them is tested, not what writes them."""

import json
from pathlib import Path
from typing import Any

from candidates.records import Gate, Verdict
from dft_templates.presets import load_preset
from discovery.submission.ledger import Stage, Submission, write_ledger
from discovery.submission.resources import Resources
from discovery.verification.options import Options
from discovery.verification.results import (
    INPUTS,
    REQUEST,
    RESULT,
    Crystal,
    Request,
    StepResult,
    step_directory,
    write_text,
)

HASH = "a" * 64


def make_request(root: Path, candidate: str = "0123456789ab", **options: Any) -> Request:
    """Return a request that is written down; no relaxation and surfaces unless asked."""
    request = Request(
        candidate_id=candidate,
        name="Po",
        engine="espresso",
        preset=load_preset("fast", {}).model_dump(mode="json"),
        options=Options(**({"relax": False, "surfaces": False} | options)),
        crystal=Crystal(lattice=(4.0, 0, 0, 0, 4.0, 0, 0, 0, 4.0), elements=("Po",), frac_coords=(0, 0, 0)),
        spacegroup=221,
        inversion=True,
        directory=str(root / candidate),
        created="2026-11-22T12:00:00+00:00",
    )
    Path(request.directory).mkdir(parents=True)
    write_text(Path(request.directory) / REQUEST, request.model_dump_json())
    return request


def begin(request: Request, step: str, inputs: str = HASH) -> Path:
    """Leave what a step leaves when it begins, and return its directory."""
    place = step_directory(request, step)
    place.mkdir(exist_ok=True)
    write_text(place / INPUTS, json.dumps({"inputs": inputs}))
    return place


def end(request: Request, *steps: str, state: str = "done", **facts: Any) -> Path:
    """Leave what steps leave when they end, and return the directory of the last."""
    for step in steps:
        place = begin(request, step)
        result = StepResult(name=step, state=state, inputs=HASH, **({"seconds": 10.0} | facts))  # type: ignore[arg-type]
        write_text(place / RESULT, result.model_dump_json())
    return place


def end_with_verdict(request: Request) -> None:
    """Leave a verdict, and every step before it."""
    from discovery.verification.order import planned_steps

    place = end(request, *planned_steps(request))
    verdict = Verdict(
        topology="strong TI",
        reasons=("ν0 = 1",),
        gates=(Gate(name="direct gap", what="a gap", value=120.0, limit=1.0, unit="meV", passed=True),),
        provisional=True,
    )
    write_text(place / "verdict.json", verdict.model_dump_json())


def end_with_verdict_again(directory: Path) -> None:
    """Leave a verdict where there was none."""
    end_with_verdict(Request.model_validate_json((directory / REQUEST).read_text()))


def submit(request: Request, *stages: Stage, backend: Any = "slurm", **facts: Any) -> Submission:
    """Leave the ledger of a submission."""
    submission = Submission(
        backend=backend,
        candidate=request.candidate_id,
        token="00ff00",
        cluster="/home/me/cluster.yaml",
        cluster_sha256="0" * 64,
        max_jobs=10,
        max_attempts=3,
        stages=stages,
        created="2026-11-22T12:00:00+00:00",
        **facts,
    )
    write_ledger(Path(request.directory), submission)
    return submission


def stage(name: str, *steps: str, state: str = "sent", job_id: str = "", **facts: Any) -> Stage:
    """Return a stage of these steps."""
    return Stage(
        name=name,
        steps=steps,
        resources=Resources(),
        state=state,  # type: ignore[arg-type]
        job_id=job_id,
        attempt=1,
        submitted="2026-11-22T12:00:00+00:00",
        **facts,
    )
