"""Explanations of a run's candidates: read where they were kept, computed where they are missing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from candidates.explanation import FILE, Explanation, Explanations
from candidates.records import Candidate, RunRecord

if TYPE_CHECKING:
    from discovery.screening.labelled import Labelled
    from xbert.features import Features
    from xbert.predict import Predictor

Progress = Callable[[str, int, int], None]
"""(stage, done, all)."""

REFERENCE = 200
"""Candidates whose mean token stands for nothing known, evenly from the whole ranking."""

QUICK = 2_000
"""Crystals of a database whose labelled ones are placed without being asked for: a few seconds."""

REMOTE = ("optimade:", "mp-api")
"""Databases that are not asked again over the network."""


def explanations_of(
    run: RunRecord,
    ranked: Sequence[Candidate],
    chosen: Sequence[Candidate],
    predictor: "Predictor | None",
    *,
    patient: bool = False,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> dict[str, Explanation]:
    """Return what is known about why the model says what it says, and keep what was missing in the run.

    Args:
        run: the screen.
        ranked: its candidates by rank; a sample of them stands for "nothing known".
        chosen: those to explain.
        predictor: the model that ranked; without it nothing is computed.
        patient: place the labelled crystals of a large database if that was never done.
        workers: processes for that.
        on_progress: called while that lasts.

    Returns:
        candidate id → explanation, those of other candidates that were kept included.
    """
    path = Path(run.directory) / FILE
    found: dict[str, Explanation] = {}
    if path.is_file():
        try:
            found = Explanations.validate_json(path.read_bytes())
        except ValueError:  # of an earlier form: computed again
            found = {}
    if predictor is None:
        return found
    made: dict[str, Explanation] = {}
    missing = [c for c in chosen if c.id not in found]
    if missing and len(ranked) > 1:
        from discovery.screening.explain import explain

        sample = [ranked[n] for n in np.unique(np.linspace(0, len(ranked) - 1, REFERENCE).astype(int))]
        inputs, reference = (
            features_of_candidates(some, predictor.needs_vectors) for some in (missing, sample)
        )
        values = explain(predictor, inputs, reference)
        made |= {c.id: value for c, value in zip(missing, values, strict=True)}
    alone = [c for c in chosen if not (made.get(c.id) or found.get(c.id) or Explanation()).meaning]
    if alone and (labelled := _labelled(run, predictor, patient, workers, on_progress)):
        from discovery.screening.neighbours import neighbours

        inputs = features_of_candidates(alone, predictor.needs_vectors)
        near = neighbours(predictor, inputs, [c.formula for c in alone], labelled)
        for c, (closest, meaning) in zip(alone, near, strict=True):
            before = made.get(c.id) or found.get(c.id) or Explanation()
            made[c.id] = before.model_copy(update={"neighbours": closest, "meaning": meaning})
    found |= made
    if made and path.parent.is_dir():
        path.write_bytes(Explanations.dump_json(dict(sorted(found.items())), indent=1))
    return found


def _labelled(
    run: RunRecord, predictor: "Predictor", patient: bool, workers: int, on_progress: Progress | None
) -> "Labelled | None":
    """Return the labelled crystals of the screened database, else of ``starter``; None where that takes long.

    A database that is gone, has changed since, or is on the network counts as one without labels.
    """
    from discovery.databases.catalogue import get
    from discovery.databases.info import DatabaseError
    from discovery.screening.labelled import place_of, read, write
    from discovery.screening.neighbours import place
    from discovery.settings import get_settings

    settings = get_settings()
    names = [run.database] if not run.database.startswith(REMOTE) else []
    for name in dict.fromkeys([*names, "starter"]):
        try:
            database = get(name, settings)
            fingerprint = database.fingerprint()
            if name != "starter" and fingerprint != run.database_sha256:
                continue
            kept = place_of(settings.cache_dir, fingerprint, predictor.sha256)
            found = read(kept)
            if found is None and name != "starter" and run.n_input > QUICK and not patient:
                return None
            if found is None:
                show = (lambda done, whole: on_progress("labelled", done, whole)) if on_progress else None
                found = place(database, predictor, workers, show)
                write(found, kept)
        except (DatabaseError, OSError):
            continue
        if len(found):
            return found
    return None


def features_of_candidates(candidates: Sequence[Candidate], vectors: bool = False) -> "Features":
    """Return what the model sees of candidates, from the primitive cells in their records.

    ``vectors`` are for models whose encoder knows angles.
    """
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
        vectors=vectors,
    )
