import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from tests.sample_crystals import features_in_standard_cells, sample_crystals, sample_table
from xbert.cli import app
from xbert.crystals import Crystal, CrystalTable
from xbert.explain import (
    by_group,
    direction,
    occlude,
    rank_correlation,
    space_group_value,
    token_values,
    told_tokens,
    weight_mass,
)
from xbert.features import Features, collate
from xbert.model import TOKENS, XBERT, XBERTConfig

CONFIG = {"width": 16, "layers": 1, "heads": 1, "feed_forward": 16, "graph_width": 8, "graph_layers": 1}


@pytest.fixture(scope="module")
def features() -> Features:
    return features_in_standard_cells(sample_table())


@pytest.fixture(scope="module")
def model() -> XBERT:
    torch.manual_seed(0)
    return XBERT(XBERTConfig(outputs={"y": 3}, **CONFIG)).eval()


def test_the_answer_is_the_sum_over_tokens(model: XBERT, features: Features) -> None:
    along = direction(model, "y", [1, 2], [0])
    values, sizes = token_values(model, along, features)
    with torch.inference_mode():
        outputs = model(collate(features, np.arange(8)))["y"].numpy()
    expected = outputs[:, 1:].mean(1) - outputs[:, 0]
    np.testing.assert_allclose(values.sum(1) + along.bias, expected, atol=1e-5)
    assert (sizes >= np.abs(values) - 1e-6).all()


def test_space_group_value_is_that_of_its_five_words() -> None:
    values = np.arange(16.0).reshape(2, 8)
    assert space_group_value(values, TOKENS).tolist() == [0 + 1 + 2 + 3 + 4, 8 + 9 + 10 + 11 + 12]
    with pytest.raises(ValueError, match="without space-group tokens"):
        space_group_value(values[:, 5:], TOKENS[5:])


def test_a_model_that_reads_the_group_is_found_out(features: Features) -> None:
    # Only the weights of the space-group symbol are not zero: all mass is there, the graph has none.
    torch.manual_seed(0)
    model = XBERT(XBERTConfig(outputs={"y": 1}, **CONFIG)).eval()
    with torch.no_grad():
        model.heads["y"].weight[:, 16:] = 0.0
    along = direction(model, "y", [0])
    _, sizes = token_values(model, along, features)
    mass = weight_mass(along, sizes, TOKENS)
    assert mass["symbol"] == {"weight": 1.0, "passed": 1.0}
    assert mass["graph"] == {"weight": 0.0, "passed": 0.0}


def test_small_groups_are_left_out_and_correlation_is_by_rank() -> None:
    spacegroup = np.repeat([225, 62, 14, 2], [30, 25, 40, 19])
    values = np.repeat([3.0, 2.0, 1.0, 9.0], [30, 25, 40, 19])
    target = np.concatenate([np.ones(30), np.zeros(15), np.ones(10), np.zeros(40), np.ones(19)])
    groups = by_group(values, spacegroup, target)
    assert [(g.number, g.crystals, g.value) for g in groups] == [(14, 40, 1.0), (62, 25, 2.0), (225, 30, 3.0)]
    assert [g.target for g in groups] == [0.0, 0.4, 1.0]
    assert rank_correlation(groups) == pytest.approx(1.0)
    assert rank_correlation(groups[:2]) is None


def test_tokens_that_are_not_told_are_not_blotted_out(features: Features) -> None:
    config = XBERTConfig(outputs={"y": 1}, known_words=(False, False, True, True, False), **CONFIG)
    assert told_tokens(XBERT(config)) == [2, 3, 5, 6, 7]
    config = XBERTConfig(outputs={"y": 1}, ablated=("elements",), **CONFIG)
    assert told_tokens(XBERT(config)) == list(range(7))


