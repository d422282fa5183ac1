"""Run what README and docs show, page by page, in an empty directory.

Lines of ``console`` blocks that begin with ``$`` go through a shell, ``python`` blocks through the
interpreter. A block under a comment ``<!-- not run: REASON -->`` is skipped, and only then.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ase.io import write

from tests.sample_crystals import sample_atoms, sample_table

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"(?P<comment><!-- not run: [^>]+-->\n)?```(?P<kind>console|python)\n(?P<body>.*?)```", re.S
)


def _blocks(page: Path) -> Iterator[tuple[str, str]]:
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if not match["comment"]:
            yield match["kind"], match["body"]


def _script(body: str) -> str:
    lines = body.replace("\\\n", " ").splitlines()
    return "\n".join(line.removeprefix("$ ") for line in lines if line.startswith("$ "))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page: Path, tmp_path: Path) -> None:
    place = tmp_path / "here"
    (place / "structures").mkdir(parents=True)
    for name, atoms in sample_atoms().items():
        write(place / "structures" / f"{name}.cif", atoms)
    write(place / "POSCAR", sample_atoms()["GaAs"], format="vasp")
    write(place / "mine.extxyz", list(sample_atoms().values()))
    sample_table().write_parquet(place / "mine.parquet")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for kind, body in _blocks(page):
        if kind == "python":
            command = [sys.executable, "-c", body]
        else:
            command = ["bash", "-euo", "pipefail", "-c", _script(body)]
        done = subprocess.run(
            command, cwd=place, env=os.environ | {"PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{body}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_command_has_a_page() -> None:
    from typer.main import get_command

    from discovery.cli.main import app as discover
    from xbert.cli import app as xbert

    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES[1:])
    for program, app in (("discover", discover), ("xbert", xbert)):
        for name in get_command(app).commands:  # type: ignore[attr-defined]
            assert f"{program} {name}" in text
