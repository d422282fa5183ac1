import pyarrow as pa
import pytest

from discovery.screening.filters import (
    apply_filters,
    filters_after_prediction,
    filters_before_prediction,
)
from discovery.screening.options import ScreenOptions
from discovery.screening.valences import valences_balance
from tests.sample_crystals import sample_table
from xbert.scoring import standardise_rows

OFF = {
    "keep_odd": True,
    "keep_metals": True,
    "keep_labelled": True,
    "keep_known": True,
    "keep_magnetic": True,
    "keep_duplicates": True,
    "max_atoms": 0,
    "max_hull": float("inf"),
}


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    """Si, GaAs, W, Cu, ZnO, SiO2, TiO2, Bi2Se3 with what a database may say of them."""
    table = standardise_rows(sample_table())
    columns: dict[str, list] = {
        "label_materiae": [None, None, None, None, None, None, "Triv_Ins", "TI"],
        "label_tqc": [None, "trivial", "SM", None, None, None, None, None],
        "label_arsenal": ["trivial", None, None, None, "TI|trivial", None, None, None],
        "band_gap": [0.6, 0.2, 0.0, 0.0, None, 5.7, 1.8, 0.3],
        "e_above_hull": [0.0, 0.2, None, 0.0, 0.0, 0.05, 0.0, 0.0],
        "topology": ["trivial", "trivial", None, "unknown", "trivial", "trivial", None, "strong TI"],
        "phase": ["insulator", "insulator", "metal", "metal", "insulator", "insulator", None, "insulator"],
    }
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table


def _left(rows: pa.Table, **options) -> list[str]:
    kept, _ = apply_filters(rows, filters_before_prediction(ScreenOptions(**(OFF | options))))
    return kept.column("id").to_pylist()


EVERYTHING = ["Si", "GaAs", "W", "Cu", "ZnO", "SiO2", "TiO2", "Bi2Se3"]


def test_every_filter_can_be_switched_off(rows: pa.Table) -> None:
    assert _left(rows) == EVERYTHING


