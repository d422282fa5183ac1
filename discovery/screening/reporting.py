"""The report of a run with all that is known by now: model card, explanations, verifications, decisions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from candidates.explanation import FILE, Explanation, Explanations
from candidates.records import Candidate, RunRecord
from candidates.report import ModelCard, write_candidate_page, write_report
from candidates.report.page import PAGES
from candidates.store import Store
from candidates.verification import Verification

if TYPE_CHECKING:
    from xbert.predict import Predictor

REFERENCE = 200
"""Candidates whose mean token stands for nothing known, evenly from the whole ranking."""


def report_run(
    run: RunRecord,
    candidates: Sequence[Candidate],
    directory: Path,
    store: Store | None = None,
    *,
    pages: int = PAGES,
    explain: bool = True,
    only: str | None = None,
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
        only: id of a candidate; only its page is written.
    """
    ranked = sorted(candidates, key=lambda c: (c.rank, c.id))
    verifications, reviews = _known(run, ranked, store)
    chosen = (
        [c for c in ranked if c.id == only]
        if only
        else [c for n, c in enumerate(ranked) if n < pages or c.id in verifications]
    )
    card, predictor = _model(run)
    explanations = _explanations(run, ranked, chosen, predictor if explain else None)
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


def _model(run: RunRecord) -> "tuple[ModelCard | None, Predictor | None]":
    """Return card and model where the one that ranked is still here, byte for byte."""
    from discovery.screening.card import model_card
    from xbert.checkpoint import CheckpointError, locate, model_sha256
    from xbert.predict import Predictor

    try:
        if model_sha256(locate(run.model)) != run.model_sha256:
            return None, None
        return model_card(run.model), Predictor(run.model)
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


def _explanations(
    run: RunRecord, ranked: Sequence[Candidate], chosen: Sequence[Candidate], predictor: "Predictor | None"
) -> dict[str, Explanation]:
    path = Path(run.directory) / FILE
    found: dict[str, Explanation] = {}
    if path.is_file():
        try:
            found = Explanations.validate_json(path.read_bytes())
        except ValueError:  # of an earlier form: computed again
            found = {}
    missing = [c for c in chosen if c.id not in found]
    if predictor is None or not missing or len(ranked) < 2:
        return found
    from discovery.screening.explain import explain

    sample = [ranked[n] for n in np.unique(np.linspace(0, len(ranked) - 1, REFERENCE).astype(int))]
    made = explain(predictor, _features(missing), _features(sample))
    found |= {c.id: explanation for c, explanation in zip(missing, made, strict=True)}
    if path.parent.is_dir():
        path.write_bytes(Explanations.dump_json(dict(sorted(found.items())), indent=1))
    return found


def _features(candidates: Sequence[Candidate]):  # type: ignore[no-untyped-def]  # xbert.features.Features
    from xbert.crystals import Crystal, CrystalTable
    from xbert.features import features_of

    crystals = [
        Crystal(
            c.id,
            np.reshape(c.lattice, (3, 3)),
            np.array(c.atomic_numbers, dtype=np.uint8),
            np.reshape(c.frac_coords, (-1, 3)),
        )
        for c in candidates
    ]
    return features_of(
        CrystalTable.from_crystals(crystals),
        np.array([c.spacegroup for c in candidates], dtype=np.int16),
        np.array([c.n_electrons for c in candidates], dtype=np.int64),
    )
