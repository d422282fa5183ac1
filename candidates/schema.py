"""The tables of the candidate store, and the way to a database that holds them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, ForeignKey, create_engine, event, insert, inspect, select
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import NullPool

SCHEMA_VERSION = 1
BUSY_SECONDS = 60


class StoreError(Exception):
    """The store cannot do what was asked; ``remedy`` says what would help."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


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
    """A `candidates.records.Candidate`, one column for each field."""

    __tablename__ = "candidates"
    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey(RunRow.id), index=True)
    rank: Mapped[int]
    database: Mapped[str]
    crystal_id: Mapped[str] = mapped_column(index=True)
    formula: Mapped[str] = mapped_column(index=True)
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


class Link:
    """Sessions on a database whose schema has been checked.

    SQLite keeps its rollback journal and takes the write lock when a write begins. WAL would let readers in
    during a write but needs memory shared between processes, which the network file systems of cluster home
    directories do not give (https://sqlite.org/wal.html).
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            self._sqlite = parsed.get_backend_name() == "sqlite"
            options: dict[str, Any] = {}
            if self._sqlite and parsed.database not in (None, "", ":memory:"):
                options = {"poolclass": NullPool, "connect_args": {"timeout": BUSY_SECONDS}}
            self._engine = create_engine(parsed, **options)
        except (ArgumentError, NoSuchModuleError) as error:
            raise StoreError(
                f"the store URL is not one that SQLAlchemy reads: {error}",
                "Set DISCOVER_STORE_URL to sqlite:////absolute/path.sqlite or postgresql+psycopg://host/name.",
            ) from error
        except ImportError as error:
            raise StoreError(
                f"the driver for {parsed.drivername} is not installed: {error}",
                f"Install it, such as `pip install {error.name}`.",
            ) from error
        self.name = parsed.render_as_string(hide_password=True)
        if self._sqlite:
            _take_over_transactions(self._engine)

    @property
    def _file(self) -> Path | None:
        database = self._engine.url.database
        plain = self._sqlite and database and database != ":memory:" and not database.startswith("file:")
        return Path(database) if plain and database else None

    @contextmanager
    def reading(self) -> Iterator[Session | None]:
        """Give a session to read with, or None where no store has been written yet."""
        if self._file is not None and not self._file.exists():
            yield None
            return
        with self._plain_errors(), self._engine.connect() as connection:
            if _version(connection, self.name) is None:
                yield None
                return
            with Session(connection) as session:
                yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose changes are kept together when the block ends, or not at all."""
        engine = self._engine.execution_options(immediate=True)
        with self._plain_errors():
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            with engine.begin() as connection:
                if _version(connection, self.name) is None:
                    Base.metadata.create_all(connection)
                    connection.execute(insert(SchemaRow).values(version=SCHEMA_VERSION))
                with Session(connection) as session:
                    yield session
                    session.flush()

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, OSError) as error:
            cause = getattr(error, "orig", None) or error
            raise StoreError(
                f"the candidate store {self.name} cannot be used: {cause}",
                "Look whether its place exists, is writable and has room, and whether another process "
                "holds it; DISCOVER_STORE_URL names another store.",
            ) from error


def _take_over_transactions(engine: Engine) -> None:
    """Begin SQLite transactions ourselves: the driver would begin them late and leave DDL outside them.

    See https://docs.sqlalchemy.org/en/20/dialects/sqlite.html, "Serializable isolation / Savepoints".
    """

    @event.listens_for(engine, "connect")
    def _manual(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _version(connection: Connection, name: str) -> int | None:
    """Return the schema version, None where there are no tables yet.

    Raises:
        StoreError: the tables are not ours, or of another version.
    """
    tables = set(inspect(connection).get_table_names())
    if SchemaRow.__tablename__ not in tables:
        if tables & {RunRow.__tablename__, CandidateRow.__tablename__}:
            raise StoreError(
                f"{name} holds tables of something else", "Point DISCOVER_STORE_URL at a database of its own."
            )
        return None
    version = connection.scalar(select(SchemaRow.version))
    if version != SCHEMA_VERSION:
        newer = version is not None and version > SCHEMA_VERSION
        raise StoreError(
            f"{name} has schema version {version}; this program reads version {SCHEMA_VERSION}",
            "Install the newer version of this program that wrote it."
            if newer
            else "Move the old store away; the run directories keep their own candidates.parquet.",
        )
    return version
