"""The tables of the candidate store."""

from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA_VERSION = 1
"""Version that programs must share. New tables and nullable columns leave it: see `candidates.link.Link`."""


class Base(DeclarativeBase):
    """Lists and dictionaries are kept as JSON."""

    type_annotation_map = {list[Any]: JSON, dict[str, Any]: JSON}  # noqa: RUF012


class SchemaRow(Base):
    """One row that says which version of this module made the tables."""

    __tablename__ = "store_schema"
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class RunRow(Base):
    """A `candidates.records.RunRecord`, one column for each field."""

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(primary_key=True)
    created: Mapped[str]
    database: Mapped[str]
    database_sha256: Mapped[str]
    model: Mapped[str]
    model_sha256: Mapped[str]
    command: Mapped[list[Any]]
    funnel: Mapped[list[Any]]
    refused: Mapped[list[Any]]
    versions: Mapped[dict[str, Any]]
    seeds: Mapped[dict[str, Any]]
    n_input: Mapped[int]
    directory: Mapped[str]


class CandidateRow(Base):
    """A `candidates.records.Candidate`, one column for each field.

    Only ids of our own making are indexed: PostgreSQL refuses an index entry of more than 8 kB, and names
    from files have no limit.
    """

    __tablename__ = "candidates"
    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey(RunRow.id), index=True)
    rank: Mapped[int]
    database: Mapped[str]
    crystal_id: Mapped[str]
    formula: Mapped[str]
    spacegroup: Mapped[int]
    spacegroup_symbol: Mapped[str]
    spacegroup_tight: Mapped[int]
    point_group: Mapped[str]
    crystal_system: Mapped[str]
    inversion: Mapped[bool]
    undiagnosable: Mapped[bool]
    indicator_group: Mapped[str]
    n_atoms: Mapped[int]
    n_electrons: Mapped[int]
    p_topological: Mapped[float]
    p_ti: Mapped[float]
    p_tsm: Mapped[float]
    p_trivial: Mapped[float]
    uncertainty: Mapped[float]
    p_strong_ti: Mapped[float | None]
    p_tci: Mapped[float | None]
    call: Mapped[str | None]
    error_rate: Mapped[float | None]
    covered: Mapped[bool | None]
    doubts: Mapped[list[Any] | None]
    predicted_gap: Mapped[float | None]
    predicted_gap_uncertainty: Mapped[float | None]
    p_metal: Mapped[float | None]
    model: Mapped[str]
    p_benchmark: Mapped[float | None]
    band_gap: Mapped[float | None]
    e_above_hull: Mapped[float | None]
    labels: Mapped[dict[str, Any]]
    icsd_ids: Mapped[str | None]
    known: Mapped[list[Any]]
    hazards: Mapped[list[Any]]
    notes: Mapped[list[Any]]
    tokens: Mapped[dict[str, Any]]
    lattice: Mapped[list[Any]]
    atomic_numbers: Mapped[list[Any]]
    frac_coords: Mapped[list[Any]]
