import numpy as np

from tests.sample_crystals import sample_crystals
from xbert.crystals import Crystal, CrystalTable
from xbert.predict import Predictor
from xbert.scoring import prepare, score_rows, standardise_rows


def _with_bad_ones() -> CrystalTable:
    good = sample_crystals()[0]
    close = Crystal("close", good.lattice, good.numbers, np.array([[0, 0, 0], [0.01, 0, 0]], np.float32))
    heavy = Crystal("heavy", good.lattice, np.array([110, 110], np.uint8), good.frac_coords)
    return CrystalTable.from_crystals([close, good, heavy, sample_crystals()[1]])


def test_bad_crystals_keep_their_row_with_reason_and_remedy() -> None:
    rows = standardise_rows(_with_bad_ones())
    assert rows.column("id").to_pylist() == ["close", "Si", "heavy", "GaAs"]
    errors = rows.column("error").to_pylist()
    assert "Å" in errors[0]
    assert "110" in errors[2]
    assert errors[1] is errors[3] is None
    assert all(rows.column("remedy").to_pylist()[i] for i in (0, 2))
    assert rows.column("spacegroup").to_pylist()[1::2] == [227, 216]


def test_more_electrons_than_the_token_holds_are_refused() -> None:
    # Lead on a shaken grid, so that no smaller cell describes it.
    grid = np.stack(np.meshgrid(*[np.arange(6)] * 3), -1).reshape(-1, 3)
    frac = (grid + np.random.default_rng(0).uniform(-0.2, 0.2, grid.shape)) / 6
    cell = Crystal(
        "lead",
        np.diag([20.0, 21, 22]).astype(np.float32),
        np.full(216, 82, np.uint8),
        frac.astype(np.float32),
    )
    error = standardise_rows(CrystalTable.from_crystals([cell])).column("error").to_pylist()[0]
    assert error is not None
    assert "17,712 electrons" in error


def test_scored_rows_have_null_scores_where_there_is_an_error() -> None:
    rows, features = prepare(_with_bad_ones())
    scored = score_rows(Predictor("benchmark"), rows, features)
    p = scored.column("p_topological").to_pylist()
    assert p[0] is p[2] is None
    assert 0 < p[1] < 1
    assert scored.column("spacegroup").to_pylist() == [None, 227, None, 216]
    total = [sum(scored.column(n)[3].as_py() for n in ("p_trivial", "p_ti", "p_tsm"))]
    np.testing.assert_allclose(total, 1.0, rtol=1e-5)


def test_an_empty_table_is_fine() -> None:
    empty = CrystalTable.from_crystals([])
    rows, features = prepare(empty)
    assert rows.num_rows == len(features) == 0


def test_each_label_source_has_its_own_column() -> None:
    rows, features = prepare(CrystalTable.from_crystals(sample_crystals()))
    predictor = Predictor("benchmark")
    scored = score_rows(predictor, rows, features)
    by_source = predictor(features).by_source
    for index, source in enumerate(("materiae", "tqc", "arsenal")):
        column = scored.column(f"p_topological_{source}").to_numpy()
        np.testing.assert_allclose(column, 1.0 - by_source[:, index, 0], atol=1e-6)
    np.testing.assert_allclose(scored.column("p_trivial").to_numpy(), by_source[:, 3, 0], atol=1e-6)
