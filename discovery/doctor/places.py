"""Where things are kept: directories, room, the clock, the candidate store."""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from discovery.doctor.check import Check

ENOUGH_GB, LEAST_GB = 5.0, 0.2
"""Free room below which there is a warning, and below which a screen may not end well."""

CLOCK_SECONDS = 5.0
"""Difference from a file system's clock that is still none."""


def standing(path: Path) -> Path:
    """Return the path or the nearest place above it that exists."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def refusal(directory: Path) -> str:
    """Return why nothing can be written into an existing directory; empty where it can.

    A file is made there for a moment: permissions alone do not tell for root, quotas and network drives.
    """
    try:
        with tempfile.TemporaryFile(dir=directory, prefix=".discover-doctor-") as handle:
            handle.write(b"discover doctor")
    except OSError as error:
        return error.strerror or str(error)
    return ""


def directory(name: str, path: Path, setting: str, readable_is_enough: str) -> Check:
    """Look whether a directory can be written, or made.

    Args:
        name: of the check.
        path: the directory; it need not exist.
        setting: environment variable that names another one.
        readable_is_enough: what cannot be done where it is not written.
    """
    other = f"Set {setting} to a directory of your own."
    place = standing(path)
    if not place.is_dir():
        return Check(name, "broken", f"{path}: {place} is a file", other)
    reason = refusal(place)
    if not reason:
        return Check(name, "ok", f"{path}" if path.is_dir() else f"{path} (made when it is needed)")
    return Check(name, "warning", f"{place} cannot be written ({reason}): {readable_is_enough}", other)


def room(places: Mapping[str, Path]) -> Check:
    """Look how much room is left where things are kept.

    Args:
        places: what for → path; it need not exist.
    """
    free: dict[int, tuple[float, list[str]]] = {}
    for what, path in places.items():
        place = standing(path)
        found = free.setdefault(place.stat().st_dev, (shutil.disk_usage(place).free / 1e9, []))
        found[1].append(what)
    least = min(gb for gb, _ in free.values())
    said = "; ".join(f"{gb:.1f} GB for {', '.join(whats)}" for gb, whats in sorted(free.values()))
    if least >= ENOUGH_GB:
        return Check("free disk", "ok", said)
    return Check(
        "free disk",
        "broken" if least < LEAST_GB else "warning",
        said,
        "Make room, or move them: DISCOVER_DATA_DIR, DISCOVER_CACHE_DIR, DISCOVER_STORE_URL. "
        "The wavefunctions of one verification take gigabytes.",
    )


def clock(path: Path) -> Check:
    """Hold the clock against that of a file system, and against the time of this program's own files.

    Args:
        path: where a file is made for a moment; it need not exist.
    """
    advice = "Set the clock (timedatectl, chronyd); steps are timed and stores sorted by it."
    own = Path(__file__).stat().st_mtime
    if time.time() < own - 3600:
        behind = (own - time.time()) / 86400
        return Check("clock", "warning", f"{behind:.1f} days before this program was installed", advice)
    place = standing(path)
    try:
        before = time.time()
        with tempfile.NamedTemporaryFile(dir=place, prefix=".discover-doctor-") as handle:
            handle.write(b"discover doctor")
            handle.flush()
            written = Path(handle.name).stat().st_mtime
        after = time.time()
    except OSError as error:
        return Check("clock", "warning", f"not compared: {error.strerror}", f"Make {place} writable.")
    off = written - min(max(written, before), after)
    if abs(off) > CLOCK_SECONDS:
        return Check("clock", "warning", f"{off:+.0f} s between files in {place} and this machine", advice)
    return Check("clock", "ok", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


def store_place(url: str) -> Path | None:
    """Return the file of a SQLite store; None for other databases and URLs that are none."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    named = parsed.database
    if parsed.get_backend_name() != "sqlite" or not named or named == ":memory:" or named.startswith("file:"):
        return None
    return Path(named)


def store(url: str) -> Check:
    """Look whether the candidate store can be read and written; nothing stays written, nothing is made.

    Args:
        url: SQLAlchemy URL. Its password is not shown.
    """
    from candidates.store import Store, StoreError

    name = "candidate store"
    other = "Make it writable, or let DISCOVER_STORE_URL name another."
    file = store_place(url)
    if file is not None:
        place = standing(file)
        folder = place.parent if place.is_file() else place
        if place.is_file() and place != file.absolute():
            return Check(name, "broken", f"{file}: {place} is a file", other)
        if reason := refusal(folder):  # SQLite keeps its journal beside the file
            return Check(name, "broken", f"{folder} cannot be written: {reason}", other)
        if not place.is_file():
            if place == file.absolute():
                return Check(name, "broken", f"{file} is a directory", other)
            return Check(name, "ok", f"{file} (made by the first screen)")
        if reason := _sqlite_refusal(place):
            busy = "locked" in reason
            return Check(
                name,
                "warning" if busy else "broken",
                f"{file}: {reason}",
                "Another process writes; ask again when it has ended." if busy else other,
            )
    try:
        known = Store(url)
        runs, candidates = len(known.runs()), sum(known.counts().values())
        try:
            with known.link.writing():
                raise _TakeBackError
        except _TakeBackError:
            pass
    except StoreError as error:
        return Check(name, "broken", str(error).splitlines()[0], error.remedy)
    except ValueError:  # SQLAlchemy, for a port that is no number; its text repeats the URL
        return Check(name, "broken", "the store URL is not one that SQLAlchemy reads", other)
    return Check(name, "ok", f"{file or known.name}: {runs} runs, {candidates} candidates")


class _TakeBackError(Exception):
    """Ends a transaction that was only a trial."""


def _sqlite_refusal(file: Path) -> str:
    """Return why a SQLite file cannot be written now; the store itself would wait a minute for a lock."""
    try:
        uri = f"{file.as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=0.2, isolation_level=None)) as link:
            link.execute("BEGIN IMMEDIATE")
            link.execute("PRAGMA user_version")
            link.execute("ROLLBACK")
    except sqlite3.Error as error:
        return str(error)
    return ""
