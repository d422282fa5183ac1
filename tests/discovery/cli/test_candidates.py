"""``discover runs | candidates | show``: what they print, what they refuse and how they end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from candidates.records import Candidate
from candidates.store import SORT_KEYS, Store
from discovery.cli import candidates as commands
from tests.sample_records import RUN_ID, make_candidate, make_run

app = typer.Typer()
app.command()(commands.runs)
app.command()(commands.candidates)
app.command()(commands.show)
runner = CliRunner()


@pytest.fixture
def store() -> Store:
    """A store with two runs: the newest has three candidates, the older one."""
    store = Store(os.environ["DISCOVER_STORE_URL"])
    older = make_run("0ld", created="2024-01-01T00:00:00Z", database="starter")
    store.add_run(older, [make_candidate(1, run_id="0ld", formula="Bi2Se3")])
    store.add_run(
        make_run(),
        [
            make_candidate(1, formula="HgTe", p_topological=0.9, band_gap=0.3),
            make_candidate(2, formula="CdO", p_topological=0.8, band_gap=0.1, known=[]),
            make_candidate(3, formula="AgBr", p_topological=0.7, band_gap=None, p_benchmark=None),
        ],
    )
    return store


def ranks(output: str) -> list[int]:
    return [json.loads(line)["rank"] for line in output.splitlines()]


@pytest.mark.usefixtures("store")
def test_runs() -> None:
    result = runner.invoke(app, ["runs"])
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if "topoA" in line or "starter" in line]
    assert lines[0].split() == [RUN_ID, "2025-06-01", "09:30", "topoA", "discovery", "991", "3", "run"]
    assert lines[1].split()[0] == "0ld"
    listed = json.loads(runner.invoke(app, ["runs", "--json"]).stdout)
    assert [run["id"] for run in listed] == [RUN_ID, "0ld"]
    assert listed[0]["funnel"][0]["removed"] == 900


def test_an_empty_store_is_no_error_to_list_but_has_no_candidates(tmp_path: Path) -> None:
    result = runner.invoke(app, ["runs"])
    assert result.exit_code == 0
    assert "discover screen --db starter" in result.stderr
    result = runner.invoke(app, ["candidates"])
    assert result.exit_code == 1
    assert "discover screen --db starter" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("store")
def test_candidates_of_the_newest_run() -> None:
    result = runner.invoke(app, ["candidates"])
    assert result.exit_code == 0
    assert "HgTe" in result.stdout
    assert "Bi₂Se₃" not in result.stdout
    assert "Pmn2₁ (31)" in result.stdout
    assert f"3 of 3 candidates of run {RUN_ID}" in result.stderr
    result = runner.invoke(app, ["candidates", "--run", "0l"])
    assert "Bi₂Se₃" in result.stdout
    result = runner.invoke(app, ["candidates", "--run", "all", "--limit", "2"])
    assert "2 of 4 candidates of all runs" in result.stderr


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("sort", "expected"), [("rank", [1, 2, 3]), ("gap", [2, 1, 3]), ("formula", [3, 2, 1])]
)
def test_sorting(sort: str, expected: list[int]) -> None:
    result = runner.invoke(app, ["candidates", "--sort", sort, "--format", "jsonl"])
    assert ranks(result.stdout) == expected


def test_sort_keys_are_those_of_the_store() -> None:
    assert [key.value for key in commands.Sort] == list(SORT_KEYS)


@pytest.mark.usefixtures("store")
def test_limit_zero_is_all() -> None:
    assert ranks(runner.invoke(app, ["candidates", "--limit", "2", "--format", "jsonl"]).stdout) == [1, 2]
    assert ranks(runner.invoke(app, ["candidates", "--limit", "0", "--format", "jsonl"]).stdout) == [1, 2, 3]


@pytest.mark.usefixtures("store")
def test_output_follows_the_name_of_the_file(tmp_path: Path) -> None:
    for name, start in [("a.csv", "id,run_id"), ("a.JSON", "["), ("a.jsonl", '{"id"'), ("a.txt", "")]:
        result = runner.invoke(app, ["candidates", "-o", str(tmp_path / name)])
        assert result.exit_code == 0
        assert result.stdout == ""
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.startswith(start)
        assert "HgTe" in text
    runner.invoke(app, ["candidates", "--format", "json", "-o", str(tmp_path / "b.csv")])
    assert len(json.loads((tmp_path / "b.csv").read_text(encoding="utf-8"))) == 3


@pytest.mark.usefixtures("store")
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for name in ("a.csv", "a.txt"):
        result = runner.invoke(app, ["candidates", "-o", str(tmp_path / "nowhere" / name)])
        assert result.exit_code == 1
        assert "nowhere" in result.stderr


def test_show(store: Store) -> None:
    candidate = store.candidates(RUN_ID)[0]
    result = runner.invoke(app, ["show", candidate.id[:8]])
    assert result.exit_code == 0
    for told in (
        "HgTe", "rank 1", candidate.id, "Pmn2₁", "720 = 00001011010000", "Se 0.500, Ag 0.250", "Sn–Se 2.58 Å",
        "0.900 ± 0.060", "Materiae", "Triv_Ins", "Literature: strong TI", "8.420, 7.320, 6.990 Å",
        "the tolerances give different space groups", "same prototype as Cu2ZnSnSe4",
        "indicator group is trivial",
    ):  # fmt: skip
        assert told in result.stdout
    shown = runner.invoke(app, ["show", candidate.id, "--json"]).stdout
    assert Candidate.model_validate_json(shown) == candidate


def test_markup_and_terminal_codes_are_shown_as_text(store: Store) -> None:
    odd = make_candidate(1, run_id="odd", formula="[red]X[/red]", notes=["\x1b[31mred\x1b[0m [bold]b[/bold]"])
    store.add_run(make_run("odd", created="2026-01-01T00:00:00Z", directory="[/]"), [odd])
    for command in (["runs"], ["candidates"], ["show", odd.id]):
        result = runner.invoke(app, command)
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout
    assert "[red]X[/red]" in result.stdout
    assert "␛[31mred␛[0m [bold]b[/bold]" in result.stdout


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["show", "zzz"], 1, "`discover candidates` lists the ids"),
        (["show", ""], 1, "`discover candidates` lists the ids"),
        (["candidates", "--run", "zzz"], 1, "`discover runs` lists the ids"),
        (["candidates", "--sort", "colour"], 2, "colour"),
        (["candidates", "--limit", "-1"], 2, "limit"),
        (["candidates", "--format", "xlsx"], 2, "xlsx"),
        (["show"], 2, "argument"),
    ],
)
def test_what_cannot_be_done(arguments: list[str], code: int, told: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == code
    assert told in result.stderr


def test_a_store_that_cannot_be_used_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    from discovery.settings import get_settings

    monkeypatch.setenv("DISCOVER_STORE_URL", "nonsense")
    get_settings.cache_clear()
    result = runner.invoke(app, ["runs"])
    assert result.exit_code == 1
    assert "Set DISCOVER_STORE_URL" in result.stderr


@pytest.mark.parametrize("module", ["candidates", "report"])
def test_importing_the_commands_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, discovery.cli.{module}; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"sqlalchemy", "pydantic", "jinja2", "torch", "pymatgen", "ase", "numpy"} & set(loaded)
