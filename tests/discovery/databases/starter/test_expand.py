"""From facts to atoms."""

import numpy as np
import pytest

from discovery.databases.starter import expand, facts

LINE = {
    "formula": "NaCl",
    "prototype": "rocksalt",
    "atoms": "Na Cl",
    "cell": "5.64",
    "free": "",
    "topology": "trivial",
    "phase": "insulator",
    "gap": "8.5",
    "icsd": "",
    "structure": "wyckoff",
    "coordinates": "",
    "literature": "strehlow",
    "note": "",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1/3", 1 / 3), ("0.25", 0.25), ("-x", -0.1), ("2x", 0.2), ("1/2+x", 0.6), ("1/2-x", 0.4), ("0", 0.0)],
)
def test_coordinate(text: str, value: float) -> None:
    assert expand.coordinate(text, {"x": 0.1}) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "x*y", "y", "1//2", "0.2 0.3"])
def test_coordinate_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"coordinate|parameter"):
        expand.coordinate(text, {"x": 0.1})


def test_rocksalt_has_eight_atoms() -> None:
    crystal = expand.expand(facts.fact(LINE, "salts"))
    assert crystal.id == "starter-NaCl-225"
    assert sorted(crystal.numbers.tolist()) == [11] * 4 + [17] * 4
    assert crystal.volume == pytest.approx(5.64**3)


def test_rounded_special_position_is_not_doubled() -> None:
    row = LINE | {
        "formula": "BN",
        "prototype": "194",
        "atoms": "B 0.3333 0.6667 0.25; N 0.33333 0.66667 0.75",
        "cell": "2.504 6.661",
    }
    crystal = expand.expand(facts.fact(row, "test"))
    assert len(crystal.numbers) == 4
    np.testing.assert_allclose(crystal.frac_coords[0, :2], [1 / 3, 2 / 3], atol=1e-9)


@pytest.mark.parametrize(
    ("spacegroup", "choice"), [(227, "2"), (166, "H"), (14, "b1"), (225, ""), (12, "b1")]
)
def test_standard_setting(spacegroup: int, choice: str) -> None:
    import spglib

    kind = spglib.get_spacegroup_type(expand.standard_halls()[spacegroup])
    assert kind is not None
    assert (kind.number, kind.choice) == (spacegroup, choice)


def test_monoclinic_lattice() -> None:
    cell = expand.lattice([8.0, 4.0, 9.0, 120.0], 14)
    assert np.linalg.norm(cell, axis=1) == pytest.approx([8, 4, 9])
    assert cell[0] @ cell[2] == pytest.approx(-36)
    assert cell[0] @ cell[1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"atoms": "Na"}, "roles A B"),
        ({"free": "0.1"}, "parameters"),
        ({"topology": "strange"}, "topology 'strange'"),
        ({"phase": "liquid"}, "phase 'liquid'"),
    ],
)
def test_bad_lines_are_refused(change: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        facts.fact(LINE | change, "salts")


def test_unknown_reference_is_refused() -> None:
    with pytest.raises(KeyError, match="nobody1900"):
        facts.fact(LINE | {"structure": "nobody1900"}, "salts")


def test_wrong_number_of_lattice_constants_is_refused() -> None:
    with pytest.raises(ValueError, match="1 lattice constants free, not 2"):
        expand.expand(facts.fact(LINE | {"cell": "5.64 5.64"}, "salts"))


def test_materials_project_is_cited_in_full() -> None:
    assert facts.cite("mp-149") == "Materials Project mp-149, CC-BY 4.0, doi:10.1063/1.4812323"
