import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.sample_crystals import features_in_standard_cells, sample_table
from xbert.checkpoint import DESCRIPTION, WEIGHTS, CheckpointError, Description
from xbert.features import Features
from xbert.trust import COLUMNS, FILE, Trust, read_trust, write_trust

N = 1200


@pytest.fixture(scope="module")
def features() -> Features:
    return features_in_standard_cells(sample_table())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A directory that looks like a model's from outside."""
    description = Description("mine", "test", {}, 1, ["consensus"], [1.0])
    (tmp_path / DESCRIPTION).write_text(json.dumps(vars(description)))
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    return tmp_path


def _held_out(n: int = N) -> tuple[pa.Table, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = (rng.random(n) < 0.5).astype(float)
    p = np.clip(rng.normal(0.2 + 0.6 * truth, 0.2), 0, 1)
    columns = {
        "formula_key": [f"X{i}" for i in range(n)],
        "spacegroup": pa.array(np.full(n, 225), pa.int16()),
        "n_electrons": pa.array(np.full(n, 20), pa.int64()),
        "p_consensus_trivial": pa.array(1.0 - p, pa.float32()),
    }
    return pa.table(columns), truth


def _judge(trust: Trust, p: float, group: int = 225, unusual: str = "", rate: float = 0.05) -> dict:
    found = trust.judge(np.array([p]), np.array([group]), np.array([20]), [unusual], rate)
    assert found.schema == COLUMNS
    return found.to_pylist()[0]


def test_what_is_written_is_read(model: Path, features: Features) -> None:
    written = write_trust(model, *_held_out(), features)
    read = read_trust(model)
    assert read == written
    assert read is not None
    assert (model / FILE).stat().st_size < 50_000


def test_calls_say_why_they_may_not_hold(model: Path, features: Features) -> None:
    trust = write_trust(model, *_held_out(), features)
    assert _judge(trust, 0.95) == {"call": "topological", "covered": True, "doubts": ""}
    assert _judge(trust, 0.05)["call"] == "trivial"
    assert _judge(trust, 0.5)["call"] == "abstain"
    blind = _judge(trust, 0.95, group=31)
    assert blind["call"] == "topological"
    assert blind["covered"] is False
    assert "no symmetry eigenvalue" in blind["doubts"]
    odd = _judge(trust, 0.95, unusual="no training crystal holds Po")
    assert odd == {"call": "topological", "covered": False, "doubts": "no training crystal holds Po"}
    both = _judge(trust, 0.95, group=31, unusual="no training crystal holds Po")["doubts"]
    assert both.startswith("no training crystal holds Po; no symmetry eigenvalue")


def test_too_few_scores_give_no_calls_but_remarks_all_the_same(model: Path, features: Features) -> None:
    write_trust(model, *_held_out(60), features)
    trust = read_trust(model)
    assert trust is not None
    assert trust.conformal is None
    assert _judge(trust, 0.95, unusual="odd") == {"call": None, "covered": None, "doubts": "odd"}
    assert trust.found(0.05) is None


def test_how_calls_did_is_told_for_the_nearest_rate(model: Path, features: Features) -> None:
    trust = write_trust(model, *_held_out(), features)
    found = trust.found(0.06)
    assert found is not None
    assert found["error_rate"] == 0.05
    assert found["n"] == N


def test_numbers_of_other_weights_are_not_used(model: Path, features: Features) -> None:
    write_trust(model, *_held_out(), features)
    (model / WEIGHTS).write_bytes(b"others")
    assert read_trust(model) is None


def test_scores_added_to_the_description_change_nothing(model: Path, features: Features) -> None:
    write_trust(model, *_held_out(), features)
    description = json.loads((model / DESCRIPTION).read_text())
    (model / DESCRIPTION).write_text(json.dumps(description | {"metrics": {"Transfer": {"what": "more"}}}))
    assert read_trust(model) is not None
    (model / DESCRIPTION).write_text(json.dumps(description | {"temperature": [2.0]}))
    assert read_trust(model) is None


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 99}', '{"format": 1, "seen": 3}'])
def test_damaged_files_are_refused_with_their_name(model: Path, features: Features, text: str) -> None:
    write_trust(model, *_held_out(), features)
    (model / FILE).write_text(text)
    with pytest.raises(CheckpointError, match=r"trust\.json"):
        read_trust(model)


def test_a_model_without_the_file_says_nothing(model: Path) -> None:
    assert read_trust(model) is None
