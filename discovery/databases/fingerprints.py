"""Hashes of files, remembered by size and time so that a repeated run need not read them again."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from discovery.databases.info import combined_hash, file_sha256

SETTLED = 2.0  # seconds; a file changed more recently may change again within one tick of its clock


def fingerprint_files(paths: Sequence[Path], cache_dir: Path) -> str:
    """Return one sha256 (hex) for the names and contents of files.

    Each file's own hash is kept in ``cache_dir/fingerprints.json`` for as long as its size, inode and
    times stay the same. A cache that cannot be read or written is done without.
    """
    cache_file = cache_dir / "fingerprints.json"
    known = _read(cache_file)
    hashes, changed = [], False
    for path in paths:
        stat = path.stat()
        key = str(path.resolve())
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        entry = known.get(key)
        if not entry or entry.get("mark") != mark:
            entry = {"mark": mark, "sha256": file_sha256(path)}
            if time.time() - max(stat.st_mtime, stat.st_ctime) > SETTLED:
                known[key] = entry
                changed = True
        hashes.append((path.name, entry["sha256"]))
    if changed:
        _write(cache_file, known)
    return combined_hash(hashes)


def _read(cache_file: Path) -> dict[str, dict]:
    try:
        known = json.loads(cache_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: entry for key, entry in known.items() if isinstance(entry, dict) and "sha256" in entry}


def _write(cache_file: Path, known: dict[str, dict]) -> None:
    part = cache_file.with_name(f"{cache_file.name}.{os.getpid()}")
    try:
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(known, indent=1), encoding="utf-8")
        part.replace(cache_file)
    except OSError:
        part.unlink(missing_ok=True)
