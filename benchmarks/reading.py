"""Time the CIF reader against pymatgen's, and the checks, on one core.

Usage: OMP_NUM_THREADS=1 python benchmarks/reading.py FOLDER_OF_CIFS [--parquet CRYSTALS.parquet]
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from xbert.crystals import CrystalTable
from xbert.readers import iter_crystals
from xbert.validation import check_table

ROUNDS = 3


def best(run: Callable[[], int]) -> float:
    """Crystals per second in the fastest of three rounds."""
    rates = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        count = run()
        rates.append(count / (time.perf_counter() - start))
    return max(rates)


def ours(files: list[Path]) -> int:
    return sum(len(table) for table, _ in iter_crystals(files))


def pymatgens(files: list[Path]) -> int:
    from pymatgen.io.cif import CifParser

    return sum(len(CifParser(file).parse_structures(primitive=False)) for file in files)


def reduced(files: list[Path], folder: Path) -> list[Path]:
    """Write the CIFs again with the symmetry that pymatgen finds, as databases of experiments do."""
    from pymatgen.core import Structure
    from pymatgen.io.cif import CifWriter

    for file in files:
        CifWriter(Structure.from_file(file), symprec=0.01).write_file(folder / file.name)
    return sorted(folder.glob("*.cif"))


def report(title: str, files: list[Path]) -> None:
    atoms = [n for table, _ in iter_crystals(files) for n in table.n_atoms]
    pymatgens(files[:1])
    mine, theirs = best(lambda: ours(files)), best(lambda: pymatgens(files))
    print(f"{title}: {len(files)} files, {sum(atoms) / len(atoms):.0f} atoms on average")
    print(f"  iter_crystals        {mine:8.0f} crystals/s")
    print(f"  pymatgen CifParser   {theirs:8.0f} crystals/s")
    print(f"  ratio                {mine / theirs:8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parquet", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    files = sorted(arguments.folder.glob("*.cif"))
    report("CIFs that list all atoms", files)
    with TemporaryDirectory() as folder:
        report("CIFs reduced by symmetry", reduced(files, Path(folder)))
    if arguments.parquet:
        table = CrystalTable.read_parquet(arguments.parquet, columns=[])
        rate = best(lambda: sum(len(check_table(batch)[0]) for batch in table.batches(2048)))
        print(f"checks: {len(table):,} crystals, {table.n_atoms.mean():.0f} atoms on average")
        print(f"  check_table          {rate:8.0f} crystals/s")


if __name__ == "__main__":
    main()
