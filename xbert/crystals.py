"""Crystals as columns: one Arrow table, zero-copy NumPy views, one row per crystal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

LATTICE = pa.list_(pa.float32(), 9)
GEOMETRY = pa.schema(
    [
        ("id", pa.string()),
        ("lattice", LATTICE),
        ("atomic_numbers", pa.list_(pa.uint8())),
        ("frac_coords", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True, slots=True)
class Crystal:
    """One crystal.

    Attributes:
        id: name of the crystal in its database.
        lattice: (3, 3) rows a, b, c in Å.
        numbers: (n,) atomic numbers.
        frac_coords: (n, 3) fractional coordinates.
    """

    id: str
    lattice: np.ndarray
    numbers: np.ndarray
    frac_coords: np.ndarray

    @property
    def volume(self) -> float:
        """Cell volume in Å³."""
        return float(abs(np.linalg.det(self.lattice.astype(np.float64))))

    def to_structure(self) -> "Structure":
        """Return the crystal as a pymatgen Structure."""
        from pymatgen.core import Element, Structure

        species = [Element.from_Z(int(z)) for z in self.numbers]
        return Structure(self.lattice.astype(float), species, self.frac_coords.astype(float))

    def to_atoms(self) -> "Atoms":
        """Return the crystal as periodic ASE Atoms, with the id in ``info``."""
        from ase import Atoms

        return Atoms(
            numbers=self.numbers,
            scaled_positions=self.frac_coords.astype(float),
            cell=self.lattice.astype(float),
            pbc=True,
            info={"id": self.id},
        )


class CrystalTable:
    """Crystals in columns, as they lie on disk.

    The Arrow table holds ``id`` (string), ``lattice`` (float32[9], rows a, b, c in Å),
    ``atomic_numbers`` (list<uint8>), ``frac_coords`` (list<float32>, three per atom) and any
    property columns. The NumPy attributes are views of its buffers, never copies.
    """

    def __init__(self, arrow: pa.Table) -> None:
        missing = [name for name in GEOMETRY.names if name not in arrow.column_names]
        if missing:
            raise ValueError(
                f"not a crystal table: no column {', '.join(missing)}; "
                f"a crystal table has id, lattice, atomic_numbers, frac_coords"
            )
        for field in GEOMETRY:
            column = arrow.schema.get_field_index(field.name)
            if arrow.schema.field(column).type != field.type:
                try:
                    values = arrow.column(column).cast(field.type)
                except pa.ArrowException as error:
                    raise ValueError(
                        f"not a crystal table: {field.name} is not {field.type} ({error})"
                    ) from None
                arrow = arrow.set_column(column, field.name, values)
        self.arrow = arrow.combine_chunks()
        for name in GEOMETRY.names[1:]:
            # A null would leave the flat views shorter than the table.
            if self._chunk(name).null_count or self._chunk(name).flatten().null_count:
                raise ValueError(f"not a crystal table: {name} holds nulls")
        counts, coordinates = (
            self._chunk(name).value_lengths().to_numpy() for name in ("atomic_numbers", "frac_coords")
        )
        if not np.array_equal(coordinates, 3 * counts):
            raise ValueError("not a crystal table: frac_coords must hold three numbers for each atom")

    @classmethod
    def from_crystals(
        cls, crystals: Sequence[Crystal], properties: Mapping[str, Any] | None = None
    ) -> "CrystalTable":
        """Stack crystals, with optional property columns of the same length."""
        counts = [len(c.numbers) for c in crystals]
        return cls.from_arrays(
            [c.id for c in crystals],
            np.stack([c.lattice for c in crystals]) if crystals else np.empty((0, 3, 3)),
            np.concatenate([c.numbers for c in crystals]) if crystals else np.empty(0),
            np.concatenate([c.frac_coords for c in crystals]) if crystals else np.empty((0, 3)),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            properties,
        )

    @classmethod
    def from_arrays(
        cls,
        ids: Sequence[str],
        lattices: np.ndarray,
        numbers: np.ndarray,
        frac_coords: np.ndarray,
        offsets: np.ndarray,
        properties: Mapping[str, Any] | None = None,
    ) -> "CrystalTable":
        """Build from flat arrays.

        Args:
            ids: (n,) names.
            lattices: (n, 3, 3) in Å.
            numbers: (atoms,) atomic numbers of all crystals, one after the other.
            frac_coords: (atoms, 3).
            offsets: (n + 1,) where crystal i owns atoms offsets[i]:offsets[i + 1].
            properties: extra columns.
        """
        lattice = np.ascontiguousarray(lattices, dtype=np.float32).reshape(-1)
        offsets = np.asarray(offsets)
        numbers = np.asarray(numbers)
        if numbers.size and not (numbers.min() >= 0 and numbers.max() <= 255):
            raise ValueError(f"atomic numbers run from {numbers.min()} to {numbers.max()}, not within 0–255")
        columns: dict[str, Any] = {
            "id": pa.array(list(ids), pa.string()),
            "lattice": pa.FixedSizeListArray.from_arrays(pa.array(lattice), 9),
            "atomic_numbers": pa.ListArray.from_arrays(
                pa.array(offsets.astype(np.int32)), pa.array(np.asarray(numbers, dtype=np.uint8))
            ),
            "frac_coords": pa.ListArray.from_arrays(
                pa.array((3 * offsets).astype(np.int32)),
                pa.array(np.ascontiguousarray(frac_coords, dtype=np.float32).reshape(-1)),
            ),
        }
        return cls(pa.table(columns | dict(properties or {})))

    @classmethod
    def read_parquet(cls, path: Path | str, columns: Sequence[str] | None = None) -> "CrystalTable":
        """Read a Parquet file; ``columns`` limits the property columns."""
        wanted = None if columns is None else [*GEOMETRY.names, *columns]
        return cls(pq.read_table(path, columns=wanted))

    def write_parquet(self, path: Path | str) -> None:
        """Write the table in the form that ``read_parquet`` reads."""
        pq.write_table(self.arrow, path, compression="zstd")

    def __len__(self) -> int:
        return self.arrow.num_rows

    def __iter__(self) -> Iterator[Crystal]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, row: int) -> Crystal:
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of a table of {len(self)} crystals")
        row %= len(self)
        atoms = slice(self.offsets[row], self.offsets[row + 1])
        return Crystal(
            self.arrow.column("id")[row].as_py(),
            self.lattices[row],
            self.numbers_flat[atoms],
            self.frac_flat[atoms],
        )

    @property
    def ids(self) -> list[str]:
        """Names of the crystals."""
        return self.arrow.column("id").to_pylist()

    @cached_property
    def lattices(self) -> np.ndarray:
        """(n, 3, 3) float32 view, rows a, b, c in Å."""
        return self._values("lattice").reshape(-1, 3, 3)

    @cached_property
    def numbers_flat(self) -> np.ndarray:
        """(atoms,) uint8 view of all atomic numbers."""
        return self._values("atomic_numbers")

    @cached_property
    def frac_flat(self) -> np.ndarray:
        """(atoms, 3) float32 view of all fractional coordinates."""
        return self._values("frac_coords").reshape(-1, 3)

    @cached_property
    def offsets(self) -> np.ndarray:
        """(n + 1,) int64: crystal i owns atoms offsets[i]:offsets[i + 1] of the flat arrays."""
        lengths = self._chunk("atomic_numbers").value_lengths().to_numpy()
        return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    @property
    def n_atoms(self) -> np.ndarray:
        """(n,) atoms in each cell."""
        return np.diff(self.offsets)

    @property
    def property_names(self) -> list[str]:
        """Names of the columns beyond the geometry."""
        return [name for name in self.arrow.column_names if name not in GEOMETRY.names]

    def keep(self, names: Sequence[str]) -> "CrystalTable":
        """Return the table with the geometry and only these property columns."""
        return CrystalTable(self.arrow.select([*GEOMETRY.names, *names]))

    def take(self, rows: Sequence[int] | np.ndarray) -> "CrystalTable":
        """Return the crystals at ``rows``, in that order."""
        return CrystalTable(self.arrow.take(pa.array(np.asarray(rows, dtype=np.int64))))

    def slice(self, start: int, length: int | None = None) -> "CrystalTable":
        """Return ``length`` crystals from ``start`` on, without copying."""
        return CrystalTable(self.arrow.slice(start, length))

    def batches(self, size: int) -> Iterator["CrystalTable"]:
        """Yield consecutive slices of at most ``size`` crystals."""
        return (self.slice(start, size) for start in range(0, len(self), size))

    def with_columns(self, columns: Mapping[str, Any]) -> "CrystalTable":
        """Return the table with property columns added or replaced."""
        arrow = self.arrow
        for name, values in columns.items():
            if name in arrow.column_names:
                arrow = arrow.drop_columns(name)
            arrow = arrow.append_column(
                name, values if isinstance(values, pa.ChunkedArray) else pa.array(values)
            )
        return CrystalTable(arrow)

    def _chunk(self, name: str) -> Any:
        column = self.arrow.column(name)
        return column.chunk(0) if column.num_chunks else pa.array([], column.type)

    def _values(self, name: str) -> np.ndarray:
        return self._chunk(name).flatten().to_numpy(zero_copy_only=True)
