import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from tests.sample_crystals import features_in_standard_cells, sample_crystals, sample_table
from xbert.checkpoint import CheckpointError
from xbert.cli import app
from xbert.crystals import Crystal, CrystalTable
from xbert.features import collate
from xbert.model import XBERT, XBERTConfig
from xbert.training.corpus import Corpus, read_corpus
from xbert.training.pretrain import MEAN_DISTANCE, Pretraining, pretraining_loss, scale_factor
from xbert.training.targets import LATTICE, PROPERTIES, pretraining_targets, read_properties
from xbert.trunk import load_trunk, read_trunk

TINY = {"width": 16, "layers": 1, "heads": 2, "feed_forward": 16, "graph_width": 8, "graph_layers": 1}


def crystals(n: int) -> list[Crystal]:
    """Strained copies of the samples with other elements."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(n):
        base = sample_crystals()[i % 8]
        numbers = np.clip(base.numbers.astype(int) + i // 8, 1, 100).astype(np.uint8)
        made.append(Crystal(f"c{i}", base.lattice * rng.uniform(0.97, 1.05), numbers, base.frac_coords))
    return made


@pytest.fixture
def structures(tmp_path: Path) -> Path:
    CrystalTable.from_crystals(crystals(60)).write_parquet(tmp_path / "structures.parquet")
    return tmp_path / "structures.parquet"


@pytest.fixture
def properties(tmp_path: Path) -> Path:
    ids = [f"c{i}" for i in range(50)]
    table = {
        "id": ids,
        "megnet_split": ["test" if i == 1 else "train" for i in range(50)],
        "mp20_split": ["val" if i == 2 else None for i in range(50)],
        "mpts52_split": pa.nulls(50, pa.string()),
        "megnet_band_gap": [None if i == 3 else float(i % 3) for i in range(50)],
        "roost_nonmetal_band_gap": [0.5 if i == 3 else None for i in range(50)],
        "megnet_formation_energy_per_atom": [-0.1 * i for i in range(50)],
        "mp20_band_gap": [2.5 if i in (2, 4) else None for i in range(50)],
        "mp20_formation_energy_per_atom": pa.nulls(50, pa.float64()),
    }
    pq.write_table(pa.table(table), tmp_path / "properties.parquet")
    return tmp_path / "properties.parquet"


def _corpus(structures: Path, tmp_path: Path) -> Corpus:
    return read_corpus(structures, tmp_path / "cache")


def _pretrain(structures: Path, output: Path, *more: str):
    tiny = ["--width", "16", "--layers", "1", "--heads", "2", "--graph-width", "8", "--graph-layers", "1"]
    fast = ["--epochs", "2", "--workers", "1", "--batch-size", "16", "--device", "cpu"]
    args = ["pretrain", "--structures", str(structures), "-o", str(output), *tiny, *fast, *more]
    return CliRunner().invoke(app, args, catch_exceptions=False)


def test_the_encoder_is_not_told_the_scale() -> None:
    # The same crystals blown up by different factors give the same outputs once scaled, and others unscaled.
    torch.manual_seed(0)
    model = Pretraining(XBERTConfig(outputs={LATTICE: 6}, **TINY)).eval()
    small = collate(features_in_standard_cells(sample_table()), np.arange(8))
    large = small.stretched(torch.linspace(0.7, 1.6, 8))
    one, other = (model(batch, scaled=True)[LATTICE] for batch in (small, large))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    one, other = (model(batch, scaled=False)[LATTICE] for batch in (small, large))
    assert (one - other).abs().max() > 1e-3


def test_scaled_crystals_have_one_mean_distance() -> None:
    batch = collate(features_in_standard_cells(sample_table()), np.arange(8))
    scaled = batch.stretched(scale_factor(batch))
    for i in range(8):
        assert float(scaled.distances[batch.crystal == i].mean()) == pytest.approx(MEAN_DISTANCE, rel=1e-5)
    factor = scale_factor(batch)
    torch.testing.assert_close(scaled.volume_per_atom, batch.volume_per_atom * factor**3)


def test_lattice_counts_only_where_the_scale_was_taken(structures: Path, tmp_path: Path) -> None:
    corpus = _corpus(structures, tmp_path)
    targets = pretraining_targets(corpus, np.ones(60, dtype=bool))
    rows = np.arange(4)
    outputs = {LATTICE: torch.zeros(4, 6), "scaled": torch.tensor([1.0, 0.0, 1.0, 0.0])}
    value = pretraining_loss(targets)(outputs, rows)
    outputs[LATTICE][1] = 50.0  # not scaled: of no consequence
    assert pretraining_loss(targets)(outputs, rows) == value
    outputs[LATTICE][0] = 50.0
    assert pretraining_loss(targets)(outputs, rows) > value


def test_targets_are_the_lattice_of_the_conventional_cell(structures: Path, tmp_path: Path) -> None:
    corpus = _corpus(structures, tmp_path)
    targets = pretraining_targets(corpus, np.ones(60, dtype=bool))
    restored = targets.undo(LATTICE, targets.values[LATTICE])
    np.testing.assert_allclose(np.exp(restored[:, :3]), corpus.lattice[:, :3], rtol=1e-5)
    np.testing.assert_allclose(restored[:, 3:], corpus.lattice[:, 3:], atol=1e-3)
    silicon = corpus.lattice[corpus.ids.index("c0")]
    assert 5.431 * 0.97 < silicon[0] < 5.431 * 1.05
    np.testing.assert_allclose(silicon[3:], 90.0, atol=1e-3)


def test_properties_of_test_parts_and_of_labelled_formulas_are_hidden(
    structures: Path, properties: Path, tmp_path: Path
) -> None:
    corpus = _corpus(structures, tmp_path)
    known = read_properties(properties, corpus.ids)
    at = {name: corpus.ids.index(name) for name in ("c0", "c1", "c2", "c3", "c4", "c55")}
    for name in PROPERTIES:
        assert np.isnan(known[name][[at["c1"], at["c2"], at["c55"]]]).all()
    assert known["gap"][at["c3"]] == pytest.approx(np.log1p(0.5))
    assert np.isnan(known["is_metal"][at["c3"]])
    assert known["is_metal"][at["c0"]] == 1.0
    assert known["is_metal"][at["c4"]] == 0.0
    assert known["gap"][at["c4"]] == pytest.approx(np.log1p(1.0))  # MEGNet's, where MP-20 has another
    one = read_properties(properties, corpus.ids, ("megnet",))
    assert np.isnan(one["gap"][at["c1"]])
    assert one["gap"][at["c2"]] == pytest.approx(np.log1p(2.0))
    pq.write_table(pa.table({"mp_id": ["c4"], "reduced_formula": ["none"]}), tmp_path / "labels.parquet")
    targets = pretraining_targets(
        corpus, np.ones(60, dtype=bool), properties, tmp_path / "labels.parquet"
    ).values
    hidden = np.array([key == corpus.keys[at["c4"]] for key in corpus.keys])
    assert hidden.sum() >= 1
    assert np.isnan(targets["gap"][hidden]).all()
    assert not np.isnan(targets["gap"][at["c0"]]).any()
    assert not np.isnan(targets[LATTICE]).any()


def test_parts_of_a_killed_run_are_not_computed_again(
    structures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import xbert.training.corpus as module

    monkeypatch.setattr(module, "PART", 20)
    done: list[int] = []

    def stop(count: int, _total: int) -> None:
        done.append(count)
        if count == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_corpus(structures, tmp_path / "cache", on_progress=stop)
    again: list[int] = []
    resumed = read_corpus(structures, tmp_path / "cache", on_progress=lambda count, _: again.append(count))
    assert again == [40, 60]
    assert resumed.ids == [f"c{i}" for i in range(60)]
    whole = read_corpus(structures, tmp_path / "other")
    np.testing.assert_array_equal(resumed.features.distances, whole.features.distances)
    np.testing.assert_array_equal(resumed.lattice, whole.lattice)


def test_half_precision_of_distances_is_far_below_the_step_of_the_gaussians(
    structures: Path, tmp_path
) -> None:
    corpus = _corpus(structures, tmp_path)
    exact = features_in_standard_cells(CrystalTable.read_parquet(structures))
    assert np.abs(corpus.features.distances - exact.distances).max() < 0.2 / 50


def test_a_trunk_starts_another_model(structures: Path, properties: Path, tmp_path: Path) -> None:
    result = _pretrain(structures, tmp_path / "trunk", "--properties", str(properties))
    assert result.exit_code == 0, result.output
    trunk, description = read_trunk(tmp_path / "trunk")
    assert set(trunk.heads) == {LATTICE, *PROPERTIES}
    assert description.training["crystals"] == 60
    assert description.scores["n"] >= 1
    assert "cell lengths" in (tmp_path / "trunk" / "README.md").read_text()
    torch.manual_seed(1)
    model = XBERT(XBERTConfig(outputs={"topology": 12}, **{**TINY, "feed_forward": 512}))
    before = model.heads["topology"].weight.clone()
    loaded = load_trunk(model, tmp_path / "trunk")
    assert not any(name.startswith("heads.") for name in loaded)
    assert set(loaded) == {name for name in model.state_dict() if not name.startswith("heads.")}
    for name, value in model.state_dict().items():
        if name in loaded:
            torch.testing.assert_close(value, trunk.state_dict()[name])
    assert torch.equal(model.heads["topology"].weight, before)


def test_a_killed_pretraining_goes_on(structures: Path, tmp_path: Path) -> None:
    assert _pretrain(structures, tmp_path / "whole", "--epoch-size", "30").exit_code == 0
    log = tmp_path / "killed" / "log.jsonl"
    assert _pretrain(structures, tmp_path / "killed", "--epoch-size", "30").exit_code == 0
    assert [json.loads(line)["epoch"] for line in log.read_text().splitlines()] == [1, 2]
    again = _pretrain(structures, tmp_path / "killed", "--epoch-size", "30")
    assert again.exit_code == 0
    assert len(log.read_text().splitlines()) == 2  # finished: nothing was trained again
    refused = _pretrain(structures, tmp_path / "killed", "--epoch-size", "30", "--epochs", "3")
    assert refused.exit_code == 1
    assert "another training" in refused.stderr


def test_properties_alone_make_a_trunk_for_topology_models(
    structures: Path, properties: Path, tmp_path: Path
) -> None:
    more = ("--properties", str(properties), "--true-share", "1", "--wider", "--largest", "3")
    result = _pretrain(structures, tmp_path / "trunk", *more, "--keep-apart", "megnet")
    assert result.exit_code == 0, result.output
    model, description = read_trunk(tmp_path / "trunk")
    assert model.config.statistics
    assert "length_error" not in description.scores
    assert description.training["plan"]["largest"] == 3
    refused = _pretrain(structures, tmp_path / "none", "--true-share", "1")
    assert refused.exit_code == 2
    assert "give --properties" in refused.output


def test_what_holds_no_trunk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not hold a pretrained trunk"):
        read_trunk(tmp_path)


def test_exclusion_without_properties_is_refused(structures: Path, tmp_path: Path) -> None:
    result = _pretrain(structures, tmp_path / "t", "--exclude-formulas-of", str(structures))
    assert result.exit_code == 2
    assert "--properties" in result.stderr


def test_embed_writes_vectors_and_a_map(structures: Path, tmp_path: Path) -> None:
    assert _pretrain(structures, tmp_path / "trunk").exit_code == 0
    args = ["embed", "--model", str(tmp_path / "trunk"), "--structures", str(structures), "--workers", "1"]
    nothing = CliRunner().invoke(app, args)
    assert nothing.exit_code == 2
    files = ["-o", str(tmp_path / "v.parquet"), "--tsne", str(tmp_path / "map.png")]
    result = CliRunner().invoke(app, [*args, *files], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    table = pq.read_table(tmp_path / "v.parquet")
    assert table["id"].to_pylist() == [f"c{i}" for i in range(60)]
    assert len(table["vector"][0]) == 8 * 16
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_without_some_tokens_takes_what_fits(structures: Path, tmp_path: Path) -> None:
    assert _pretrain(structures, tmp_path / "trunk").exit_code == 0
    trunk, _ = read_trunk(tmp_path / "trunk")
    config = XBERTConfig(outputs={"x": 1}, ablated=("electrons",), **{**TINY, "feed_forward": 512})
    model = XBERT(config)
    assert "position" in load_trunk(model, tmp_path / "trunk")
    kept = [row for row in range(8) if row != 5]
    torch.testing.assert_close(model.state_dict()["position"], trunk.state_dict()["position"][kept])
    other = XBERT(XBERTConfig(outputs={"x": 1}, **{**TINY, "width": 12, "graph_width": 6, "feed_forward": 8}))
    with pytest.raises(CheckpointError, match="no matrix"):
        load_trunk(other, tmp_path / "trunk")


def test_an_encoder_of_angles_is_pretrained_too(structures: Path, tmp_path: Path) -> None:
    result = _pretrain(structures, tmp_path / "trunk", "--encoder", "alignn")
    assert result.exit_code == 0, result.output
    trunk, description = read_trunk(tmp_path / "trunk")
    assert description.config["encoder"] == "alignn"
    model = XBERT(XBERTConfig(outputs={"x": 1}, encoder="alignn", **{**TINY, "feed_forward": 512}))
    load_trunk(model, tmp_path / "trunk")
    name = "graph.on_line_graph.0.of_node.weight"
    torch.testing.assert_close(model.state_dict()[name], trunk.state_dict()[name])


def test_words_are_masked_for_a_map_and_told_again(structures: Path, tmp_path: Path) -> None:
    from xbert.maps import crystal_vectors, purity

    corpus = _corpus(structures, tmp_path)
    torch.manual_seed(0)
    model = XBERT(XBERTConfig(outputs={"x": 1}, **TINY)).eval()
    told, masked, again = (
        crystal_vectors(model, corpus.features, words=words) for words in (True, False, True)
    )
    np.testing.assert_array_equal(told, again)
    assert np.abs(told - masked).max() > 1e-3
    share, chance = purity(np.array([[0.0], [0.1], [5.0], [5.1]]), np.array(["a", "a", "b", "b"]))
    assert chance == pytest.approx(1 / 3)
    assert share == pytest.approx(1 / 3)  # all three others count where there are fewer than eleven
