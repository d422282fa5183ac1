import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from candidates.store import Store
from discovery.cli.main import app
from discovery.settings import get_settings
from tests.discovery.screening.sample_trusted import make_trusted

runner = CliRunner()


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys; from discovery.cli.main import app; "
        "print(sorted({'torch', 'numpy', 'pyarrow', 'sqlalchemy', 'pymatgen', 'ase'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_shows_examples() -> None:
    started = time.perf_counter()
    for command in ("screen", "predict"):
        shown = runner.invoke(app, [command, "--help"])
        assert shown.exit_code == 0
        assert f"discover {command}" in shown.output
    assert time.perf_counter() - started < 30


def test_screen_writes_everything_and_records_the_run(tmp_path: Path) -> None:
    result = runner.invoke(app, ["screen", "--db", "starter", "--undiagnosable", "-o", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        "candidates.parquet",
        "explanations.json",
        "run.json",
        "report",
    }
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    store = Store(get_settings().resolved_store_url)
    stored = store.candidates(record["id"])
    assert record["id"] in [run.id for run in store.runs()]
    assert len(stored) == record["funnel"][-1]["left"] > 0
    assert all(c.undiagnosable for c in stored)
    assert any(
        {"Ag", "Hg", "Sn", "Se"} == {k.removeprefix("element:") for k in c.tokens if k.startswith("element:")}
        for c in stored
    )
    page = (tmp_path / "run" / "report" / "index.html").read_text(encoding="utf-8")
    assert stored[0].id in page


@pytest.mark.parametrize("name", ["topoB", "topoA", "mp"])
def test_a_database_that_is_not_here_says_so_and_how_to_get_it(name: str, tmp_path: Path) -> None:
    result = runner.invoke(app, ["screen", "--db", name, "-o", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert f"discover data fetch {name}" in result.output
    assert "--db starter" in result.output
    assert not (tmp_path / "run" / "candidates.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--db", "nonsense"], "nonsense"),
        (["--model", "nonsense"], "benchmark, discovery"),
        (["--with-elements", "Xx"], "Xx"),
    ],
)
def test_wrong_arguments_are_refused_plainly(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = runner.invoke(app, ["screen", "-o", str(tmp_path / "run"), *arguments])
    assert result.exit_code in (1, 2)
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_screen_by_a_model_that_knows_when_to_be_believed(tmp_path: Path) -> None:
    model = str(make_trusted(tmp_path / "model"))
    arguments = ["--db", "starter", "--model", model, "--keep-known", "--workers", "1", "--max-metal", "0.3"]
    result = runner.invoke(app, ["screen", *arguments, "-o", str(tmp_path / "run")], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    assert "predicted metal" in result.output
    assert "~" in result.output, "gaps that were predicted are marked"
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["options"]["error_rate"], record["options"]["max_metal"]) == (0.05, 0.3)
    stored = Store(get_settings().resolved_store_url).candidates(record["id"])
    assert {c.error_rate for c in stored} == {0.05}
    assert {c.call for c in stored} <= {"topological", "trivial", "abstain"}
    assert any(c.covered for c in stored)
    blind = [c for c in stored if c.undiagnosable]
    assert blind
    assert not any(c.covered for c in blind)
    assert all("no symmetry eigenvalue" in c.doubts[-1] for c in blind if c.n_electrons % 2 == 0)
    assert all(c.predicted_gap is not None and c.p_metal is not None for c in stored)
    page = (tmp_path / "run" / "report" / "candidates" / f"{blind[0].id}.html").read_text()
    assert "may not hold" in page
    import candidates

    table = candidates.load(tmp_path / "run")
    assert candidates.record(table.iloc[0]) == stored[0]


def test_metals_cannot_be_filtered_by_a_model_that_predicts_none(tmp_path: Path) -> None:
    model = str(make_trusted(tmp_path / "model", heads=False))
    run = ["screen", "--model", model, "--max-metal", "0.9", "-o", str(tmp_path / "run")]
    refused = runner.invoke(app, run)
    assert refused.exit_code == 2
    assert "--max-metal" in refused.output
    assert "Traceback" not in refused.output
