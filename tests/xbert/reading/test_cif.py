"""CIFs as people write them; the reference is pymatgen, or the crystal that the file plainly means."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from xbert.crystals import Crystal
from xbert.reading import cif
from xbert.reading.records import Record, UnreadableError


def cubic(a: float, *lines: str, sites: str, tags: str = "label fract_x fract_y fract_z") -> str:
    return block(f"{a} {a} {a} 90 90 90", *lines, sites=sites, tags=tags)


def block(
    cell: str, *lines: str, sites: str, tags: str = "label fract_x fract_y fract_z", name: str = "x1"
) -> str:
    parameters = zip(
        ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"),
        cell.split(),
        strict=True,
    )
    return "\n".join(
        [
            f"data_{name}",
            *(f"_cell_{parameter} {value}" for parameter, value in parameters),
            *lines,
            "loop_",
            *(f"_atom_site_{tag}" for tag in tags.split()),
            *(site.strip() for site in sites.split(";")),
            "",
        ]
    )


def operations(*triplets: str) -> str:
    return "\n".join(["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{triplet}'" for triplet in triplets)])


def only(text: str) -> Record:
    (found,) = cif.read(text)
    assert isinstance(found, Record), found
    return found


def refusal(text: str) -> UnreadableError:
    (found,) = cif.read(text)
    assert isinstance(found, UnreadableError)
    return found


def same_atoms(record: Record, structure, tolerance: float) -> bool:
    """Whether each atom has its like within ``tolerance`` Å, one to one."""
    ours = Crystal("", record.lattice, record.numbers, record.frac_coords).to_structure()
    if not np.allclose(ours.lattice.parameters, structure.lattice.parameters, atol=1e-5):
        return False
    distances = ours.lattice.get_all_distances(ours.frac_coords, structure.frac_coords)
    distances[np.array(ours.atomic_numbers)[:, None] != np.array(structure.atomic_numbers)] = np.inf
    near = distances < tolerance
    return bool((near.sum(axis=0) == 1).all() and (near.sum(axis=1) == 1).all())


def by_pymatgen(text: str):
    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CifParser.from_str(text).parse_structures(primitive=False)[0]


WURTZITE = block(
    "3.82 3.82 6.26 90 90 120",
    "_symmetry_space_group_name_H-M 'P 63 m c'",
    sites="Zn 0.3333 0.6667 0.0 ; S 0.3333 0.6667 0.3748",
)
NAMED = {
    "rocksalt by symbol": cubic(
        5.64, "_symmetry_space_group_name_H-M 'F m -3 m'", sites="Na 0 0 0; Cl .5 .5 .5"
    ),
    "rocksalt by number": cubic(5.64, "_symmetry_Int_Tables_number 225", sites="Na 0 0 0; Cl .5 .5 .5"),
    "no spaces in the symbol": cubic(5.64, "_space_group_name_H-M_alt Fm-3m", sites="Na 0 0 0; Cl .5 .5 .5"),
    "wurtzite": WURTZITE,
    "hexagonal R": block(
        "4.395 4.395 30.44 90 90 120",
        "_symmetry_space_group_name_H-M 'R -3 m'",
        sites="Bi 0 0 0.4000; Te1 0 0 0; Te2 0 0 0.2097",
    ),
    "P 21/c": block(
        "5.15 5.2 5.32 90 99.2 90",
        "_symmetry_space_group_name_H-M 'P 1 21/c 1'",
        sites="Zr 0.2754 0.0395 0.2083; O1 0.07 0.3317 0.3447; O2 0.4496 0.7569 0.4792",
    ),
    "I-centred monoclinic": block(
        "5.2 5.1 11.7 90 97 90",
        "_symmetry_space_group_name_H-M 'I 1 2/a 1'",
        sites="Bi 0.25 0.12 0; V 0.25 0.63 0; O1 0.15 0.05 0.37; O2 0.26 0.45 0.2",
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_symmetry_by_name_agrees_with_pymatgen(name: str) -> None:
    assert same_atoms(only(NAMED[name]), by_pymatgen(NAMED[name]), 0.01)


def test_symmetry_by_hall_symbol_which_pymatgen_does_not_read() -> None:
    text = cubic(5.64, "_space_group_name_Hall '-F 4 2 3'", sites="Na 0 0 0; Cl .5 .5 .5")
    assert same_atoms(only(text), by_pymatgen(NAMED["rocksalt by symbol"]), 1e-3)


def test_shared_files_agree_with_pymatgen_also_when_reduced_by_symmetry(shared: Path) -> None:
    from pymatgen.io.cif import CifWriter

    folder = shared / "mirror" / "fxcoudert" / "topology_databases" / "cif"
    files = sorted(folder.glob("*.cif"))[::8]
    assert files
    for file in files:
        text = file.read_text()
        structure = by_pymatgen(text)
        assert same_atoms(only(text), structure, 2e-3), file.name
        reduced = str(CifWriter(structure, symprec=0.01))
        assert same_atoms(only(reduced), by_pymatgen(reduced), 2e-3), f"{file.name}, reduced"


def test_rounded_thirds_are_thirds_and_keep_the_symmetry() -> None:
    import spglib

    record = only(WURTZITE)
    assert sorted(record.numbers.tolist()) == [16, 16, 30, 30]
    cell = (record.lattice.astype(np.float32), record.frac_coords.astype(np.float32), record.numbers)
    assert spglib.get_symmetry_dataset(cell, symprec=1e-4).number == 186
    listed = block(
        "3.82 3.82 6.26 90 90 120",
        sites="Zn .3333 .6667 0; Zn .6667 .3333 .5; S .3333 .6667 .3748; S .6666 .3333 .8748",
    )
    np.testing.assert_allclose(only(listed).frac_coords[:, :2] * 3, [[1, 2], [2, 1], [1, 2], [2, 1]])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.333", 1 / 3),
        ("0.334", 0.334),
        ("0.1667", 1 / 6),
        ("-0.6666", -2 / 3),
        ("0.3333(2)", 0.3333),
        ("0.33", 0.33),
        (".33333", 1 / 3),
        ("0.8333", 5 / 6),
        ("0.3335", 0.3335),
        ("0.5", 0.5),
        ("12", 12),
    ],
)
def test_only_what_a_sixth_is_rounded_to_becomes_one(text: str, value: float) -> None:
    assert only(cubic(6, sites=f"Na {text} 0 0")).frac_coords[0, 0] == pytest.approx(value, abs=1e-12)


def test_rounded_special_positions_do_not_split_atoms() -> None:
    # x, 2x written with four digits: 0.1234 and 0.2467 are 0.0001 off the mirror plane.
    text = block(
        "6 6 4 90 90 120", "_symmetry_space_group_name_H-M 'P 6/m m m'", sites="C 0.1234 0.2467 0; O 0 0 0.5"
    )
    record = only(text)
    assert (record.numbers == 6).sum() == 6
    x, y, _ = record.frac_coords[0]
    assert y == pytest.approx(2 * x, abs=1e-12)


def test_repeated_operations_and_missing_identity() -> None:
    doubled = cubic(4, operations("x,y,z", "-x,-y,-z", "X, Y, Z", "-x, -y, 1-z"), sites="Fe .1 .2 .3")
    assert len(only(doubled).numbers) == 2
    no_identity = cubic(4, operations("-x,-y,-z"), sites="Fe .1 .2 .3")
    assert len(only(no_identity).numbers) == 2


def test_listed_operations_go_before_the_symbol() -> None:
    text = cubic(
        4, "_symmetry_space_group_name_H-M 'P m -3 m'", operations("x,y,z"), sites="Fe 0 0 0; Fe .5 .5 .5"
    )
    assert len(only(text).numbers) == 2


def test_without_symmetry_the_file_lists_all_atoms() -> None:
    assert len(only(cubic(4, sites="Cs 0 0 0; Cl .5 .5 .5")).numbers) == 2
    text = cubic(
        4, sites="Cs 1 0 0 0; Cl 8 .2 .2 .2", tags="label symmetry_multiplicity fract_x fract_y fract_z"
    )
    assert "multiplicity but no symmetry operations" in refusal(text).reason


def test_question_marks_are_no_symmetry() -> None:
    text = cubic(
        4, "_symmetry_space_group_name_H-M ?", "_symmetry_Int_Tables_number .", sites="Cs 0 0 0; Cl .5 .5 .5"
    )
    assert len(only(text).numbers) == 2


def test_rhombohedral_cell_takes_the_rhombohedral_setting() -> None:
    record = only(
        block("4.75 4.75 4.75 57.2 57.2 57.2", "_symmetry_Int_Tables_number 166", sites="Bi .234 .234 .234")
    )
    assert len(record.numbers) == 2


DIAMOND = "_symmetry_space_group_name_H-M 'F d -3 m'"


def test_two_origins() -> None:
    unstated = refusal(cubic(5.43, DIAMOND, sites="Si 0 0 0"))
    assert "two choices of origin, and both fit" in unstated.reason
    assert len(only(cubic(5.43, DIAMOND.replace("m'", "m:1'"), sites="Si 0 0 0")).numbers) == 8
    assert len(only(cubic(5.43, DIAMOND.replace("m'", "m :2'"), sites="Si .125 .125 .125")).numbers) == 8
    assert len(only(cubic(5.43, DIAMOND.replace("m'", "m Z'"), sites="Si .125 .125 .125")).numbers) == 8
    counted = ["_chemical_formula_sum Si", "_cell_formula_units_Z 8"]
    assert len(only(cubic(5.43, DIAMOND, *counted, sites="Si 0 0 0")).numbers) == 8
    assert len(only(cubic(5.43, DIAMOND, *counted, sites="Si .125 .125 .125")).numbers) == 8
    formula = ["_chemical_formula_sum 'Mg Al2 O4'"]
    spinel = cubic(8.08, DIAMOND, *formula, sites="Mg .125 .125 .125; Al .5 .5 .5; O .2624 .2624 .2624")
    assert len(only(spinel).numbers) == 56


def test_contradicting_symmetry_is_refused() -> None:
    two = cubic(4, DIAMOND, "_symmetry_Int_Tables_number 225", sites="Si 0 0 0")
    assert "two space groups, F d -3 m (No. 227) and No. 225" in refusal(two).reason
    cell = block("4 5 6 90 90 90", "_symmetry_Int_Tables_number 221", sites="Si 0 0 0")
    assert "4, 5, 6, 90, 90, 90) does not have the symmetry" in refusal(cell).reason
    unknown = cubic(4, "_symmetry_space_group_name_H-M 'Q 7'", sites="Si 0 0 0")
    assert "space group 'Q 7' is not known" in refusal(unknown).reason
    assert "'x,y' cannot be read" in refusal(cubic(4, operations("x,y"), sites="Si 0 0 0")).reason


OCCUPIED = "label type_symbol fract_x fract_y fract_z occupancy"


def test_disorder_is_refused_with_site_and_occupancies() -> None:
    mixed = refusal(cubic(3, sites="M1 Fe 0 0 0 0.6; M2 Ni 0 0 0 0.4; O1 O .5 .5 .5 1", tags=OCCUPIED))
    assert mixed.reason == "site M1 is disordered (occupancy Fe 0.6, Ni 0.4)"
    assert mixed.remedy.startswith("choose an ordered approximant")
    vacant = refusal(cubic(3, sites="O1 O .5 .5 .5 1; Li Li 0 0 0 0.93(2)", tags=OCCUPIED))
    assert vacant.reason == "site Li is disordered (occupancy Li 0.93)"
    odd = refusal(cubic(3, sites="Li Li 0 0 0 full", tags=OCCUPIED))
    assert "occupancy full" in odd.reason


def test_full_sites_however_written() -> None:
    text = cubic(3, sites="A Cs 0 0 0 1.000(3); B Cl .5 .5 .5 ?; C O .5 0 0 .", tags=OCCUPIED)
    assert only(text).numbers.tolist() == [55, 17, 8]


def test_one_element_in_two_oxidation_states_is_one_atom() -> None:
    text = cubic(4, sites="Fe1 Fe2+ 0 0 0 0.3333; Fe2 Fe3+ 0 0 0 0.6667; O1 O2- .5 .5 .5 1", tags=OCCUPIED)
    assert only(text).numbers.tolist() == [26, 8]


@pytest.mark.parametrize(
    ("symbol", "number"),
    [
        ("Fe3+", 26),
        ("O2-", 8),
        ("O-2", 8),
        ("D", 1),
        ("T", 1),
        ("H", 1),
        ("D1+", 1),
        ("CL", 17),
        ("cl", 17),
        ("Cval", 6),
        ("Siva", 14),
        ("Na1+", 11),
        ("Cu0+", 29),
    ],
)
def test_type_symbols(symbol: str, number: int) -> None:
    text = cubic(3, sites=f"L1 {symbol} 0 0 0", tags="label type_symbol fract_x fract_y fract_z")
    assert only(text).numbers.tolist() == [number]


@pytest.mark.parametrize("symbol", ["OH", "X", "Wat", "M", "Zz", "1"])
def test_groups_and_dummies_are_no_elements(symbol: str) -> None:
    text = cubic(3, sites=f"L1 {symbol} 0 0 0", tags="label type_symbol fract_x fract_y fract_z")
    assert f"no known element ({symbol})" in refusal(text).reason


@pytest.mark.parametrize(
    ("label", "formula", "number"),
    [
        ("Fe1", "", 26),
        ("O1A", "", 8),
        ("Na", "", 11),
        ("D3", "", 1),
        ("CA1", "Ca", 20),
        ("CA1", "C", 6),
        ("Ca1", "", 20),
        ("HO1", "H", 1),
        ("U1", "", 92),
        ("W_1", "", 74),
        ("Cu1+", "", 29),
    ],
)
def test_labels_without_types(label: str, formula: str, number: int) -> None:
    lines = [f"_chemical_formula_sum {formula}"] if formula else []
    assert only(cubic(3, *lines, sites=f"{label} 0 0 0")).numbers.tolist() == [number]


def test_an_ambiguous_label_is_refused() -> None:
    assert "CA1 may be Ca or C" in refusal(cubic(3, sites="CA1 0 0 0")).reason


def test_missing_parts_are_named() -> None:
    assert "no cell (no _cell_length_b)" in refusal(block("4 ? 4 90 90 90", sites="Si 0 0 0")).reason
    assert "_cell_length_a is -4" in refusal(block("-4 4 4 90 90 90", sites="Si 0 0 0")).reason
    assert "no cell has the angles 30, 30, 90" in refusal(block("4 4 4 30 30 90", sites="Si 0 0 0")).reason
    assert "site Si has the coordinates 0, ?, 0" in refusal(cubic(4, sites="Si 0 ? 0")).reason
    assert "coordinates 0, nan, 0" in refusal(cubic(4, sites="Si 0 nan 0")).reason
    assert "lack a coordinate" in refusal(cubic(4, sites="Si 0 0", tags="label fract_x fract_y")).reason
    assert "no atoms" in refusal("data_x\n_cell_length_a 4\n").reason
    assert "modulated" in refusal(cubic(4, "_cell_modulation_dimension 1", sites="Si 0 0 0")).reason


def test_stated_formula_shows_missing_atoms() -> None:
    text = cubic(4, "_chemical_formula_sum 'H2 O'", sites="O 0 0 0")
    found = refusal(text)
    assert "its atoms (O1) do not make up the formula it states (H2 O1)" in found.reason
    assert (
        len(only(cubic(4, "_chemical_formula_sum 'D2 O'", sites="O 0 0 0; D1 .2 0 0; D2 0 .2 0")).numbers)
        == 3
    )


def test_dummy_atoms_are_left_out() -> None:
    text = cubic(4, sites="Si 0 0 0 ?; Q1 .1 .1 .1 dum", tags="label fract_x fract_y fract_z calc_flag")
    assert only(text).numbers.tolist() == [14]


def test_nothing_but_dummy_atoms() -> None:
    text = cubic(4, sites="Q1 .1 .1 .1 dum", tags="label fract_x fract_y fract_z calc_flag")
    assert "only dummy atoms" in refusal(text).reason


def test_uncertainties_capitals_and_dotted_names() -> None:
    text = cubic(4, sites="Si 0.1234(5) 0 0").replace("_cell_length_a 4", "_Cell_Length_A 4.000(2)")
    assert only(text).frac_coords[0, 0] == 0.1234
    dotted = text.replace("_cell_", "_cell.").replace("_atom_site_", "_atom_site.")
    assert only(dotted).numbers.tolist() == [14]


def test_magnetic_groups_lose_their_time_reversal() -> None:
    text = cubic(
        4,
        "loop_\n_space_group_symop_magn_operation.id\n_space_group_symop_magn_operation.xyz",
        "1 x,y,z,+1\n2 -x,-y,-z,-1",
        "loop_\n_space_group_symop_magn_centering.id\n_space_group_symop_magn_centering.xyz",
        "1 x,y,z,+1\n2 x+1/2,y+1/2,z+1/2,-1",
        sites="Mn .1 .2 .3",
    )
    assert len(only(text).numbers) == 4


def test_blocks_are_read_each_on_its_own() -> None:
    good = block("4 4 4 90 90 90", sites="Si 0 0 0", name="good")
    broken = "data_broken\nloop_\n_a\n_b\n1 2 3\n"
    found = list(cif.read("# comment\n" + good + broken + good.replace("good", "other")))
    assert [item.id for item in found] == ["good", "broken", "other"]
    assert isinstance(found[1], UnreadableError)
    assert "syntax is broken" in found[1].reason
    with pytest.raises(UnreadableError, match="not a CIF"):
        list(cif.read("POSCAR of something"))


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["mp-149"], ["mp-149"]),
        (["NaCl"], [None]),
        (["Mg(OH)2"], [None]),
        (["global"], [None]),
        (["2000123"], ["2000123"]),
        (["NaCl", "GaAs"], ["NaCl", "GaAs"]),
        (["image0", "image1"], [None, None]),
    ],
)
def test_a_block_is_named_by_what_tells_it_apart(names: list[str], ids: list[str | None]) -> None:
    text = "".join(block("4 4 4 90 90 90", sites="Si 0 0 0", name=name) for name in names)
    assert [item.id for item in cif.read(text)] == ids


def test_cell_is_right_handed_and_has_the_stated_shape() -> None:
    record = only(block("4 5 6 80 100 110", sites="Si 0 0 0"))
    assert np.linalg.det(record.lattice) > 0
    lengths = np.linalg.norm(record.lattice, axis=1)
    np.testing.assert_allclose(lengths, [4, 5, 6])
    a, b, c = record.lattice / lengths[:, None]
    np.testing.assert_allclose(np.degrees(np.arccos([b @ c, a @ c, a @ b])), [80, 100, 110])
