"""The report of a run with all that is known by now: model card, explanations, verifications, decisions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from candidates.records import Candidate, RunRecord
from candidates.report import ModelCard, write_candidate_page, write_report
from candidates.report.page import PAGES
from candidates.store import Store
from candidates.verification import Verification
from discovery.screening.explaining import Progress, explanations_of

if TYPE_CHECKING:
    from xbert.predict import Predictor


def report_run(
    run: RunRecord,
    candidates: Sequence[Candidate],
    directory: Path,
    store: Store | None = None,
    *,
    pages: int = PAGES,
    explain: bool = True,
    model: str | None = None,
    only: str | None = None,
    patient: bool = False,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> Path:
    """Write the pages of a run and return the path of the one to open.

    Explanations are read from ``explanations.json`` in the run's directory and computed where they are
    missing and the model that ranked is at hand; those computed are kept there.

    Args:
        run: the screen.
        candidates: its candidates.
        directory: of the report.
        store: where verifications and decisions are looked up.
        pages: so many of the best get a page of their own.
        explain: whether explanations that are missing are computed.
        model: name or directory of the model that ranked, where it is not found under the name in the run.
        only: id of a candidate; only its page is written.
        patient: the labelled crystals of a large database are placed for the first time if need be, which
            takes minutes; without it the page goes without its nearest neighbours then.
        workers: processes for that.
        on_progress: called with (stage, done, all) while that lasts.
    """
    ranked = sorted(candidates, key=lambda c: (c.rank, c.id))
    verifications, reviews = _known(run, ranked, store)
    chosen = (
        [c for c in ranked if c.id == only]
        if only
        else [c for n, c in enumerate(ranked) if n < pages or c.id in verifications]
    )
    card, predictor = _model(run, model)
    explanations = explanations_of(
        run, ranked, chosen, predictor if explain else None,
        patient=patient, workers=workers, on_progress=on_progress,
    )  # fmt: skip
    if only is None:
        return write_report(
            run, ranked, directory, card=card, explanations=explanations, verifications=verifications,
            reviews=reviews, pages=pages,
        )  # fmt: skip
    folder = directory / "candidates"
    there = {path.stem for path in folder.glob("*.html")} if folder.is_dir() else set()
    return write_candidate_page(
        run, chosen[0], folder, ranked, card=card, explanation=explanations.get(only),
        verification=verifications.get(only), review=reviews.get(only), pages=there,
    )  # fmt: skip


def _model(run: RunRecord, model: str | None) -> "tuple[ModelCard | None, Predictor | None]":
    """Return card and model where the one that ranked is still here, byte for byte."""
    from discovery.screening.card import model_card
    from xbert.checkpoint import CheckpointError
    from xbert.models import find
    from xbert.predict import Predictor

    directory = find(model or run.model, run.model_sha256)
    if directory is None:
        return None, None
    try:
        return model_card(directory), Predictor(directory)
    except CheckpointError:
        return None, None


def _known(
    run: RunRecord, ranked: Sequence[Candidate], store: Store | None
) -> tuple[dict[str, Verification], dict[str, str]]:
    if store is None:
        return {}, {}
    from candidates.reviews import Reviews
    from candidates.verifications import topologies, verifications

    verified = topologies(store, [c.id for c in ranked])
    states = Reviews(store).states(run.id)
    return (
        {key: verifications(store, key)[0] for key in verified},
        {key: state.status for key, state in states.items() if state.status != "open"},
    )
