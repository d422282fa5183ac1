"""The review app as an ASGI application: pages, fragments of pages, and the writes behind them."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from candidates.app import queue, views
from candidates.app.guard import Access, Guard
from candidates.decisions import FORMS, decisions, labels, labels_csv
from candidates.report.typeset import plain
from candidates.review import CLASS_TAGS, Edit, Name, Review, Status
from candidates.reviews import BULK_LIMIT, Outcome, Reviews
from candidates.store import NotFoundError, Store, StoreError
from candidates.verifications import topologies

COMPARED = 4
"""Most candidates side by side."""

_KINDS = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_EXPORTS = {
    "csv": "text/csv",
    "json": "application/json",
    "bib": "application/x-bibtex",
    "md": "text/markdown",
}

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
Statuses = Annotated[list[Status], Query(alias="status")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReviewBody(_Body):
    """A judgement from the page."""

    reviewer: Name
    ids: list[Id] = Field(min_length=1, max_length=BULK_LIMIT)
    seen: dict[Id, Annotated[int, Field(ge=0)]]
    edit: Edit


class UndoBody(_Body):
    """Take back the last thing that somebody did."""

    reviewer: Name


class TakeBackBody(_Body):
    """Take back one judgement."""

    reviewer: Name
    id: Id
    version: int = Field(ge=1, le=10**9)


def create_app(
    store: Store,
    access: Access,
    reviewer: str = "",
    run_id: str | None = None,
    card_of: views.CardOf = views.no_card,
) -> Guard:
    """Return the application.

    Args:
        store: candidates and judgements.
        access: who may come in.
        reviewer: name that the page proposes to who has not given theirs.
        run_id: run that is opened first; the newest without it.
        card_of: gives the card of the model that ranked a run, where that is known.
    """
    app = FastAPI(title="Review", docs_url=None, redoc_url=None, openapi_url=None)
    reviews = Reviews(store)
    assets = _assets()

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return views.page(access.csrf)

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        # A name of the table or nothing: no path from outside reaches the file system.
        if name not in assets:
            return PlainTextResponse("no such file\n", 404)
        return Response(assets[name], media_type=_KINDS[name.rpartition(".")[2]])

    @app.get("/api/session")
    def session() -> dict[str, Any]:
        counts = store.counts()
        runs = [queue.run_summary(run, counts.get(run.id, 0)) for run in store.runs()]
        first = run_id if run_id is not None else next((run["key"] for run in runs if run["count"]), None)
        return {
            "csrf": access.csrf,
            "reviewer": reviewer,
            "runs": runs,
            "first": first,
            "classes": list(CLASS_TAGS),
            "compared": COMPARED,
        }

    @app.get("/api/queue")
    def listing(run: str | None = None) -> dict[str, Any]:
        # Judgements first: one that falls between the two reads is told again rather than never.
        sequence, states = reviews.changes(0)
        rows = queue.rows(store, run)
        judged = {row["id"]: queue.state_summary(states[row["id"]]) for row in rows if row["id"] in states}
        return {"rows": rows, "limit": queue.ROWS_LIMIT, "states": judged, "sequence": sequence}

    @app.get("/api/changes")
    def changes(since: Annotated[int, Query(ge=0)]) -> dict[str, Any]:
        sequence, states = reviews.changes(since)
        return {"sequence": sequence, "states": {id: queue.state_summary(s) for id, s in states.items()}}

    @app.get("/candidate/{id}", response_class=HTMLResponse)
    def candidate(id: Id) -> str:
        return views.candidate(store, id, card_of)

    @app.get("/history/{id}", response_class=HTMLResponse)
    def history(id: Id) -> str:
        return views.history(reviews.history(id))

    @app.get("/compare", response_class=HTMLResponse)
    def compare(id: Annotated[list[Id], Query(min_length=1, max_length=COMPARED)]) -> str:
        chosen = [store.candidate(one) for one in dict.fromkeys(id)]
        return views.compare(chosen, reviews.histories([c.id for c in chosen]))

    @app.post("/api/review")
    def review(body: ReviewBody) -> dict[str, Any]:
        return _outcome(reviews.add(body.ids, body.edit, body.reviewer, body.seen))

    @app.post("/api/undo")
    def undo(body: UndoBody) -> dict[str, Any]:
        return _outcome(reviews.undo(body.reviewer))

    @app.post("/api/take-back")
    def take_back(body: TakeBackBody) -> dict[str, Any]:
        return _outcome(reviews.take_back(body.id, body.version, body.reviewer))

    @app.get("/export/decisions.{form}")
    def export(form: str, status: Statuses = [], run: str | None = None) -> Response:  # noqa: B006
        if form not in FORMS:
            return PlainTextResponse("no such file\n", 404)
        return _file(FORMS[form](decisions(store, run, status)), f"decisions.{form}", _EXPORTS[form])

    @app.get("/export/labels.csv")
    def export_labels(run: str | None = None) -> Response:
        verdicts = {id: topology for id, (_, topology) in topologies(store).items()}
        return _file(labels_csv(labels(decisions(store, run), verdicts)), "labels.csv", "text/csv")

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return _refused(422, _first(error.errors()), "")

    @app.exception_handler(ValidationError)
    def invalid_record(_: Request, error: ValidationError) -> JSONResponse:
        return _refused(422, _first(error.errors()), "")

    @app.exception_handler(StoreError)
    def failed(_: Request, error: StoreError) -> JSONResponse:
        return _refused(404 if isinstance(error, NotFoundError) else 503, str(error), error.remedy)

    return Guard(app, access)


def _assets() -> dict[str, bytes]:
    own = {
        entry.name: entry.read_bytes()
        for entry in files("candidates.app").joinpath("static").iterdir()
        if entry.name.rpartition(".")[2] in _KINDS
    }
    return own | views.report_assets()


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "written": [_brief(review) for review in outcome.written],
        "states": {id: queue.state_summary(state) for id, state in outcome.states.items()},
        "stale": {id: _brief(review) for id, review in outcome.stale.items()},
    }


def _brief(review: Review) -> dict[str, Any]:
    return {
        "id": review.candidate_id,
        "version": review.version,
        "reviewer": plain(review.reviewer),
        "time": review.time,
        "action": review.action,
        "status": review.status,
        "undoes": review.undoes,
    }


def _file(text: str, name: str, kind: str) -> Response:
    return Response(
        text.encode("utf-8", "replace"),
        media_type=f"{kind}; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _refused(status: int, text: str, remedy: str) -> JSONResponse:
    return JSONResponse({"error": plain(text), "remedy": plain(remedy)}, status)


def _first(errors: Sequence[Any]) -> str:
    """Say what is wrong with the first thing that is, without repeating what was sent."""
    return (
        str(errors[0].get("msg", "not understood")).removeprefix("Value error, ")
        if errors
        else "not understood"
    )
