"""What work leaves behind: a record for a screen, for each crystal that survived it, for each verdict."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _storable(value: Any) -> Any:
    """Replace what no text column and no UTF-8 file can hold: NUL and lone surrogates (odd file names)."""
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return value
    return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def utc(value: str) -> str:
    """Return an ISO 8601 time as it is; one that is not in UTC is a ValueError."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not an ISO 8601 time such as 2025-01-31T12:00:00+00:00") from error
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f"{value!r} is not in UTC; end it with Z or +00:00")
    return value


TOKEN_WORDS = ("spacegroup", "point_group", "crystal_system", "laue_class", "symmetry")
"""Keys of the five space-group words in `Candidate.tokens`, in the order in which the model reads them."""

MASK = "[mask]"
"""Stands among the words for one that the model was not told."""


def _none_is_empty(value: Any) -> Any:
    """A store that an older program wrote has no value for what was added since."""
    return () if value is None else value


Text = Annotated[str, BeforeValidator(_storable)]
Probability = Annotated[float, Field(ge=0, le=1)]
Call = Literal["topological", "trivial", "abstain"]
"""What a model says at an error rate; `abstain` where it cannot tell."""

Count = Annotated[int, Field(ge=0)]
SpaceGroup = Annotated[int, Field(ge=1, le=230)]


def candidate_id(run_id: str, crystal_id: str) -> str:
    """Return the id of a crystal in a run: 12 hex digits, the same whenever the two are the same."""
    return hashlib.sha256(_storable(f"{run_id}\n{crystal_id}").encode()).hexdigest()[:12]


def tokens_seen(
    words: Sequence[str],
    n_electrons: int,
    bits: str,
    elements: Mapping[str, float],
    graph: Mapping[str, str | float],
) -> dict[str, str | float]:
    """Write the eight tokens of a crystal as the flat dictionary that `Candidate.tokens` holds.

    Args:
        words: the five words of the space group: symbol, point group, crystal system, Laue class, symmetry.
        n_electrons: electrons of the primitive cell.
        bits: their binary digits, the most significant first.
        elements: element symbol → atomic fraction; kept under ``element:SYMBOL``.
        graph: facts about the crystal graph in the reader's words, such as ``{"neighbours per atom": 12}``;
            kept under ``graph:FACT``.
    """
    tokens: dict[str, str | float] = dict(zip(TOKEN_WORDS, words, strict=True))
    tokens |= {"electrons": n_electrons, "electron_bits": bits}
    tokens |= {f"element:{symbol}": fraction for symbol, fraction in elements.items()}
    return tokens | {f"graph:{fact}": value for fact, value in graph.items()}


class Record(BaseModel):
    """Plain data that does not change: unknown fields, NaN and infinities are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FunnelStep(Record):
    """One filter of a screen and what it did, in the order in which the filters ran."""

    name: Text = Field(description="Short name, as in the option that switches it.")
    description: Text = Field(description="What it removes, in one phrase.")
    removed: Count = Field(description="Crystals that this filter took away.")
    left: Count = Field(description="Crystals that went on to the next filter.")
    enabled: bool = Field(description="False when the filter was switched off for this run.")


class RefusedCrystal(Record):
    """A crystal that could not be judged, and what would help."""

    file: Text = Field(description="File it was read from; empty for a database row.")
    id: Text = Field(description="Name of the crystal there.")
    reason: Text = Field(description="What is wrong with it.")
    remedy: Text = Field(description="What the user can do about it.")


class Literature(Record):
    """A statement about this crystal's topology in the literature."""

    topology: Text = Field(description="Class stated there, such as `strong TI` or `Weyl`.")
    source: Text = Field(description="DOI or citation.")
    note: Text = Field(default="", description="Condition under which it holds, if any.")


