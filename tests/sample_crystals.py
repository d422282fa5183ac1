"""Small crystals made by code, for tests."""

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal as spacegroup_crystal

from xbert.crystals import Crystal, CrystalTable
from xbert.features import Features, features_of
from xbert.symmetry import standardise


def from_atoms(atoms: Atoms, name: str) -> Crystal:
    return Crystal(
        name,
        atoms.cell.array.astype(np.float32),
        atoms.numbers.astype(np.uint8),
        atoms.get_scaled_positions().astype(np.float32),
    )


def sample_atoms() -> dict[str, Atoms]:
    """One crystal of each of several symmetries, chiral, polar and centrosymmetric."""
    quartz = spacegroup_crystal(
        ["Si", "O"],
        [(0.4697, 0.0, 2 / 3), (0.4135, 0.2669, 0.7858)],
        spacegroup=154,
        cellpar=[4.916, 4.916, 5.4054, 90, 90, 120],
    )
    rutile = spacegroup_crystal(
        ["Ti", "O"],
        [(0, 0, 0), (0.3053, 0.3053, 0)],
        spacegroup=136,
        cellpar=[4.594, 4.594, 2.959, 90, 90, 90],
    )
    bismuth_selenide = spacegroup_crystal(
        ["Bi", "Se", "Se"],
        [(0, 0, 0.4008), (0, 0, 0), (0, 0, 0.2117)],
        spacegroup=166,
        cellpar=[4.143, 4.143, 28.636, 90, 90, 120],
    )
    return {
        "Si": bulk("Si", "diamond", a=5.431),
        "GaAs": bulk("GaAs", "zincblende", a=5.653),
        "W": bulk("W", "bcc", a=3.165),
        "Cu": bulk("Cu", "fcc", a=3.615),
        "ZnO": bulk("ZnO", "wurtzite", a=3.25, c=5.207, u=0.3819),
        "SiO2": quartz,
        "TiO2": rutile,
        "Bi2Se3": bismuth_selenide,
    }


def sample_crystals() -> list[Crystal]:
    return [from_atoms(atoms, name) for name, atoms in sample_atoms().items()]


def sample_table() -> CrystalTable:
    return CrystalTable.from_crystals(sample_crystals())


def features_in_standard_cells(table: CrystalTable) -> Features:
    """What a model sees of crystals given in any cell."""
    cells = standardise(table)
    return features_of(cells.crystals, cells.spacegroup, cells.n_electrons)


def disguise(crystal: Crystal, rng: np.random.Generator, repeat: tuple[int, int, int]) -> Crystal:
    """The same crystal as a supercell with permuted atoms, turned and with another origin."""
    atoms = crystal.to_atoms().repeat(repeat)
    order = rng.permutation(len(atoms))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    return Crystal(
        crystal.id,
        (atoms.cell.array @ turn).astype(np.float32),
        atoms.numbers[order].astype(np.uint8),
        ((atoms.get_scaled_positions()[order] + rng.random(3)) % 1.0).astype(np.float32),
    )
