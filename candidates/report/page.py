"""Records in, HTML out: the page of a run, its data blocks and its content policy."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from candidates.explanation import Explanation
from candidates.records import Candidate, RunRecord
from candidates.report import columns, facts, pictures, references, typeset
from candidates.report.candidate_page import write_candidate_page
from candidates.report.card import ModelCard
from candidates.report.files import write_whole
from candidates.report.html import asset, environment, json_block, policy
from candidates.verification import Verification

REFUSED_SHOWN = 1000
"""Refused crystals that the page lists; run.json has all."""

PAGE_SIZE = 50
"""Rows that the table shows before one asks for more: browsers lay out long tables slowly."""

PAGES = 50
"""Candidates that get a page of their own unless one asks for others."""


def write_report(
    run: RunRecord,
    candidates: Sequence[Candidate],
    directory: Path,
    *,
    card: ModelCard | None = None,
    explanations: Mapping[str, Explanation] | None = None,
    verifications: Mapping[str, Verification] | None = None,
    reviews: Mapping[str, str] | None = None,
    pages: int = PAGES,
) -> Path:
    """Write ``index.html`` and ``candidates/ID.html`` into ``directory``, which is created.

    The same records give the same bytes. Pages of candidates that were there before stay.

    Args:
        run: the screen.
        candidates: its candidates; the page lists them by rank.
        directory: where the files go.
        card: of the model that ranked.
        explanations: candidate id → why the model says so.
        verifications: candidate id → what first principles say; each of these gets a page too.
        reviews: candidate id → what people decided, such as ``accepted``.
        pages: so many of the best get a page of their own.

    Returns:
        Path of ``index.html``.
    """
    ranked = sorted(candidates, key=lambda c: (c.rank, c.id))
    verified = verifications or {}
    chosen = [c for n, c in enumerate(ranked) if n < pages or c.id in verified]
    folder = directory / "candidates"
    folder.mkdir(parents=True, exist_ok=True)
    known = {c.id for c in chosen} | {c.id for c in ranked if (folder / f"{c.id}.html").is_file()}
    for candidate in chosen:
        write_candidate_page(
            run,
            candidate,
            folder,
            ranked,
            card=card,
            explanation=(explanations or {}).get(candidate.id),
            verification=verified.get(candidate.id),
            review=(reviews or {}).get(candidate.id),
            pages=known,
        )
    html = render(run, ranked, card=card, verifications=verified, reviews=reviews, pages=known)
    return write_whole(directory / "index.html", html)


def render(
    run: RunRecord,
    candidates: Sequence[Candidate],
    *,
    card: ModelCard | None = None,
    verifications: Mapping[str, Verification] | None = None,
    reviews: Mapping[str, str] | None = None,
    pages: set[str] | frozenset[str] = frozenset(),
) -> str:
    """Return the page of a screen as HTML; see `write_report`. ``pages``: ids that have their own."""
    ranked = sorted(candidates, key=lambda c: (c.rank, c.id))
    data = columns.index(ranked, pages, verifications, reviews)
    gap, gap_scale = pictures.gap_scatter(ranked)
    models = pictures.model_scatter(ranked, run.model)
    shown, steps = columns.shown(ranked, data), pictures.steps(run)
    table = card.calibration() if card else None
    data |= {
        "scales": {"gap": gap_scale, "models": models[1] if models else None},
        "columns": [(c.key, c.title, c.first, int(c.shown), c.unit) for c in shown],
        "block": columns.BLOCK,
        "size": PAGE_SIZE,
        "run": run.id,
        "funnel": [
            (typeset.plain(s.name), typeset.plain(s.description), s.enabled, s.removed, s.left) for s in steps
        ],
        "calibration": [(b.predicted, b.observed, b.n) for b in table.bins] if table else [],
    }
    style, script = asset("base.css", "run.css"), asset("common.js", "run.js")
    cited = references.of_run(run, ranked, (verifications or {}).values())
    return (
        environment()
        .get_template("run.html.jinja")
        .render(
            policy=policy(script, style),
            style=style,
            script=script,
            run=run,
            created=datetime.fromisoformat(run.created).strftime("%Y-%m-%d %H:%M UTC"),
            command=[shlex.quote(argument) for argument in run.command],
            candidates=ranked,
            unlabelled=sum(1 for c in ranked if not facts.is_known(c)),
            undiagnosable=sum(1 for c in ranked if c.undiagnosable),
            steps=steps,
            funnel=pictures.funnel(run),
            periodic=pictures.periodic_table(ranked),
            gap=gap,
            models=models[0] if models else None,
            columns=shown,
            card=card,
            calibration=pictures.calibration(table) if table else None,
            calibration_of=table,
            systems=sorted({c.crystal_system for c in ranked}),
            bibtex=cited,
            data=json_block(data),
            blocks=columns.packed_details(ranked),
            refused_shown=REFUSED_SHOWN,
            calls=any(c.call for c in ranked),
            error_rate=next((c.error_rate for c in ranked if c.error_rate is not None), 0.0),
            any_status=any(data["status"]["values"]),
        )
    )
