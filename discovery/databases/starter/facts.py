"""Read the facts: crystals, the prototypes they share and the references they cite."""

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from discovery.databases.starter import FOLDER

TOPOLOGY = ("strong TI", "weak TI", "TCI", "Weyl", "Dirac", "nodal line", "TSM", "trivial", "unknown")
PHASE = ("insulator", "semimetal", "metal")
MATERIALS_PROJECT = "Materials Project {}, CC-BY 4.0, doi:10.1063/1.4812323"


@dataclass(frozen=True, slots=True)
class Prototype:
    """A structure type: orbits of a space group with free parameters left open.

    Attributes:
        name: what the crystals call it.
        spacegroup: number in International Tables.
        sites: one line an orbit, role then three coordinates, e.g. ``A 1/3 2/3 u``.
        parameters: names of the free parameters in the order in which crystals give them.
        hall: Hall number where the setting is not the standard one, else 0.
    """

    name: str
    spacegroup: int
    sites: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    hall: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """One crystal as entered.

    Attributes:
        id: ``starter-FORMULA-SPACEGROUP``.
        formula: as chemists write it.
        family: name of the file it stands in.
        prototype: its structure type; for a crystal entered site by site a type of its own.
        atoms: element on each role of the prototype.
        cell: free lattice constants: a, b, c in Å, then the free angles in degrees.
        free: values of the prototype's parameters.
        topology: class in the literature, one of ``TOPOLOGY``.
        phase: one of ``PHASE``.
        band_gap: in eV, None where not stated.
        icsd_ids: space separated, None where not known to us.
        source: citations of lattice, coordinates and topology, and remarks.
    """

    id: str
    formula: str
    family: str
    prototype: Prototype
    atoms: Mapping[str, str]
    cell: tuple[float, ...]
    free: tuple[float, ...]
    topology: str
    phase: str
    band_gap: float | None
    icsd_ids: str | None
    source: str


@cache
def references() -> dict[str, str]:
    """Return the full citation for each key of ``references.csv``."""
    with (FOLDER / "references.csv").open(newline="", encoding="utf-8") as file:
        return {row["key"]: row["citation"] for row in csv.DictReader(file)}


@cache
def prototypes() -> dict[str, Prototype]:
    """Return the structure types of ``prototypes.toml`` by name."""
    entries = tomllib.loads((FOLDER / "prototypes.toml").read_text(encoding="utf-8"))
    return {
        name: Prototype(
            name,
            entry["spacegroup"],
            tuple(entry["sites"]),
            tuple(entry.get("parameters", "").split()),
            entry.get("hall", 0),
        )
        for name, entry in entries.items()
    }


def crystals() -> list[Fact]:
    """Return all crystals, sorted by id.

    Raises:
        ValueError: a line that is not as it should be, named by file and line.
    """
    facts = []
    for path in sorted((FOLDER / "crystals").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            for row in reader:
                try:
                    facts.append(fact(row, path.stem))
                except (KeyError, ValueError) as error:
                    raise ValueError(f"{path.name}, line {reader.line_num}: {error}") from error
    return sorted(facts, key=lambda entry: entry.id)


def fact(row: Mapping[str, str], family: str) -> Fact:
    """Read one line of a crystals file.

    Raises:
        KeyError: an unknown prototype or reference.
        ValueError: an unknown class or phase, or the wrong number of atoms or parameters.
    """
    if row["prototype"].isdigit():
        orbits = [site.split() for site in row["atoms"].split(";")]
        roles = tuple(f"site{i}" for i in range(len(orbits)))
        sites = tuple(" ".join([role, *orbit[1:]]) for role, orbit in zip(roles, orbits, strict=True))
        prototype = Prototype(f"{row['formula']} type", int(row["prototype"]), sites)
        elements = [orbit[0] for orbit in orbits]
    else:
        prototype = prototypes()[row["prototype"]]
        roles = tuple(dict.fromkeys(site.split()[0] for site in prototype.sites))
        elements = row["atoms"].split()
    free = tuple(map(float, row["free"].split()))
    if len(elements) != len(roles):
        raise ValueError(f"{prototype.name} has roles {' '.join(roles)}, not {len(elements)} elements")
    if len(free) != len(prototype.parameters):
        raise ValueError(f"{prototype.name} has parameters {prototype.parameters}, not {len(free)} numbers")
    for column, allowed in (("topology", TOPOLOGY), ("phase", PHASE)):
        if row[column] not in allowed:
            raise ValueError(f"{column} {row[column]!r} is none of {', '.join(allowed)}")
    return Fact(
        id=f"starter-{row['formula']}-{prototype.spacegroup}",
        formula=row["formula"],
        family=family,
        prototype=prototype,
        atoms=dict(zip(roles, elements, strict=True)),
        cell=tuple(map(float, row["cell"].split())),
        free=free,
        topology=row["topology"],
        phase=row["phase"],
        band_gap=float(row["gap"]) if row["gap"] else None,
        icsd_ids=row["icsd"] or None,
        source=source(row),
    )


def source(row: Mapping[str, str]) -> str:
    """Spell out the citations of one line."""
    parts = [
        f"{title}: {' and '.join(cite(key) for key in row[column].split())}"
        for title, column in (
            ("Structure", "structure"),
            ("Coordinates", "coordinates"),
            ("Topology", "literature"),
        )
        if row[column]
    ]
    return ". ".join([*parts, row["note"]] if row["note"] else parts) + "."


def cite(key: str) -> str:
    """Return the citation for a reference key or a Materials Project id.

    Raises:
        KeyError: the key is not in ``references.csv``.
    """
    return MATERIALS_PROJECT.format(key) if key.startswith("mp-") else references()[key]


def volume_notes() -> dict[str, str]:
    """Return, by id, why a measured volume legitimately differs from a computed one by over 7 %."""
    path: Path = FOLDER / "pbe_volume_notes.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id"]: row["note"] for row in csv.DictReader(file)}
