"""What a user names to be verified: a candidate of the store, or a file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.verification.engines import StepError

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from candidates.records import Candidate
    from candidates.store import Store


@dataclass(frozen=True)
class Source:
    """A crystal to verify.

    Attributes:
        id: of the candidate, or 12 hex digits made from the file's crystal.
        name: formula, with the file where there is one.
        structure: in any cell.
    """

    id: str
    name: str
    structure: "Structure"


def find_source(text: str, store: "Store") -> Source:
    """Return the crystal of a file, if there is one of that name, or of a candidate.

    Args:
        text: path of a file that pymatgen reads (CIF, POSCAR, cssr, JSON, …), or the beginning of an id.
        store: where candidates are looked for.

    Raises:
        StepError: the file holds no ordered crystal.
        StoreError: no candidate has this id, or several begin so.
    """
    path = Path(text)
    if path.is_file():
        return _from_file(path)
    if path.suffix.lower() in (".cif", ".vasp", ".json", ".xsf", ".cssr") or len(path.parts) > 1:
        raise StepError(f"{text}: no such file", "Name a structure file, or the id of a candidate.")
    return from_candidate(store.candidate(text))


def choose_candidates(
    store: "Store", accepted: bool, run: str | None = None, top: int | None = None
) -> list[str]:
    """Return the ids that a review or a run selects, the best first.

    Args:
        store: where runs and judgements are.
        accepted: only those that were accepted; without it all that were not rejected.
        run: beginning of a run's id; all runs without it.
        top: at most so many.

    Raises:
        StepError: nothing is selected.
        StoreError: there is no such run, or several.
    """
    from candidates.reviews import Reviews

    chosen = store.run(run).id if run is not None else None
    of = f"run {chosen}" if chosen else "any run"
    reviews = Reviews(store)
    if accepted:
        ids = reviews.accepted(chosen)
        reason, remedy = f"no candidate of {of} is accepted", "Accept some with `discover review`."
    else:
        states = reviews.states(chosen)
        ids = [
            row["id"]
            for row in store.table(["id"], chosen)
            if row["id"] not in states or states[row["id"]].status != "rejected"
        ]
        reason, remedy = f"{of} has no candidate that is not rejected", "`discover runs` lists other runs."
    if not ids:
        raise StepError(f"{reason} in {store.name}", remedy)
    return ids[:top]


def from_candidate(candidate: "Candidate") -> Source:
    """Return the crystal of a candidate."""
    import numpy as np
    from pymatgen.core import Element, Structure

    structure = Structure(
        np.reshape(candidate.lattice, (3, 3)),
        [Element.from_Z(z) for z in candidate.atomic_numbers],
        np.reshape(candidate.frac_coords, (-1, 3)),
    )
    return Source(candidate.id, candidate.formula, structure)


def _from_file(path: Path) -> Source:
    import warnings

    from pymatgen.core import Structure

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = Structure.from_file(path)
    except Exception as error:  # readers of many formats raise as many kinds
        raise StepError(
            f"{path}: no crystal could be read ({error})", "Give a CIF or POSCAR of an ordered crystal."
        ) from None
    if not structure.is_ordered:
        raise StepError(f"{path}: partly occupied sites", "Give an ordered structure.")
    structure.remove_oxidation_states()
    formula = structure.composition.reduced_formula
    numbers = [*structure.lattice.matrix.ravel(), *structure.frac_coords.ravel()]
    species = [site.specie.symbol for site in structure]
    facts = repr((species, [round(1e6 * x) for x in numbers]))
    return Source(hashlib.sha256(facts.encode()).hexdigest()[:12], f"{formula} ({path.name})", structure)
