"""Pages and fragments of pages as HTML, in the report's own types, colours and words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader

from candidates.explanation import FILE, Explanation, Explanations
from candidates.records import Candidate, RunRecord
from candidates.report import facts
from candidates.report.candidate_page import render_candidate
from candidates.report.card import ModelCard
from candidates.report.html import asset, environment
from candidates.report.typeset import Runs
from candidates.review import NAME_LIMIT, NOTE_LIMIT, TAG_LIMIT, Review, fold, taken_back
from candidates.store import Store
from candidates.verifications import verifications

DEEDS = {
    "accept": "accepted",
    "reject": "rejected",
    "hold": "put on hold",
    "reopen": "reopened",
    "note": "wrote",
    "tag": "tagged",
    "assign": "assigned",
}


CardOf = Callable[[RunRecord], ModelCard | None]


def no_card(_: RunRecord) -> ModelCard | None:
    """Know no model."""
    return None


def report_assets() -> dict[str, bytes]:
    """Return style and script that the report's pages share, by the names under which they are served."""
    return {
        "report.css": asset("base.css", "candidate.css").encode(),
        "report.js": asset("common.js", "scene.js", "candidate.js").encode(),
    }


def page(csrf: str) -> str:
    """Return the page on which everything happens; its script asks for the rest."""
    limits = {"name": NAME_LIMIT, "tag": TAG_LIMIT, "note": NOTE_LIMIT}
    return _environment().get_template("app.html.jinja").render(csrf=csrf, limits=limits)


def candidate(store: Store, id: str, card_of: CardOf = no_card) -> str:
    """Return what stands on the report's page of a candidate, with the data that its script draws.

    Args:
        store: where it is.
        id: its full id.
        card_of: gives the card of the model that ranked a run, where that is known.

    Raises:
        NotFoundError: there is none of this id.
    """
    found = store.candidate(id)
    run = store.run(found.run_id)
    verified = verifications(store, id)
    page = render_candidate(
        run,
        found,
        card=card_of(run),
        explanation=_explanations(run).get(id),
        verification=verified[0] if verified else None,
    )
    # Without the frame: its style and script are served once, as files, and may not stand in a page here.
    _, start, rest = page.partition('<header class="page">')
    return start + rest.removesuffix("</html>").rstrip().removesuffix("</body>")


def _explanations(run: RunRecord) -> Mapping[str, Explanation]:
    """Return what the run's directory says about why; nothing where it is gone or says it differently."""
    path = Path(run.directory) / FILE
    try:
        return _read_explanations(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=8)
def _read_explanations(path: Path, _changed: int) -> Mapping[str, Explanation]:
    return Explanations.validate_json(path.read_bytes())


def history(reviews: Sequence[Review]) -> str:
    """Return who did what to a candidate, the last first."""
    gone = taken_back(reviews)
    by = {review.undoes: review for review in reviews if review.undoes and review.version not in gone}
    events = [
        {"review": r, "gone": r.version in gone, "by": by.get(r.version), "deed": _deed(r, reviews)}
        for r in reversed(reviews)
    ]
    return _environment().get_template("history.html.jinja").render(events=events, state=fold(reviews))


def compare(candidates: Sequence[Candidate], histories: Mapping[str, Sequence[Review]]) -> str:
    """Return candidates side by side, with a mark at each fact in which they differ."""
    states = [fold(histories[c.id]) for c in candidates]
    return (
        _environment()
        .get_template("compare.html.jinja")
        .render(
            candidates=candidates,
            states=states,
            groups=list(_side_by_side(candidates)),
            known=[facts.is_known(c) for c in candidates],
        )
    )


def _side_by_side(candidates: Sequence[Candidate]) -> Iterator[tuple[str, list[tuple[str, list[Any], bool]]]]:
    """Give title and rows of each section; a row has a name, a value each, and whether they differ."""
    columns = [facts.sections(c) for c in candidates]
    for sections in zip(*columns, strict=True):
        found = [_by_name(section["facts"]) for section in sections]
        names = dict.fromkeys(name for column in found for name in column)
        rows = []
        for name in names:
            values = [column.get(name, []) for column in found]
            rows.append((name, values, any(value != values[0] for value in values)))
        yield sections[0]["title"], rows


def _by_name(found: Sequence[facts.Fact]) -> dict[str, list[tuple[Runs, str | None]]]:
    named: dict[str, list[tuple[Runs, str | None]]] = {}
    for name, value, link in found:
        named.setdefault(name, []).append((value, link))
    return named


def _deed(review: Review, history: Sequence[Review]) -> str:
    if review.undoes is None:
        return DEEDS[review.action]
    meant = history[review.undoes - 1]
    whose = "their own" if meant.reviewer == review.reviewer else f"{meant.reviewer}’s"
    return f"took back {whose} {'undo' if meant.action == 'undo' else meant.action}"


@cache
def _environment() -> Environment:
    report = environment()
    loaders = [PackageLoader("candidates.app"), *([report.loader] if report.loader else [])]
    made = report.overlay(loader=ChoiceLoader(loaders))
    made.filters = report.filters | {
        "when": lambda time: datetime.fromisoformat(time).strftime("%Y-%m-%d %H:%M UTC"),
        "percent": lambda share: f"{100 * min(max(share, 0), 1):.1f}",
    }
    return made