class Candidate(Record):
    """A crystal that survived a screen, with its provenance. No field refers to anything but itself.

    ``tokens`` says what the model saw, in the flat keys of `tokens_seen`; any other key is shown as it is.
    """

    id: Text = Field(pattern=r"^[0-9a-f]{12}$", description="`candidate_id` of run and crystal.")
    run_id: Text = Field(description="Run that found it.")
    rank: int = Field(ge=1, description="Place in its run; 1 is the best.")
    database: Text = Field(description="Database it was read from.")
    crystal_id: Text = Field(description="Its id in that database.")
    formula: Text = Field(description="Reduced formula.")
    spacegroup: SpaceGroup = Field(description="International number at a tolerance of 0.1 Å.")
    spacegroup_symbol: Text = Field(description="Hermann–Mauguin symbol in ASCII: `P6_3mc`, `I-42m`.")
    spacegroup_tight: int = Field(
        ge=0, le=230, description="International number at a tolerance of 0.01 Å; 0 where none was found."
    )
    point_group: Text = Field(description="Crystallographic point group in ASCII: `-42m`.")
    crystal_system: Text = Field(description="One of the seven crystal systems.")
    inversion: bool = Field(description="Whether the point group contains inversion.")
    undiagnosable: bool = Field(description="Whether the symmetry-indicator group is trivial.")
    indicator_group: Text = Field(
        description="Symmetry-indicator group with spin–orbit coupling and time reversal: `Z2×Z2×Z2×Z4`."
    )
    n_atoms: int = Field(ge=1, description="Atoms in the primitive cell.")
    n_electrons: int = Field(ge=1, description="Electrons in the primitive cell, core electrons included.")
    p_topological: Probability = Field(description="Calibrated ensemble mean of P(TI) + P(TSM).")
    p_ti: Probability = Field(description="Probability of a topological (crystalline) insulator.")
    p_tsm: Probability = Field(description="Probability of a topological semimetal.")
    p_trivial: Probability = Field(description="Probability of neither.")
    uncertainty: float = Field(ge=0, description="Standard deviation of p_topological over the ensemble.")
    p_strong_ti: Probability | None = Field(
        default=None, description="Part of p_ti: a strong insulator; None where the model does not tell."
    )
    p_tci: Probability | None = Field(
        default=None, description="Part of p_ti: a crystalline or weak insulator."
    )
    call: Call | None = Field(
        default=None,
        description="What the model calls it at error_rate; None for a model that cannot be held to one.",
    )
    error_rate: Probability | None = Field(
        default=None,
        description="Share of topological crystals that may be called trivial, and the other way round.",
    )
    covered: bool | None = Field(
        default=None,
        description="Whether error_rate was tested on held-out crystals of its kind, and it is not unusual.",
    )
    doubts: Annotated[tuple[Text, ...], BeforeValidator(_none_is_empty)] = Field(
        default=(), description="Why the call may not hold: what about the crystal the model never saw."
    )
    predicted_gap: float | None = Field(
        default=None, description="Band gap by the model, eV (PBE, without spin–orbit coupling)."
    )
    predicted_gap_uncertainty: float | None = Field(
        default=None,
        ge=0,
        description="Of predicted_gap, eV: how far the ensemble stands apart, and its usual error.",
    )
    p_metal: Probability | None = Field(
        default=None, description="Probability, by the model, that it has no gap."
    )
    model: Text = Field(description="Name of the model that ranked it.")
    p_benchmark: Probability | None = Field(
        default=None, description="p_topological of the benchmark model: what the databases would say."
    )
    band_gap: float | None = Field(default=None, description="Band gap in the database, eV.")
    e_above_hull: float | None = Field(default=None, description="Energy above the convex hull, eV/atom.")
    labels: dict[Text, Text] = Field(default_factory=dict, description="Label source → its class.")
    icsd_ids: Text | None = Field(default=None, description="ICSD collection codes, space separated.")
    known: tuple[Literature, ...] = Field(default=(), description="What the literature says about it.")
    hazards: tuple[Text, ...] = Field(
        default=(), description="Reasons for which the prediction may not hold."
    )
    notes: tuple[Text, ...] = Field(default=(), description="Anything else worth knowing.")
    tokens: dict[Text, Text | float] = Field(default_factory=dict, description="What the model saw.")
    lattice: tuple[float, ...] = Field(
        min_length=9, max_length=9, description="Primitive cell, rows a, b, c one after the other, Å."
    )
    atomic_numbers: tuple[Annotated[int, Field(ge=1, le=118)], ...] = Field(
        min_length=1, description="Atomic numbers of the primitive cell."
    )
    frac_coords: tuple[float, ...] = Field(description="Fractional coordinates, three for each atom, flat.")

    @model_validator(mode="after")
    def _coordinates_match(self) -> "Candidate":
        if len(self.frac_coords) != 3 * len(self.atomic_numbers):
            raise ValueError(
                f"frac_coords has {len(self.frac_coords)} numbers for {len(self.atomic_numbers)} atoms; "
                "give three for each atom, flat"
            )
        return self

    def _repr_html_(self) -> str:
        from candidates.report.notebook import card

        return card(self)


