"""Files that are whole or not there, however a run ends."""

import json
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write text, replacing the file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write plain data, replacing the file at once."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
