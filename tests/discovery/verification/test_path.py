"""Paths belong to the cell that they are given for, in every kind of lattice."""

import numpy as np
import pytest
import spglib
from pymatgen.core import Lattice, Structure

from discovery.verification.engines import StepError
from discovery.verification.path import band_path, inversion_centre, space_group, standard_cell

X = 0.137
GENERAL = [X, 0.291, 0.413]


def crystal(number: int, lattice: Lattice, *more: tuple[str, list[float]]) -> Structure:
    sites = [("Na", GENERAL), *more]
    return Structure.from_spacegroup(number, lattice, [s for s, _ in sites], [r for _, r in sites])


CRYSTALS = {
    "P-1": crystal(2, Lattice.from_parameters(4.1, 5.2, 6.3, 81, 97, 103)),
    "C2": crystal(5, Lattice.monoclinic(9.0, 4.3, 6.1, 111), ("Cl", [0, 0, 0])),
    "C2/c": crystal(15, Lattice.monoclinic(9.0, 4.3, 6.1, 111)),
    "Cmc21": crystal(36, Lattice.orthorhombic(4.1, 9.2, 6.3)),
    "Amm2": crystal(38, Lattice.orthorhombic(4.1, 9.2, 6.3)),
    "Amm2, b < c": crystal(38, Lattice.orthorhombic(4.1, 5.2, 7.3)),
    "Aem2": crystal(39, Lattice.orthorhombic(4.1, 9.2, 6.3)),
    "Ama2": crystal(40, Lattice.orthorhombic(4.1, 9.2, 6.3)),
    "Aea2": crystal(41, Lattice.orthorhombic(7.1, 9.2, 6.3)),
    "Fdd2": crystal(43, Lattice.orthorhombic(7.1, 9.2, 6.3)),
    "Imma": crystal(74, Lattice.orthorhombic(7.1, 9.2, 6.3)),
    "I-42m": crystal(121, Lattice.tetragonal(5.7, 11.3)),
    "I4/mmm, c < a": crystal(139, Lattice.tetragonal(9.7, 4.3)),
    "R3m": crystal(160, Lattice.hexagonal(4.2, 10.4)),
    "R-3m": crystal(166, Lattice.hexagonal(4.2, 30.4)),
    "P63mc": crystal(186, Lattice.hexagonal(4.2, 6.4)),
    "F-43m": Structure.from_spacegroup("F-43m", Lattice.cubic(5.6), ["Ga", "As"], [[0] * 3, [0.25] * 3]),
    "I-43d": crystal(220, Lattice.cubic(9.1)),
}


@pytest.mark.parametrize("name", CRYSTALS)
def test_standard_cell_is_primitive_and_stays(name: str) -> None:
    given = CRYSTALS[name]
    number = space_group(given)
    cell = standard_cell(given)
    assert space_group(cell) == number
    numbers = [site.specie.Z for site in given]
    primitive = spglib.find_primitive((given.lattice.matrix, given.frac_coords, numbers), symprec=0.01)
    assert len(cell) == len(primitive[2])
    again = standard_cell(cell)
    assert np.allclose(sorted(again.lattice.abc), sorted(cell.lattice.abc), atol=1e-4)
    # any other cell and origin of the same crystal leads to a cell as good
    turned = given.copy()
    turned.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    turned.translate_sites(range(len(turned)), [0.123, 0.456, 0.789])
    assert standard_cell(turned).volume == pytest.approx(cell.volume)
    assert len(band_path(standard_cell(turned)).kpoints) == len(band_path(cell).kpoints)


@pytest.mark.parametrize("name", CRYSTALS)
def test_special_points_lie_on_the_zone_boundary(name: str) -> None:
    """Every corner but Γ is as near to another reciprocal lattice point as to its own, by plain geometry.

    A path of another setting, or axes under other names, puts its corners inside the zone.
    """
    cell = standard_cell(CRYSTALS[name])
    path = band_path(cell)
    reciprocal = cell.lattice.reciprocal_lattice.matrix
    near = np.array(list(np.ndindex(5, 5, 5))) - 2
    for place, label in path.labels:
        k = path.kpoints[place]
        if label == "Γ":
            assert np.allclose(k, 0)
            continue
        k = k - np.round(k)
        distances = np.sort(np.linalg.norm((k - near) @ reciprocal, axis=1))
        assert distances[1] - distances[0] < 1e-6, (label, path.kpoints[place])


def test_path_walks_and_jumps() -> None:
    cell = standard_cell(CRYSTALS["F-43m"])
    path = band_path(cell, spacing=0.1)
    step = np.linalg.norm(np.diff(path.kpoints, axis=0) @ cell.lattice.reciprocal_lattice.matrix, axis=1)
    walked = np.diff(path.distance)
    still = walked < 1e-9
    assert np.allclose(step[~still], walked[~still], atol=1e-6)
    assert walked.max() < 0.2
    assert [name for _, name in path.ticks] == ["Γ", "X", "U|K", "Γ", "L", "W", "X"]


def test_other_cells_are_refused() -> None:
    given = CRYSTALS["F-43m"]
    with pytest.raises(StepError, match="not the standardised primitive one"):
        band_path(given)
    sheared = standard_cell(given)
    sheared.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    with pytest.raises(StepError, match="not the standardised primitive one"):
        band_path(sheared)
    # tetragonal along another axis, with a = c by accident: the lattice alone would not tell
    cube = Structure(Lattice.cubic(4.0), ["Pb", "Ti", "O"], [[0, 0, 0], [0.46, 0.5, 0.5], [0.9, 0.5, 0.5]])
    assert space_group(cube) == 99
    with pytest.raises(StepError, match="not the standardised primitive one"):
        band_path(cube)
    band_path(standard_cell(cube))


def test_inversion_lies_at_the_origin() -> None:
    diamond = Structure.from_spacegroup("Fd-3m", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]])
    cell = standard_cell(diamond)
    centre = inversion_centre(cell)
    assert centre is not None
    assert np.allclose(2 * centre - np.round(2 * centre), 0, atol=1e-8)
    inverted = Structure(cell.lattice, cell.species, -cell.frac_coords)
    for site in inverted:
        assert min(site.distance(other) for other in cell) < 1e-6
    assert inversion_centre(standard_cell(CRYSTALS["F-43m"])) is None


def test_partly_occupied_sites_are_refused() -> None:
    alloy = Structure(Lattice.cubic(4.0), [{"Sn": 0.5, "Pb": 0.5}], [[0, 0, 0]])
    with pytest.raises(StepError, match="partly occupied"):
        standard_cell(alloy)
