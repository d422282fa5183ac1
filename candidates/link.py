"""The way to a database that holds the tables of the candidate store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateColumn

from candidates.schema import SCHEMA_VERSION, Base, CandidateRow, RunRow, SchemaRow

BUSY_SECONDS = 60
WRITING = 0x746F706F
"""PostgreSQL advisory lock of whoever writes to a store."""


class StoreError(Exception):
    """The store cannot do what was asked; ``remedy`` says what would help."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class Link:
    """Sessions on a database whose schema has been checked.

    Stores grow: the tables of every imported module that builds on `Base`, and nullable columns that an older
    program did not know, are added by the first write. Until then a reader does without them, so that a store
    can be read where it cannot be written. An older program reads a grown store as before.

    Writers come one after another. On PostgreSQL each holds an advisory lock until it commits: what it reads
    before it writes stays true, and numbers that the database counts up become visible in their order. SQLite
    keeps its rollback journal and takes the write lock when a write begins. WAL would let readers in during a
    write but needs memory shared between processes, which the network file systems of cluster home
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
        except (ArgumentError, NoSuchModuleError, ValueError) as error:  # ValueError: a port that is none
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
    def reading(self, *tables: type[Base]) -> Iterator[Session | None]:
        """Give a session to read with, or None where no store, or one of ``tables``, has been written."""
        if self._file is not None and not self._file.exists():
            yield None
            return
        with self._plain_errors(), self._engine.connect() as connection:
            there = _tables(connection, self.name)
            if there is None or not {table.__tablename__ for table in tables} <= there:
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
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITING})
                _grow(connection, _tables(connection, self.name))
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


def columns(session: Session, table: type[Base]) -> list[Column[Any]]:
    """Return the columns of ``table`` that this store has: an older one lacks those added since."""
    there = {column["name"] for column in inspect(session.connection()).get_columns(table.__tablename__)}
    return [column for column in table.__table__.columns if column.name in there]  # type: ignore[misc]


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


def _tables(connection: Connection, name: str) -> set[str] | None:
    """Return the names of the tables, None where there is no store yet.

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
    return tables


def _grow(connection: Connection, there: set[str] | None) -> None:
    """Make the tables that are missing from ``there``, and in the others the columns that are."""
    known = Base.metadata.sorted_tables
    old = [table for table in known if table.name in (there or set())]
    found = inspect(connection)
    for table in old:
        names = {column["name"] for column in found.get_columns(table.name)}
        new = [column for column in table.columns if column.name not in names]
        for column in new:
            preparer = connection.dialect.identifier_preparer
            column_sql = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {preparer.format_table(table)} ADD COLUMN {column_sql}")
        for index in table.indexes:
            if not set(index.columns).isdisjoint(new):
                index.create(connection)
    if len(old) < len(known):
        Base.metadata.create_all(connection)
    if there is None:
        connection.execute(insert(SchemaRow).values(version=SCHEMA_VERSION))
