from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xbert.training.carried import (
    NOT_CARRIED,
    STRONG,
    TRIVIAL,
    known_gaps,
    read_label_words,
    which_labels_survive,
)


def _decide(
    materiae: str | None, tqc: str | None, arsenal: str | None, gap: float = 1.0, inversion=True, even=True
) -> int:
    words = pa.table({"mp_id": ["a"], "materiae_soc": [materiae], "tqc_class": [tqc], "arsenal": [arsenal]})
    return int(which_labels_survive(words, np.array([gap]), np.array([inversion]), np.array([even]))[0])


@pytest.mark.parametrize(
    "words", [("TI", None, None), (None, None, "TI"), ("TI", "TI", "TI"), (None, "TI", "TI")]
)
def test_strong_insulators_need_no_gap_without_spin_orbit_coupling(words) -> None:
    assert _decide(*words) == _decide(*words, gap=0.0) == _decide(*words, gap=np.nan) == STRONG


@pytest.mark.parametrize(
    "words",
    [
        ("TCI", None, None),
        (None, "TI", None),  # NLC and SEBR do not say which index
        ("TI", None, "TCI"),
        ("TI", "SM", "TI"),
        ("TI", None, "TI|trivial"),
        ("HSL_SM", None, None),
        (None, None, "TSM"),
        ("Unknown", None, "trivial"),
        ("Unknown", None, "TI"),
        ("Triv_Ins", "TI", None),
        (None, None, None),
    ],
)
def test_what_is_disputed_or_leans_on_symmetry_is_left_out(words) -> None:
    assert _decide(*words) == NOT_CARRIED


def test_trivial_insulators_need_a_known_gap() -> None:
    for words in (("Triv_Ins", None, None), (None, "trivial", None), ("Triv_Ins", "trivial", "trivial")):
        assert _decide(*words, gap=0.5) == TRIVIAL
        assert _decide(*words, gap=0.01) == _decide(*words, gap=np.nan) == NOT_CARRIED


def test_only_even_crystals_with_inversion() -> None:
    for words in (("TI", "TI", "TI"), ("Triv_Ins", None, None)):
        assert _decide(*words, inversion=False) == _decide(*words, even=False) == NOT_CARRIED


def test_gaps_by_id(tmp_path: Path) -> None:
    path = tmp_path / "properties.parquet"
    table = {
        "id": ["a", "b", "c"],
        "megnet_band_gap": [1.0, None, None],
        "mp20_band_gap": [0.8, 0.3, None],
        "roost_nonmetal_band_gap": [None, None, None],
    }
    schema = pa.schema([("id", pa.string()), *((name, pa.float64()) for name in list(table)[1:])])
    pq.write_table(pa.table(table, schema), path)
    np.testing.assert_array_equal(known_gaps(path, ["c", "b", "a", "x"]), [np.nan, 0.3, 0.8, np.nan])


def test_the_databases_mean_the_strong_index_by_ti(shared: Path) -> None:
    """What the module says of the words can be seen in the labels themselves."""
    words = read_label_words(shared / "data" / "topology_labels.parquet").to_pandas()
    groups = pq.read_table(shared / "data" / "topology_labels.parquet", columns=["spacegroup"])["spacegroup"]
    from xbert.spacegroups import space_group

    indicator = np.array([space_group(int(g)).indicator_group for g in groups.to_pylist()])
    said = words["materiae_soc"].to_numpy()
    assert (said[indicator == "Z2"] == "TI").sum() > 50
    assert not (said[indicator == "Z2"] == "TCI").any()
    mirror_only = np.isin(indicator, ["Z3", "Z3×Z3"])
    assert (said[mirror_only] == "TCI").sum() > 50
    assert not (said[mirror_only] == "TI").any()
    weak = words[words["mp_id"].isin(["mp-27902", "mp-23435", "mp-7915"])]  # BiSe, Bi2TeI, ZrSiO
    assert set(weak["materiae_soc"]) == {"TCI"}
