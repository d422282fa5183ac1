from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xbert.training.labels import blur_mirror_phases, hide_blind_trivials, read_topology_labels


def _write(path: Path, **columns: list[str | None]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def labels(tmp_path: Path):
    return read_topology_labels(
        _write(
            tmp_path / "labels.parquet",
            mp_id=["a", "b", "c", "d"],
            materiae_soc=["TCI", "Unknown", None, "Triv_Ins"],
            tqc_class=["SM", None, None, "TI"],
            arsenal=["TI|trivial", "trivial", None, None],
        )
    )


def test_words_become_soft_targets(labels) -> None:
    np.testing.assert_array_equal(labels.targets[0], [[0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]])
    assert labels.known.tolist() == [
        [True, True, True],
        [False, False, True],
        [False, False, False],
        [True, True, False],
    ]


def test_consensus_is_the_mean_of_those_that_speak(labels) -> None:
    np.testing.assert_allclose(labels.with_consensus[0, 3], [0.5 / 3, 0.5 / 3, 1 / 3, 1 / 3, 0])
    np.testing.assert_allclose(labels.with_consensus[1, 3], [1, 0, 0, 0, 0])
    assert not labels.with_consensus[2, 3].any()


def test_tqc_does_not_tell_strong_from_crystalline(labels) -> None:
    np.testing.assert_array_equal(labels.kinds[3, :2], [[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]])
    np.testing.assert_array_equal(labels.kinds[0, 0], [0, 0, 1, 0, 0])


def test_lists_that_name_both_insulators_name_either(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "l.parquet", mp_id=["a"], materiae_soc=[None], tqc_class=[None], arsenal=["TI|TCI"]
    )
    np.testing.assert_array_equal(read_topology_labels(path).kinds[0, 2], [0, 0, 0, 0, 1])


def test_crystalline_may_be_strong_where_mirrors_are_all_that_is_seen(labels) -> None:
    blurred = blur_mirror_phases(labels, np.array([True, False, False, False]))
    np.testing.assert_array_equal(blurred.kinds[0, 0], [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(blurred.targets, labels.targets)


def test_majority_is_silent_on_ties(labels) -> None:
    np.testing.assert_array_equal(labels.majority, [1, 0, np.nan, np.nan])


def test_blind_trivials_are_dropped_and_the_rest_stays(labels) -> None:
    seen = hide_blind_trivials(labels, np.array([True, True, True, False]))
    np.testing.assert_array_equal(seen.targets[0], [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    assert not seen.known[1].any()
    np.testing.assert_array_equal(seen.targets[3], labels.targets[3])


def test_an_unknown_class_is_refused_with_column_and_word(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "l.parquet", mp_id=["a"], materiae_soc=["Weyl"], tqc_class=[None], arsenal=[None]
    )
    with pytest.raises(ValueError, match=r"Weyl.*materiae_soc"):
        read_topology_labels(path)


def test_counts_of_the_real_labels(shared: Path) -> None:
    labels = read_topology_labels(shared / "data" / "topology_labels.parquet")
    assert len(labels) == 28_481
    # Materiae without Unknown, TQC, Arsenal
    assert labels.known.sum(0).tolist() == [28_481 - 3_725 - 2_503, 28_481 - 15_444, 28_481 - 18_957]