def test_a_crystal_that_is_its_own_reference_loses_nothing(model: XBERT, features: Features) -> None:
    def answer(vectors: torch.Tensor) -> np.ndarray:
        return model.heads["y"](vectors)[:, 0].numpy()

    one = features.take(np.array([3]))
    whole, without = occlude(model, answer, one, one)
    np.testing.assert_allclose(without, np.broadcast_to(whole, without.shape), atol=1e-5)
    whole, without = occlude(model, answer, features, features)
    assert np.abs(whole - without).max() > 1e-3
    with pytest.raises(ValueError, match="reference"):
        occlude(model, answer, one, features.take(np.array([], dtype=np.int64)))


def test_a_head_that_is_not_there_is_refused(model: XBERT) -> None:
    with pytest.raises(ValueError, match="no linear head 'gap': there are y"):
        direction(model, "gap", [0])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sixty strained samples, and a task over them."""
    rng = np.random.default_rng(0)
    crystals = [
        Crystal(f"c{i}", base.lattice * rng.uniform(0.97, 1.05), base.numbers, base.frac_coords)
        for i, base in enumerate(sample_crystals()[i % 2] for i in range(60))
    ]
    place = tmp_path / "data"
    place.mkdir()
    CrystalTable.from_crystals(crystals).write_parquet(place / "structures.parquet")
    words = ["metal" if i % 2 else "insulator" for i in range(60)]
    pq.write_table(pa.table({"id": [c.id for c in crystals], "kind": words}), place / "kinds.parquet")
    labels = {"mp_id": [c.id for c in crystals]}
    labels |= {"materiae_soc": ["TI" if i % 2 else "Triv_Ins" for i in range(60)]}
    labels |= {name: [None] * 60 for name in ("tqc_class", "arsenal")}
    schema = pa.schema([(name, pa.string()) for name in labels])
    pq.write_table(pa.table(labels, schema=schema), place / "labels.parquet")
    (place / "task.yaml").write_text(
        "title: Metal or not\nkind: classification\nsource: made up\n"
        "structures: {file: structures.parquet}\n"
        "target: {file: kinds.parquet, id: id, column: kind, classes: [insulator, metal]}\n"
        "protocol: {by: random, folds: 3}\ntraining: {epochs: 2}\n"
    )
    return place


def _check(directory: Path, groups: int) -> dict:
    found = json.loads((directory / "explain.json").read_text())
    assert found["crystals"] == 60
    assert sum(part["weight"] for part in found["weight_mass"].values()) == pytest.approx(1.0)
    assert len(found["groups"]) == groups
    for name in ("groups.png", "table.png", "tokens.png"):
        assert (directory / name).read_bytes().startswith(b"\x89PNG")
    with (directory / "attributions.csv").open() as file:
        rows = list(csv.reader(file))
    assert len(rows) == 1 + 20
    return found


def test_explain_a_model_of_a_task(data: Path, tmp_path: Path) -> None:
    runner, fast = CliRunner(), ["--workers", "1", "--device", "cpu"]
    train = ["finetune", "--task", str(data / "task.yaml"), "--data", str(data), "--only-fold", "0"]
    train += ["--layers", "1", "--heads", "1", "--width", "16", "-o", str(tmp_path / "m"), *fast]
    trained = runner.invoke(app, train, catch_exceptions=False)
    assert trained.exit_code == 0, trained.output
    (model,) = (path.parent for path in (tmp_path / "m").rglob("model.json"))
    args = ["explain", "--model", str(model), "--data", str(data), "-o", str(tmp_path / "out"), *fast]
    args += ["--sample", "20"]
    result = runner.invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = _check(tmp_path / "out", groups=2)
    assert (found["layers"], found["heads"]) == (1, 1)
    assert {group["target"] for group in found["groups"]} == {0.0, 1.0}


def test_explain_a_topology_model(data: Path, tmp_path: Path) -> None:
    files = ["--structures", str(data / "structures.parquet"), "--labels", str(data / "labels.parquet")]
    args = ["explain", "--model", "benchmark", *files, "-o", str(tmp_path / "out"), "--sample", "20"]
    args += ["--workers", "1"]
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    _check(tmp_path / "out", groups=2)


def test_explain_without_crystals_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["explain", "--model", "benchmark", "-o", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "--structures and --labels" in " ".join(result.stderr.split())
