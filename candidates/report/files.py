"""Writing pages."""

import os
from pathlib import Path


def write_whole(target: Path, text: str) -> Path:
    """Write a file that appears whole or not at all, and return its path."""
    unfinished = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target
