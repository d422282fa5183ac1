"""Models by name, from the package and from the user's directory, and ``xbert models``."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tests.sample_crystals import features_in_standard_cells, sample_table
from tests.sample_models import CONFIG, make_model
from xbert.checkpoint import (
    DESCRIPTION,
    SHIPPED,
    WEIGHTS,
    CheckpointError,
    locate,
    read_description,
    save_model,
    write_description,
)
from xbert.cli import app
from xbert.model import XBERT
from xbert.models import directory_of, find, kind_of, look_at, names, own_directory
from xbert.own_models import add
from xbert.predict import Predictor


def run(*arguments: object):
    return CliRunner().invoke(app, ["models", *map(str, arguments)], env={"COLUMNS": "100"})


def test_shipped_models_come_first_and_own_ones_after(tmp_path: Path) -> None:
    assert names()[:2] == ["benchmark", "discovery"]
    assert own_directory() == tmp_path / "data" / "models"
    assert not own_directory().exists()
    add("zeta", make_model(tmp_path / "run"))
    add("alpha.2", tmp_path / "run")
    (own_directory() / "notes").mkdir()
    assert names() == ["benchmark", "discovery", "alpha.2", "zeta"]
    assert directory_of("zeta") == own_directory() / "zeta"
    assert directory_of("discovery") == SHIPPED / "discovery"


def test_settings_and_model_agree_where_own_models_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from discovery.settings import Settings

    assert Settings().resolved_model_dir == own_directory()
    monkeypatch.delenv("DISCOVER_DATA_DIR")
    assert Settings().resolved_model_dir == own_directory()
    monkeypatch.setenv("DISCOVER_MODEL_DIR", str(tmp_path / "here"))
    assert Settings().resolved_model_dir == own_directory() == tmp_path / "here"


def test_a_model_added_by_name_predicts_the_same_to_the_last_bit(tmp_path: Path) -> None:
    place = add("mine", make_model(tmp_path / "run"))
    features = features_in_standard_cells(sample_table())
    from_path, by_name = Predictor(tmp_path / "run"), Predictor("mine")
    assert by_name.directory == place == locate("mine")
    assert by_name.sha256 == from_path.sha256 == look_at("mine").sha256
    first, second = from_path(features), by_name(features)
    np.testing.assert_array_equal(first.by_kind, second.by_kind)
    np.testing.assert_array_equal(first.uncertainty, second.uncertainty)
    # What is loaded and saved again is the same model.
    save_model(tmp_path / "again", by_name.members, by_name.description)
    third = Predictor(tmp_path / "again")
    assert third.sha256 == by_name.sha256
    np.testing.assert_array_equal(third(features).by_kind, first.by_kind)


@pytest.mark.parametrize(
    ("name", "message"),
    [("discovery", "shipped"), ("../out", "no name"), ("", "no name"), (".hidden", "no name")],
)
def test_names_that_will_not_do(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        add(name, make_model(tmp_path / "run"))
    assert not own_directory().exists()


def test_a_name_is_given_once(tmp_path: Path) -> None:
    add("mine", make_model(tmp_path / "run"))
    before = look_at("mine").sha256
    with pytest.raises(CheckpointError, match=r"already; remove .*mine"):
        add("mine", make_model(tmp_path / "other", seed=1))
    assert look_at("mine").sha256 == before


def test_only_what_belongs_to_a_model_is_copied(tmp_path: Path) -> None:
    model = make_model(tmp_path / "run")
    (model / "cache").mkdir()
    (model / "cache" / "big").write_text("x")
    (model / "member.ckpt").write_text("x")
    assert {path.name for path in add("mine", model).iterdir()} == {WEIGHTS, DESCRIPTION, "README.md"}
    assert {path.name for path in own_directory().iterdir()} == {"mine"}


def test_a_broken_model_is_not_added_and_leaves_nothing(tmp_path: Path) -> None:
    model = make_model(tmp_path / "run")
    (model / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:-40])
    with pytest.raises(CheckpointError):
        add("mine", model)
    with pytest.raises(CheckpointError, match="no model"):
        add("mine", tmp_path)
    assert not own_directory().exists() or not any(own_directory().iterdir())


def test_pickles_are_refused_by_name(tmp_path: Path) -> None:
    model = make_model(tmp_path / "run")
    torch.save({"weight": torch.zeros(1)}, model / "model.pt")
    with pytest.raises(CheckpointError, match="pickles"):
        locate(model / "model.pt")
    assert locate(model / WEIGHTS) == locate(model / DESCRIPTION) == model


def test_a_model_is_found_again_by_its_hash(tmp_path: Path) -> None:
    model = make_model(tmp_path / "run")
    sha256 = look_at(model).sha256
    assert find("mine", sha256) is None
    place = add("mine", model)
    assert find("mine", sha256) == place
    assert find("renamed", sha256) == place
    assert find("mine", "0" * 64) is None


def test_trunks_and_property_models_have_names_too(tmp_path: Path) -> None:
    from xbert.trunk import TrunkDescription, save_trunk

    trunk = tmp_path / "trunk"
    save_trunk(trunk, XBERT(CONFIG), TrunkDescription(CONFIG.to_json(), {}, {}))
    assert kind_of(trunk) == "trunk"
    add("base", trunk)
    assert look_at("base").kind == "trunk"
    with pytest.raises(CheckpointError, match="pretrained trunk"):
        locate("base")
    folds = own_directory() / "gap"
    for k in range(2):
        (folds / f"fold-{k}").mkdir(parents=True)
        (folds / f"fold-{k}" / DESCRIPTION).write_text(json.dumps({"task": {"title": "Gap"}}))
    assert kind_of(folds) == "property"
    assert look_at("gap").folds == 2
    assert look_at("gap").problem
    with pytest.raises(CheckpointError, match="xbert predict"):
        locate("gap")


def test_the_list_and_the_card_on_the_terminal(tmp_path: Path) -> None:
    done = run("mine", "--add", make_model(tmp_path / "run"))
    assert done.exit_code == 0, done.output
    listed = run()
    assert listed.exit_code == 0
    for word in ("discovery", "benchmark", "mine", "Is it?", look_at("mine").sha256[:12]):
        assert word in listed.stdout
    facts = json.loads(run("--json").stdout)
    assert [one["name"] for one in facts] == ["benchmark", "discovery", "mine"]
    assert [one["shipped"] for one in facts] == [True, True, False]
    card = run("mine")
    assert card.exit_code == 0
    for word in ("Is it? A toy.", "Limits", "Commands", look_at("mine").sha256, str(own_directory())):
        assert word in card.stdout.replace("\n", "") or word in card.stdout, word
    assert json.loads(run("mine", "--json").stdout)["description"]["members"] == 2


def test_the_shipped_card_has_its_calibration(tmp_path: Path) -> None:
    done = run("discovery")
    assert done.exit_code == 0
    shown = done.stdout
    assert "observed ━  predicted ┃" in shown
    assert "calibration error" in shown


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--add", "."], ["discovery", "--add", str(SHIPPED / "discovery")]]
)
def test_refusals_have_a_message_and_an_exit_code(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.exit_code in (1, 2)
    assert done.stderr.strip()
    assert "Traceback" not in done.output


def test_a_model_that_cannot_be_loaded_is_listed_with_the_reason(tmp_path: Path) -> None:
    place = add("mine", make_model(tmp_path / "run"))
    weights = (place / WEIGHTS).read_bytes()
    (place / WEIGHTS).write_bytes(weights[:200])
    assert "cannot be loaded" in run().stdout
    done = run("mine")
    assert done.exit_code == 1
    assert WEIGHTS in done.stderr


def test_what_a_model_says_of_itself_steers_no_terminal_and_breaks_no_list(tmp_path: Path) -> None:
    model = make_model(tmp_path / "odd")
    odd = replace(read_description(model), purpose="Is it\x1b[31m red\x07? [bold]No[/bold].")
    write_description(model, odd)
    shown = run(model).stdout
    assert "\x1b[31m" not in shown
    assert "\x07" not in shown
    assert "[bold]No[/bold]" in shown
    write_description(model, replace(odd, metrics={"Held-out formulas": {"majority": {"roc_auc": "high"}}}))
    add("odd", model)
    assert run().exit_code == 0
    done = run("odd")
    assert done.exit_code == 1
    assert "not in order" in done.stderr


@pytest.mark.parametrize(
    "change",
    [
        {"members": "two"},
        {"temperature": [1.0]},
        {"sources": "tqc"},
        {"config": []},
        {"metrics": 3},
        {"members": 0},
    ],
)
def test_descriptions_of_the_wrong_types_are_refused(tmp_path: Path, change: dict) -> None:
    model = make_model(tmp_path / "odd")
    text = json.loads((model / DESCRIPTION).read_text()) | change
    (model / DESCRIPTION).write_text(json.dumps(text))
    with pytest.raises(CheckpointError, match="does not describe a model"):
        read_description(model)
    assert look_at(model).problem
    assert run(model).exit_code == 1
    for content in ("[]", "null", "{", "\x00"):
        (model / DESCRIPTION).write_text(content)
        with pytest.raises(CheckpointError, match="does not describe a model"):
            read_description(model)
