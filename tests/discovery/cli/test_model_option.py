"""``--model``: one option, in every command that predicts, with a name or a directory."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from discovery.cli.main import app as discover
from tests.sample_crystals import sample_table
from tests.sample_models import make_model
from xbert.cli import app as xbert
from xbert.cli_models import HELP
from xbert.own_models import add

runner = CliRunner()


@pytest.mark.parametrize(
    ("app", "name"),
    [
        *((discover, name) for name in ("predict", "screen", "report")),
        *((xbert, name) for name in ("embed", "explain", "evaluate", "predict")),
    ],
)
def test_it_is_the_same_in_every_command_that_predicts(app: object, name: str) -> None:
    command = get_command(app).commands[name]  # type: ignore[arg-type, attr-defined]
    (option,) = (parameter for parameter in command.params if "--model" in parameter.opts)
    assert option.help.endswith(HELP)


def test_a_name_and_a_directory_give_the_same_scores_to_the_last_bit(tmp_path: Path) -> None:
    sample_table().write_parquet(tmp_path / "crystals.parquet")
    model = make_model(tmp_path / "run")
    add("mine", model)
    tables = []
    for n, given in enumerate((str(model), "mine", str(model / "model.safetensors"))):
        out = tmp_path / f"{n}.parquet"
        arguments = [str(tmp_path / "crystals.parquet"), "--model", given, "-o", str(out), "--workers", "1"]
        done = runner.invoke(discover, ["predict", *arguments])
        assert done.exit_code == 0, done.output
        tables.append(pq.read_table(out))
    assert tables[0].num_rows == 8
    assert tables[0].column("p_topological").null_count == 0
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_a_screen_by_a_model_of_ones_own_shows_its_card(tmp_path: Path) -> None:
    sample_table().write_parquet(tmp_path / "crystals.parquet")
    model, run = make_model(tmp_path / "models" / "mine"), tmp_path / "run"
    arguments = ["--db", str(tmp_path / "crystals.parquet"), "--model", str(model), "-o", str(run)]
    done = runner.invoke(discover, ["screen", *arguments, "--keep-known", "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert "ranked by the mine model" in done.output
    assert "Is it? A toy." in (run / "report" / "index.html").read_text(encoding="utf-8")
    refused = runner.invoke(discover, ["screen", "--model", "nonsense", "-o", str(run)])
    assert refused.exit_code == 2
    assert "benchmark, discovery" in refused.output
