from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from discovery.screening.doubts import (
    JUDGEMENT,
    UNUSUAL,
    how_calls_did,
    predicts_metals,
    score_crystals,
    with_calls,
)
from tests.discovery.screening.sample_trusted import make_trusted
from tests.sample_crystals import sample_crystals, sample_table
from xbert.crystals import CrystalTable
from xbert.predict import Predictor


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor(make_trusted(tmp_path_factory.mktemp("small")))


def _rows(predictor: Predictor, table: CrystalTable | None = None) -> dict[str, dict]:
    scored = with_calls(score_crystals(table or sample_table(), predictor), predictor, 0.1)
    return {row["id"]: row for row in scored.to_pylist()}


def _at(p: list[float | None], spacegroup: int = 225, unusual: str = "") -> pa.Table:
    said = [None if one is None else unusual for one in p]
    return pa.table(
        {
            "p_topological": pa.array(p, pa.float32()),
            "spacegroup": pa.array([spacegroup] * len(p), pa.int16()),
            "n_electrons": pa.array([20] * len(p), pa.int32()),
            UNUSUAL: pa.array(said, pa.string()),
        }
    )


def test_what_is_unusual_is_found_with_the_score(predictor: Predictor) -> None:
    rows = _rows(predictor)
    assert "no training crystal holds Bi" in rows["Bi2Se3"]["doubts"]
    assert rows["Bi2Se3"]["covered"] is False
    assert rows["TiO2"]["doubts"] == ""
    assert rows["TiO2"]["covered"] is True
    assert "no symmetry eigenvalue" in rows["SiO2"]["doubts"]
    assert all(row["error_rate"] == 0.1 for row in rows.values())
    assert all(row["call"] in ("topological", "trivial", "abstain") for row in rows.values())


def test_calls_go_by_probability_and_rate(predictor: Predictor) -> None:
    table = _at([0.95, 0.5, 0.05, None])
    calls = with_calls(table, predictor, 0.05).column("call").to_pylist()
    assert calls == ["topological", "abstain", "trivial", None]
    assert with_calls(table, predictor, 0.005).column("call").to_pylist()[1] == "abstain"
    strange = with_calls(_at([0.95], unusual="odd"), predictor, 0.05).to_pylist()[0]
    assert (strange["call"], strange["covered"], strange["doubts"]) == ("topological", False, "odd")


def test_a_crystal_without_a_score_has_no_call(predictor: Predictor) -> None:
    crystals = sample_crystals()
    from xbert.crystals import Crystal

    heavy = Crystal("heavy", crystals[0].lattice, np.array([110, 110], np.uint8), crystals[0].frac_coords)
    rows = _rows(predictor, CrystalTable.from_crystals([crystals[0], heavy, crystals[1]]))
    assert [rows["heavy"][name] for name in JUDGEMENT.names] == [None] * 4
    assert rows["Si"]["call"]
    assert rows["GaAs"]["call"]


def test_a_model_that_does_not_know_says_so(tmp_path: Path) -> None:
    plain = Predictor(make_trusted(tmp_path, heads=False, trust=False))
    rows = _rows(plain)
    assert {rows["Si"][name] for name in JUDGEMENT.names} == {None}
    assert rows["Si"]["p_topological"] > 0
    assert rows["Si"]["p_metal"] is None
    assert "no trust.json" in how_calls_did(plain, 0.05)
    assert not predicts_metals(plain)


def test_how_calls_did_is_a_sentence_with_its_numbers(predictor: Predictor) -> None:
    said = how_calls_did(predictor, 0.05)
    assert "error rate of 5 %" in said
    assert "2,000 crystals" in said
    assert predicts_metals(predictor)


def test_nothing_gives_nothing(predictor: Predictor) -> None:
    empty = with_calls(_at([]), predictor, 0.05)
    assert empty.num_rows == 0
    assert [empty.schema.field(name).type for name in JUDGEMENT.names] == list(JUDGEMENT.types)
