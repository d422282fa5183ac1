"""What stays of an attempt at Wannier functions after a better one was taken."""

from pathlib import Path

from discovery.verification.plan import FILE_NAME
from discovery.verification.results import ATTEMPTS, INPUTS, RESULT, WRITTEN, write_text, written_inputs

PRUNED = "pruned.txt"
"""Names the files that went; a directory that holds it cannot be read by its engine any more."""

LARGE = 1_000_000
"""Bytes; smaller files stay: results, inputs, what programs said."""

CHOSEN_LATER = ("*_hr.dat", "*_tb.dat", "*_wsvec.dat", "*.wout", "*.win")
"""Files that the step takes should this be the best attempt after all, as it may with fewer retries."""


def prune(directory: Path) -> None:
    """Delete the large files of an attempt, and say which.

    Overlaps and projections lie in the engine's directory and, as hard links, in Wannier90's: both are to be
    pruned. Inputs stay, and so do the folders of other attempts.

    Args:
        directory: of an engine's run or of Wannier90's.
    """
    kept = {RESULT, INPUTS, WRITTEN, FILE_NAME, *written_inputs(directory)}
    large = sorted(
        path
        for path in directory.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and path.stat().st_size > LARGE
        and path.name not in kept
        and not any(path.match(pattern) for pattern in CHOSEN_LATER)
        and not any(folder.match(ATTEMPTS) for folder in path.relative_to(directory).parents)
    )
    if not large:
        return
    names = "".join(f"{path.relative_to(directory)}\n" for path in large)
    note = directory / PRUNED
    before = note.read_text(encoding="utf-8") if note.is_file() else ""
    write_text(note, before + names)  # first, so that half of it is not taken for the whole
    for path in large:
        path.unlink()


def is_pruned(directory: Path) -> bool:
    """Return whether files of an attempt went."""
    return (directory / PRUNED).is_file()
