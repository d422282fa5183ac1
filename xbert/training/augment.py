"""Symmetry lowering: a labelled centrosymmetric crystal, slightly distorted into a group without inversion.

A topological index of an insulator changes only where the gap closes. A distortion that is small beside the
gap therefore keeps the strong Z2 index while it takes inversion away, so that crystals of known topology
appear in groups where no symmetry eigenvalue could have told it. Which labels may be carried along is
decided in ``xbert.training.carried``.

The distortion is a random field of displacements, and a homogeneous strain, made symmetric under a
translationengleiche subgroup. What the field keeps of the whole group is taken off, so that ``amplitude``
measures the loss of symmetry alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xbert.crystals import Crystal, CrystalTable
from xbert.features import Features, features_of
from xbert.training.subgroups import Operations, inversionless_classes, operations_of, subgroup_number

PARENT_SYMPREC = 5e-3
"""Å; crystals from ``xbert.symmetry.standardise`` are idealised far better."""

_SAME = 0.02  # of the field: what an operation may change of a field it keeps
_GREATEST = 2.0  # no atom moves farther than this times the amplitude


@dataclass(frozen=True)
class Distortion:
    """How far to distort.

    Attributes:
        amplitude: least and greatest root mean square displacement over the atoms of a cell, in Å; one value
            between them is drawn for each crystal. No atom moves farther than twice that.
        strain: greatest principal strain; between half of it and all of it is drawn. 0 keeps the cell.
        symprec: tolerance in Å at which spglib has to find the new group.
        tries: subgroups that are tried before a crystal is given up.
    """

    amplitude: tuple[float, float] = (0.02, 0.08)
    strain: float = 0.005
    symprec: float = 2e-3
    tries: int = 12

    def __post_init__(self) -> None:
        low, high = self.amplitude
        if not 0.0 < low <= high:
            raise ValueError(f"amplitudes {low}–{high} Å: give two positive lengths, the smaller first")
        if self.symprec > low / 5:
            raise ValueError(
                f"symprec {self.symprec} Å cannot tell a distortion of {low} Å; take a fifth of it"
            )
        if not 0.0 <= self.strain <= 0.02:
            raise ValueError(f"strain {self.strain}: give a small number, such as 0.005")


@dataclass(frozen=True)
class Lowered:
    """A crystal that lost its inversion.

    Attributes:
        crystal: with the atoms and the id of the parent, in the primitive cell of the parent, distorted.
        spacegroup: number of its group, as spglib finds it.
        parent_spacegroup: number of the group it had.
        displacement: root mean square displacement in Å, over all atoms.
        farthest: greatest displacement of an atom in Å.
        strain: greatest principal strain.
    """

    crystal: Crystal
    spacegroup: int
    parent_spacegroup: int
    displacement: float
    farthest: float
    strain: float


def lowered(
    crystal: Crystal,
    rng: np.random.Generator,
    distortion: Distortion | None = None,
    weights: np.ndarray | None = None,
) -> Lowered | None:
    """Distort a centrosymmetric crystal into a subgroup without inversion.

    Args:
        crystal: in a primitive cell, sites idealised (as ``xbert.symmetry.standardise`` gives them).
        rng: decides subgroup, field and amplitude; the same state gives the same crystal.
        distortion: how far.
        weights: (231,) weight of each space-group number as a target, such as how often it occurs in the
            database that will be screened. Without them a subgroup is as probable as it has operations.

    Returns:
        None for a crystal without inversion, and where no distortion of these atoms reaches a wanted group.
        Moving the two atoms of diamond's cell apart keeps inversion between them, as every strain does, and
        one atom alone has nothing to move against: silicon and tungsten cannot be lowered.

    Raises:
        ValueError: for a cell that is not primitive.
    """
    how = distortion or Distortion()
    operations = operations_of(crystal, PARENT_SYMPREC)
    if operations is None or not operations.inversion:
        return None
    classes = inversionless_classes(operations.rotations)
    if weights is None:
        weight = np.array([len(rows) for rows in classes], dtype=float)
    else:
        numbers = [subgroup_number(operations, rows, crystal.lattice) for rows in classes]
        weight = np.asarray(weights, dtype=float)[numbers]
    if weight.sum() <= 0:
        return None
    wanted = min(how.tries, int((weight > 0).sum()))
    order = rng.choice(len(classes), wanted, replace=False, p=weight / weight.sum())
    moves = _Moves.of(crystal, operations)
    for chosen in order:
        rows = classes[chosen]
        made = _distorted(crystal, moves, rows, rng, how)
        if made is None:
            continue
        target = subgroup_number(operations, rows, crystal.lattice)
        found = operations_of(made.crystal, how.symprec)
        if found is not None and found.number == target and len(found.rotations) == len(rows):
            return Lowered(
                made.crystal, target, operations.number, made.displacement, made.farthest, made.strain
            )
    return None


def lowered_table(
    table: CrystalTable,
    seed: int = 0,
    copies: int = 1,
    distortion: Distortion | None = None,
    weights: np.ndarray | None = None,
) -> tuple[list[Lowered], np.ndarray]:
    """Distort every crystal of a table ``copies`` times; those that cannot be distorted are left out.

    The result for a crystal depends on its id, its copy and the seed alone, not on the other rows.

    Args:
        table: primitive standard cells.
        seed: of all random choices.
        copies: of each crystal.
        distortion: see ``lowered``.
        weights: see ``lowered``.

    Returns:
        The m distorted crystals and the (m,) rows of their parents.
    """
    made, rows = [], []
    for row, crystal in enumerate(table):
        for rng in _generators(crystal.id, seed, copies):
            one = lowered(crystal, rng, distortion, weights)
            if one is not None:
                made.append(one)
                rows.append(row)
    return made, np.array(rows, dtype=np.int64)


def features_of_lowered(crystals: list[Lowered], vectors: bool = False) -> Features:
    """Compute the model inputs of distorted crystals, which keep the electrons of their parents.

    The groups are those of the subgroups. To standardise the crystals anew would undo the distortion: the
    tolerance of ``xbert.symmetry`` (0.1 Å) is wider than it is.

    Args:
        crystals: from ``lowered``.
        vectors: for encoders that know angles.
    """
    return features_of(
        CrystalTable.from_crystals([one.crystal for one in crystals]),
        np.array([one.spacegroup for one in crystals], dtype=np.int16),
        np.array([int(one.crystal.numbers.sum(dtype=np.int64)) for one in crystals], dtype=np.int64),
        vectors=vectors,
    )


def _generators(name: str, seed: int, copies: int) -> Iterator[np.random.Generator]:
    for copy in range(copies):
        yield np.random.default_rng([seed, copy, *name.encode()])


@dataclass(frozen=True)
class _Moves:
    """What each operation of a group does to displacements and strains, in Cartesian axes.

    Attributes:
        images: (g, n) int64, atom i goes to atom images[g, i].
        turns: (g, 3, 3), a column vector v goes to turns[g] @ v.
    """

    images: np.ndarray
    turns: np.ndarray

    @classmethod
    def of(cls, crystal: Crystal, operations: Operations) -> "_Moves":
        lattice, frac = crystal.lattice.astype(float), crystal.frac_coords.astype(float)
        moved = np.einsum("gab,nb->gna", operations.rotations, frac) + operations.translations[:, None]
        apart = moved[:, :, None] - frac
        apart -= np.round(apart)
        far = np.linalg.norm(apart @ lattice, axis=-1)
        far[:, crystal.numbers[:, None] != crystal.numbers] = np.inf
        # Rows of the lattice are vectors: Cartesian columns turn by Lᵀ W L⁻ᵀ.
        turns = lattice.T @ operations.rotations @ np.linalg.inv(lattice.T)
        return cls(far.argmin(2), turns)

    def fields(self, field: np.ndarray) -> np.ndarray:
        """Return (g, n, 3): the field (n, 3) in Å as each operation leaves it."""
        result = np.empty((len(self.turns), *field.shape))
        np.put_along_axis(result, self.images[:, :, None], field @ self.turns.transpose(0, 2, 1), axis=1)
        return result

    def strains(self, strain: np.ndarray) -> np.ndarray:
        """Return (g, 3, 3): the symmetric tensor as each operation leaves it."""
        return self.turns @ strain @ self.turns.transpose(0, 2, 1)


@dataclass(frozen=True)
class _Made:
    crystal: Crystal
    displacement: float
    farthest: float
    strain: float


def _distorted(
    crystal: Crystal, moves: _Moves, rows: np.ndarray, rng: np.random.Generator, how: Distortion
) -> _Made | None:
    """Distort under the operations at ``rows``; None where every such distortion keeps more of the group."""
    field = _lost(moves.fields(rng.normal(size=(len(crystal.numbers), 3))), rows)
    field -= field.mean(0)  # moving all atoms together changes nothing
    noise = rng.normal(size=(3, 3))
    strain = _lost(moves.strains(noise + noise.T), rows) if how.strain else np.zeros((3, 3))
    size, principal = np.sqrt((field**2).sum(1).mean()), np.abs(np.linalg.eigvalsh(strain)).max()
    field = field / size if size > 1e-3 else np.zeros_like(field)
    strain = strain / principal if principal > 1e-3 else np.zeros_like(strain)
    kept = (np.abs(moves.fields(field) - field).max((1, 2), initial=0.0) < _SAME) & (
        np.abs(moves.strains(strain) - strain).max((1, 2)) < _SAME
    )
    if kept.sum() != len(rows):
        return None
    amplitude = rng.uniform(*how.amplitude)
    field *= amplitude
    farthest = np.linalg.norm(field, axis=1).max()
    if farthest > _GREATEST * amplitude:
        field *= _GREATEST * amplitude / farthest
    strain *= how.strain * rng.uniform(0.5, 1.0)
    lattice = crystal.lattice.astype(float)
    frac = crystal.frac_coords.astype(float) + field @ np.linalg.inv(lattice)
    return _Made(
        Crystal(crystal.id, lattice @ (np.eye(3) + strain), crystal.numbers, frac % 1.0),
        float(np.sqrt((field**2).sum(1).mean())),
        float(np.linalg.norm(field, axis=1).max()),
        float(np.abs(np.linalg.eigvalsh(strain)).max()),
    )


def _lost(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Average over the subgroup, less the average over the group: what is left breaks the rest of it."""
    return np.asarray(images[rows].mean(0) - images.mean(0))