@pytest.mark.parametrize(
    ("option", "removed"),
    [
        ({"no_inversion": True}, {"Si", "W", "Cu", "TiO2", "Bi2Se3"}),
        # GaAs (216) lacks inversion and yet has an indicator: the two filters differ.
        ({"undiagnosable": True}, {"Si", "GaAs", "W", "Cu", "TiO2", "Bi2Se3"}),
        ({"keep_odd": False}, {"Cu"}),
        ({"keep_metals": False}, {"W", "Cu"}),
        ({"drop_gapless": True}, {"W", "Cu"}),
        ({"keep_labelled": False}, {"W", "ZnO", "Bi2Se3"}),
        ({"keep_known": False}, {"Bi2Se3"}),
        ({"keep_magnetic": False, "magnetic_elements": ("Ti",)}, {"TiO2"}),
        ({"max_atoms": 5}, {"SiO2", "TiO2"}),
        ({"with_elements": ("O", "Si")}, set(EVERYTHING) - {"SiO2"}),
        ({"without_elements": ("O", "Si")}, {"Si", "ZnO", "SiO2", "TiO2"}),
        ({"max_hull": 0.1}, {"GaAs"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_each_filter_removes_what_it_says(rows: pa.Table, option: dict, removed: set[str]) -> None:
    assert set(EVERYTHING) - set(_left(rows, **option)) == removed


@pytest.mark.parametrize("formula", ["CdO", "Cu2SnTe3", "Ag2SnHgSe4", "RuH6", "Na3Bi", "HgTe", "WTe2"])
def test_semimetals_with_balanced_valences_are_no_metals(formula: str) -> None:
    assert valences_balance(formula)


@pytest.mark.parametrize(
    "formula", ["LiIr3", "Al4Mo", "YPtBi", "Cu5Zn8", "LiYGa4", "LaGe3Rh", "SrSn3Pd", "W"]
)
def test_intermetallics_have_no_balance(formula: str) -> None:
    assert not valences_balance(formula)


def test_a_zero_gap_alone_does_not_make_a_metal(rows: pa.Table) -> None:
    gapless = rows.set_column(rows.column_names.index("band_gap"), "band_gap", pa.array([0.0] * 8))
    unstated = gapless.drop_columns("phase")
    assert set(EVERYTHING) - set(_left(unstated, keep_metals=False)) == {"W", "Cu"}


def test_the_funnel_counts_filters_that_are_off_without_removing(rows: pa.Table) -> None:
    _, steps = apply_filters(rows, filters_before_prediction(ScreenOptions(**OFF)))
    gapless = next(step for step in steps if step.name == "gapless")
    assert (gapless.enabled, gapless.removed, gapless.left) == (False, 0, 8)
    assert "would remove 2" in gapless.description


def test_each_step_leaves_what_the_next_begins_with(rows: pa.Table) -> None:
    kept, steps = apply_filters(rows, filters_before_prediction(ScreenOptions()))
    left = rows.num_rows
    for step in steps:
        assert step.left == left - step.removed
        left = step.left
    assert left == kept.num_rows


def test_of_duplicates_the_one_lowest_on_the_hull_stays(rows: pa.Table) -> None:
    copies = pa.concat_tables([rows, rows.slice(1, 1), rows.slice(5, 1)])
    hull = [*rows.column("e_above_hull").to_pylist(), 0.1, None]
    copies = copies.set_column(copies.column_names.index("e_above_hull"), "e_above_hull", pa.array(hull))
    copies = copies.set_column(0, "id", pa.array([*EVERYTHING, "lower", "unknown"]))
    left = _left(copies, keep_duplicates=False)
    assert "lower" in left
    assert "GaAs" not in left
    assert "SiO2" in left
    assert "unknown" not in left


def test_finds_of_the_paper_are_not_removed_as_known() -> None:
    from discovery.databases.starter import load

    table = load()
    names = table.arrow.column("formula").to_pylist()
    row = next(i for i, name in enumerate(names) if sorted(name) == sorted("Ag2HgSnSe4"))
    one = table.slice(row, 1)
    facts = standardise_rows(one.keep([]))
    for name in (
        "label_materiae",
        "label_tqc",
        "label_arsenal",
        "band_gap",
        "e_above_hull",
        "topology",
        "phase",
    ):
        facts = facts.append_column(name, one.arrow.column(name))
    kept, _ = apply_filters(
        facts, filters_before_prediction(ScreenOptions(no_inversion=True, undiagnosable=True))
    )
    assert kept.num_rows == 1


@pytest.mark.parametrize("option", ["with_elements", "without_elements", "magnetic_elements"])
def test_unknown_elements_are_refused_by_name(option: str) -> None:
    with pytest.raises(ValueError, match="Xx"):
        ScreenOptions(**{option: ("Ag", "Xx")})


@pytest.mark.parametrize(
    "formula",
    ["Cu2ZnSnSe4", "Fe3O4", "YBa2Cu3O7", "LiYGa4", "LaGe3Rh", "TaSe2", "Sn3Ru2", "CuH10SeO9", "Ag3Sb"],
)
def test_the_balance_is_that_of_pymatgen(formula: str) -> None:
    from pymatgen.core import Composition

    assert valences_balance(formula) == bool(Composition(formula).oxi_state_guesses(max_sites=-1))


def test_the_balance_of_a_large_formula_takes_no_time() -> None:
    assert valences_balance("Na12Ca8Al20Si28P4S3Cl7O148") in (True, False)


def _scored(rows: pa.Table, p_metal: list[float]) -> pa.Table:
    """The same without gaps or phases for all but Si, with a prediction."""
    gaps = pa.array([0.6] + [None] * 7, pa.float64())
    rows = rows.set_column(rows.column_names.index("band_gap"), "band_gap", gaps)
    return rows.drop_columns("phase").append_column("p_metal", pa.array(p_metal))


def test_metals_go_by_prediction_only_where_the_database_is_silent(rows: pa.Table) -> None:
    sure = _scored(rows, [0.99] * 8)
    options = ScreenOptions(**OFF, max_metal=0.9)
    kept, steps = apply_filters(sure, filters_after_prediction(options, sure))
    # Tungsten and copper: the valences of the others balance, and so they may be inverted semiconductors.
    assert set(EVERYTHING) - set(kept.column("id").to_pylist()) == {"W", "Cu"}
    assert "told by the database for 1 of 8" in steps[0].description
    doubtful = _scored(rows, [0.99, 0.99, 0.85, 0.95, 0.99, 0.99, 0.99, 0.99])
    kept, _ = apply_filters(doubtful, filters_after_prediction(options, doubtful))
    assert set(EVERYTHING) - set(kept.column("id").to_pylist()) == {"Cu"}


def test_metals_are_counted_but_kept_unless_one_asks(rows: pa.Table) -> None:
    sure = _scored(rows, [0.99] * 8)
    kept, steps = apply_filters(sure, filters_after_prediction(ScreenOptions(), sure))
    assert kept.num_rows == 8
    assert (steps[0].enabled, steps[0].removed) == (False, 0)
    assert "would remove 2" in steps[0].description
    assert "over 0.9" in steps[0].description


def test_without_a_prediction_nothing_is_filtered_by_one(rows: pa.Table) -> None:
    kept, steps = apply_filters(rows, filters_after_prediction(ScreenOptions(), rows))
    assert kept.num_rows == 8
    assert "predicts none" in steps[0].description


@pytest.mark.parametrize("rate", [0.0, 0.6, float("nan")])
def test_error_rates_that_cannot_be_held_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="error rate"):
        ScreenOptions(error_rate=rate)
