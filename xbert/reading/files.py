"""Which files hold crystals, in which format, and their content."""

import glob
import gzip
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = {
    ".cif": "cif",
    ".mcif": "cif",
    ".vasp": "poscar",
    ".poscar": "poscar",
    ".contcar": "poscar",
    ".xyz": "extxyz",
    ".extxyz": "extxyz",
    ".db": "ase",
    ".json": "json",
    ".parquet": "parquet",
}
READABLE = "CIF, POSCAR, extxyz, ASE db, pymatgen JSON and Parquet are read, and each of them as .gz"
_GZIP = b"\x1f\x8b"


def format_of(path: Path) -> str | None:
    """Return the format that a file's name tells, or None."""
    name = Path(path.name.lower().removesuffix(".gz"))
    if name.suffix in SUFFIXES:
        return SUFFIXES[name.suffix]
    named = name.name.startswith(("poscar", "contcar")) or name.name.endswith(("poscar", "contcar"))
    return "poscar" if named else None


def stem_of(path: Path) -> str:
    """Return the name for a crystal that has none: the file's stem, with the folder for a bare POSCAR."""
    name = path.name.removesuffix(".gz")
    if name.lower() in ("poscar", "contcar"):
        return "/".join([*path.parts[-2:-1], name]) if path.parent.name else name
    return Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name


def find_files(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files that ``paths`` name, each once.

    A folder gives every file below it whose name tells a format, a glob likewise, both in sorted order; a
    file named outright is always given.

    Raises:
        FileNotFoundError: a path does not exist, a glob matches nothing or a folder holds no crystal file.
    """
    files: dict[Path, Path] = {}
    for path in [paths] if isinstance(paths, str | Path) else paths:
        for file in _files(Path(path).expanduser()):
            files.setdefault(file.resolve(), file)
    return list(files.values())


def is_zipped(path: Path) -> bool:
    """Whether a file's content is gzipped, whatever its name says."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def read_bytes(path: Path) -> bytes:
    """Return a file's content, unzipped."""
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(_GZIP) else content


def read_text(path: Path) -> str:
    """Return a file's text, unzipped; UTF-8, else Latin-1 as in old CIFs, with plain line ends."""
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        if found := list(_below(path)):
            return found
        raise FileNotFoundError(f"no crystal files in the folder {path}; {READABLE}")
    if path.exists():
        return [path]
    if not glob.has_magic(str(path)):
        raise FileNotFoundError(f"no such file or folder: {path}; check the path")
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
    plain = [match for match in matches if match.is_file()]
    # A pattern such as data/* also meets read-me files; one that meets nothing else was meant so.
    known = [file for file in plain if format_of(file)]
    below = [file for match in matches if match.is_dir() for file in _below(match)]
    if found := known + below or plain:
        return found
    raise FileNotFoundError(f"no file matches {path}; check the pattern, {READABLE}")


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and format_of(Path(name)):
                yield Path(parent, name)