class RunRecord(Record):
    """One screen: what went in, what each filter did, and all it takes to do it again."""

    id: Text = Field(
        min_length=1, description="Id of the run; the same command on the same data has the same id."
    )
    created: Annotated[Text, AfterValidator(utc)] = Field(description="Start of the run, ISO 8601 in UTC.")
    database: Text = Field(description="Database that was screened.")
    database_sha256: Text = Field(description="SHA-256 of the files that the database is made from, hex.")
    model: Text = Field(description="Name of the model that ranked the crystals.")
    model_sha256: Text = Field(description="SHA-256 of the model's weights, hex.")
    command: tuple[Text, ...] = Field(description="Command line, one argument each.")
    funnel: tuple[FunnelStep, ...] = Field(default=(), description="Filters in the order in which they ran.")
    refused: tuple[RefusedCrystal, ...] = Field(default=(), description="Crystals that could not be judged.")
    versions: dict[Text, Text] = Field(default_factory=dict, description="Package → version.")
    seeds: dict[Text, int] = Field(default_factory=dict, description="Name of a random stream → its seed.")
    n_input: Count = Field(description="Crystals read, refused ones included.")
    directory: Text = Field(description="Where the run wrote its files.")


Topology = Literal[
    "strong TI",
    "weak TI",
    "TCI",
    "Weyl",
    "Dirac",
    "nodal line",
    "metal",
    "trivial",
    "inconclusive",
]
"""What a verdict can say."""

Z2 = tuple[
    Annotated[int, Field(ge=0, le=1)],
    Annotated[int, Field(ge=0, le=1)],
    Annotated[int, Field(ge=0, le=1)],
    Annotated[int, Field(ge=0, le=1)],
]
"""ν0, ν1, ν2, ν3."""


class Gate(Record):
    """A number that a verdict stands or falls with, and its limit."""

    name: Text = Field(description="Short name, such as `direct gap`.")
    value: float | None = Field(description="What was found; null where it could not be had.")
    limit: float | None = Field(description="Limit that it is held against; null for yes or no.")
    unit: Text = Field(default="", description="Unit of both.")
    passed: bool = Field(description="Whether it is on the right side.")
    what: Text = Field(description="What is asked, in one phrase.")


class BandNode(Record):
    """A point where the highest occupied band touches the next."""

    k: tuple[float, float, float] = Field(description="Fractional position in (−½, ½].")
    energy: float = Field(description="eV, on the scale of the Hamiltonian.")
    multiplicity: Count = Field(description="Bands that meet.")
    chirality: int | None = Field(description="Charge; null where no gapped surface around it was found.")


class Verdict(Record):
    """What the topology of a Hamiltonian is, why, and how far that can be trusted."""

    topology: Topology = Field(description="The class.")
    reasons: tuple[Text, ...] = Field(min_length=1, description="Why, in sentences.")
    notes: tuple[Text, ...] = Field(default=(), description="What else to know; none changes the class.")
    z2: dict[Text, Z2] = Field(default_factory=dict, description="Method → ν0, ν1, ν2, ν3.")
    z4: Annotated[int, Field(ge=0, le=3)] | None = Field(
        default=None, description="Z4 from parities: Σ (even − odd Kramers pairs)/2 over the TRIMs, mod 4."
    )
    nu0: tuple[int | None, int | None, int | None] = Field(
        default=(None, None, None), description="Strong index from the planes across each axis."
    )
    direct_gap: float | None = Field(default=None, ge=0, description="Smallest direct gap, meV.")
    indirect_gap: float | None = Field(
        default=None, description="Lowest of band N + 1 less highest of band N, meV; negative in a metal."
    )
    nodes: tuple[BandNode, ...] = Field(default=(), description="Points where the gap closes.")
    nodal_lines: Count = Field(default=0, description="Lines on which it closes.")
    mirror_chern: dict[Text, int | None] = Field(
        default_factory=dict, description="Mirror and plane → mirror Chern number; null where undecided."
    )
    gates: tuple[Gate, ...] = Field(description="Every number the verdict stands on.")
    functional: Text | None = Field(default=None, description="Density functional of the bands, if known.")
    provisional: bool = Field(description="True unless the functional is known for good gaps.")
    provenance: dict[Text, Text] = Field(default_factory=dict, description="Where it comes from.")
