"""Imports point one way: discovery → {xbert, candidates}; the two do not know each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("xbert", "candidates", "dft_templates", "discovery")
MAY_IMPORT = {"xbert": {"xbert"}, "candidates": {"candidates"}, "dft_templates": {"dft_templates"}}
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def _imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_only_what_they_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    own = _imported(path) & set(ROOMS)
    assert own <= MAY_IMPORT.get(room, set(ROOMS))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pickle_is_loaded_or_written(path: Path) -> None:
    assert not _imported(path) & {"pickle", "dill", "cloudpickle", "shelve", "marshal"}
    text = path.read_text(encoding="utf-8")
    assert "torch.load(" not in text
    assert "allow_pickle=True" not in text
