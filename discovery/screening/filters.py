"""The filters of a screen, each a name, a sentence and a mask over the rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from discovery.screening.options import ScreenOptions
from discovery.screening.valences import valences_balance
from xbert.crystals import GEOMETRY, CrystalTable
from xbert.elements import symbols
from xbert.spacegroups import group_flags
from xbert.tokens import composition
from xbert.training.labels import MEANING

USUAL_METAL = 0.9
"""P(metal) at which the filter is counted while it is off."""

Mask = Callable[[pa.Table], np.ndarray]


@dataclass(frozen=True)
class Filter:
    """One filter.

    Attributes:
        name: as in the option that switches it.
        description: what it removes.
        enabled: whether it is on.
        keep: rows → (n,) bool, which rows pass.
    """

    name: str
    description: str
    enabled: bool
    keep: Mask


@dataclass(frozen=True)
class Step:
    """What a filter did: how many rows it removed (or would have), how many went on."""

    name: str
    description: str
    enabled: bool
    removed: int
    left: int


def apply_filters(rows: pa.Table, filters: list[Filter]) -> tuple[pa.Table, list[Step]]:
    """Apply filters in order; one that is off is counted too, so that its price is known."""
    steps = []
    for one in filters:
        keep = one.keep(rows) if rows.num_rows else np.zeros(0, dtype=bool)
        dropped = int((~keep).sum())
        description = one.description
        if one.enabled:
            rows = rows.filter(pa.array(keep))
        elif dropped:
            description += f"; would remove {dropped:,}"
        steps.append(Step(one.name, description, one.enabled, dropped if one.enabled else 0, rows.num_rows))
    return rows, steps


def filters_before_prediction(options: ScreenOptions) -> list[Filter]:
    """Return the filters that need no model, cheapest facts first."""
    o = options
    hull = f"energy above hull over {o.max_hull:g} eV/atom (unknown ones pass)"
    return [
        Filter("no inversion", "space groups with inversion", o.no_inversion, _without_inversion),
        Filter("undiagnosable", "groups with a symmetry indicator", o.undiagnosable, _undiagnosable),
        Filter(
            "odd electrons",
            "odd electron counts: metals by band filling as long as time reversal holds",
            not o.keep_odd,
            lambda rows: _numpy(rows, "n_electrons") % 2 == 0,
        ),
        Filter(
            "metallic",
            "metals by the database: called so, or without a gap and without balanced valences "
            "(unknown gaps pass)",
            not o.keep_metals,
            _not_metal,
        ),
        Filter("gapless", "a database band gap of zero (unknown ones pass)", o.drop_gapless, _gapped),
        Filter(
            "labelled topological",
            "what Materiae, TQC or the Arsenal already calls topological",
            not o.keep_labelled,
            lambda rows: ~labelled_topological(rows),
        ),
        Filter(
            "known",
            "what the literature already knows as topological (the paper's own finds stay)",
            not o.keep_known,
            lambda rows: ~known_topological(rows),
        ),
        Filter(
            "magnetic",
            "elements prone to magnetic order, which no label here accounts for",
            not o.keep_magnetic,
            lambda rows: ~_holds_any(rows, o.magnetic_elements),
        ),
        Filter(
            "size",
            f"more than {o.max_atoms} atoms in the primitive cell" if o.max_atoms else "large cells",
            o.max_atoms > 0,
            lambda rows: _numpy(rows, "n_atoms") <= (o.max_atoms or np.inf),
        ),
        Filter(
            "with elements",
            f"crystals without {', '.join(o.with_elements) or 'named elements'}",
            bool(o.with_elements),
            lambda rows: _holds_all(rows, o.with_elements),
        ),
        Filter(
            "without elements",
            f"crystals with {', '.join(o.without_elements) or 'named elements'}",
            bool(o.without_elements),
            lambda rows: ~_holds_any(rows, o.without_elements),
        ),
        Filter(
            "hull",
            hull if np.isfinite(o.max_hull) else "energy above hull",
            bool(np.isfinite(o.max_hull)),
            lambda rows: ~(_numpy(rows, "e_above_hull") > o.max_hull),
        ),
        Filter(
            "duplicates",
            "same formula and space group; the one lowest on the hull stays",
            not o.keep_duplicates,
            _first_of_kind,
        ),
    ]


def filters_after_prediction(options: ScreenOptions, rows: pa.Table) -> list[Filter]:
    """Return the filters that need what a model predicts.

    Args:
        options: of the screen.
        rows: those that were scored; their database gaps are counted in the description.
    """
    unknown = int(_unknown_gap(rows).sum())
    limit = options.max_metal if options.max_metal < 1 else USUAL_METAL
    whose = f"told by the database for {rows.num_rows - unknown:,} of {rows.num_rows:,}, else predicted"
    if "p_metal" not in rows.column_names or rows.column("p_metal").null_count == rows.num_rows:
        whose = f"unknown for {unknown:,} of {rows.num_rows:,}; this model predicts none"
    return [
        Filter(
            "predicted metal",
            f"predicted P(metal) over {limit:g} and valences that do not balance; gap or phase {whose}",
            options.max_metal < 1,
            lambda rows: _not_predicted_metal(rows, limit),
        )
    ]


def labelled_topological(rows: pa.Table) -> np.ndarray:
    """(n,) bool: some label source names a topological class."""
    found = np.zeros(rows.num_rows, dtype=bool)
    for source, meaning in MEANING.items():
        words = {word for word, index in meaning.items() if index > 0}
        texts = rows.column(f"label_{source}").to_pylist()
        found |= np.array([bool(words & set((text or "").split("|"))) for text in texts], dtype=bool)
    return found


def known_topological(rows: pa.Table) -> np.ndarray:
    """(n,) bool: topological by the literature, the finds of the XBERT paper excepted."""
    from candidates.known import find

    stated = (
        rows.column("topology").to_pylist() if "topology" in rows.column_names else [None] * rows.num_rows
    )
    found = np.zeros(rows.num_rows, dtype=bool)
    pairs = zip(
        rows.column("formula").to_pylist(), rows.column("spacegroup").to_pylist(), stated, strict=True
    )
    for row, (formula, spacegroup, topology) in enumerate(pairs):
        entries = find(formula, spacegroup, include_paper=True)
        if any(entry.reported_by_paper for entry in entries):
            continue
        found[row] = bool(entries) or topology not in (None, "trivial", "unknown")
    return found


def _without_inversion(rows: pa.Table) -> np.ndarray:
    return ~group_flags(_numpy(rows, "spacegroup"))[0]


def _undiagnosable(rows: pa.Table) -> np.ndarray:
    return group_flags(_numpy(rows, "spacegroup"))[1]


def _not_metal(rows: pa.Table) -> np.ndarray:
    # A gap of zero alone proves nothing: without spin-orbit coupling an inverted gap closes too. What
    # sets such a crystal apart from an intermetallic is that its valences balance.
    gapless = ~_gapped(rows)
    stated = rows.column("phase").to_pylist() if "phase" in rows.column_names else [None] * rows.num_rows
    formulas = rows.column("formula").to_pylist()
    return np.array(
        [
            phase != "metal" and not (zero and phase is None and not valences_balance(formula))
            for phase, zero, formula in zip(stated, gapless, formulas, strict=True)
        ],
        dtype=bool,
    )


def _not_predicted_metal(rows: pa.Table, limit: float) -> np.ndarray:
    # The gap that is predicted is one without spin-orbit coupling too, so the rule is that of the database.
    if "p_metal" not in rows.column_names:
        return np.ones(rows.num_rows, dtype=bool)
    suspected = _unknown_gap(rows) & (_numpy(rows, "p_metal") > limit)
    formulas = rows.column("formula")
    for row in np.flatnonzero(suspected):
        suspected[row] = not valences_balance(formulas[int(row)].as_py())
    return ~suspected


def _unknown_gap(rows: pa.Table) -> np.ndarray:
    """(n,) bool: the database has no gap, and does not call the crystal metal or insulator either."""
    if not rows.num_rows:
        return np.zeros(0, dtype=bool)
    stated = rows.column("phase").is_valid().to_numpy() if "phase" in rows.column_names else False
    known = ~np.isnan(_numpy(rows, "band_gap")) if "band_gap" in rows.column_names else False
    return np.asarray(~(known | np.asarray(stated)) & np.ones(rows.num_rows, dtype=bool))


def _gapped(rows: pa.Table) -> np.ndarray:
    return ~(_numpy(rows, "band_gap") <= 0.0)


def _holds_any(rows: pa.Table, names: tuple[str, ...]) -> np.ndarray:
    return np.asarray(_present(rows, names).any(1))


def _holds_all(rows: pa.Table, names: tuple[str, ...]) -> np.ndarray:
    return np.asarray(_present(rows, names).all(1))


def _present(rows: pa.Table, names: tuple[str, ...]) -> np.ndarray:
    numbers = [symbols().index(name) for name in names]
    crystals = CrystalTable(rows.select(GEOMETRY.names))
    return composition(crystals)[:, numbers] > 0


def _first_of_kind(rows: pa.Table) -> np.ndarray:
    hull = np.nan_to_num(_numpy(rows, "e_above_hull"), nan=np.inf)
    sizes, ids = rows.column("n_atoms").to_pylist(), rows.column("id").to_pylist()
    order = sorted(range(rows.num_rows), key=lambda i: (hull[i], sizes[i], ids[i]))
    keys = list(zip(rows.column("formula").to_pylist(), rows.column("spacegroup").to_pylist(), strict=True))
    keep = np.zeros(rows.num_rows, dtype=bool)
    seen = set()
    for i in order:
        if keys[i] not in seen:
            seen.add(keys[i])
            keep[i] = True
    return keep


def _numpy(rows: pa.Table, name: str) -> np.ndarray:
    """Column as NumPy; a null float is NaN."""
    column = rows.column(name)
    if pa.types.is_floating(column.type):
        column = pc.fill_null(column, float("nan"))
    return column.to_numpy()
