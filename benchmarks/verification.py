"""Verify crystals that the literature agrees on and hold what comes out against it.

    python benchmarks/verification.py DIR                     # all of verification.toml, smallest first
    python benchmarks/verification.py DIR --only Sb GaAs --preset fast --ranks 2
    python benchmarks/verification.py DIR --table             # only print what is there

Every crystal goes through the Flow of `discover verify` with Quantum ESPRESSO in a folder below DIR and is
taken up where it stood, so that the command may be stopped and given again. Prints a Markdown table: what was
computed, what the literature says, wall time and memory. What failed or did not converge stays in it, with
the reason.
"""

import argparse
import hashlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from candidates.verification import Verification

CASES = Path(__file__).with_suffix(".toml")


def read_cases(only: list[str]) -> list[dict[str, Any]]:
    """Return the crystals, in the order of the file."""
    with CASES.open("rb") as file:
        cases: list[dict[str, Any]] = tomllib.load(file)["crystal"]
    if unknown := set(only) - {case["name"] for case in cases}:
        raise SystemExit(f"{', '.join(sorted(unknown))}: not in {CASES}")
    return [case for case in cases if not only or case["name"] in only]


def structure_of(case: dict[str, Any]) -> "Structure":
    """Build a crystal from its space group; sites may be numbered (`Se1`)."""
    from pymatgen.core import Lattice, Structure
    from pymatgen.symmetry.groups import SpaceGroup

    lengths = case["lattice"]
    system = SpaceGroup(case["spacegroup"]).crystal_system
    make = {"cubic": Lattice.cubic, "tetragonal": Lattice.tetragonal}.get(system, Lattice.hexagonal)
    lattice = make(*lengths)
    elements = [label.rstrip("0123456789") for label in case["sites"]]
    return Structure.from_spacegroup(case["spacegroup"], lattice, elements, list(case["sites"].values()))


def verify(case: dict[str, Any], root: Path, preset: str, overrides: dict[str, Any], ranks: int) -> None:
    """Run the Flow of a crystal, or go on with it."""
    from dft_templates.presets import load_preset
    from discovery.verification.flow import make_request
    from discovery.verification.local import run_here
    from discovery.verification.options import Options

    candidate = hashlib.sha256(case["name"].encode()).hexdigest()[:12]
    options = Options(relax=False, surfaces=False, ranks=ranks)
    where = root / case["name"]
    request = make_request(
        structure_of(case),
        candidate,
        case["name"],
        where,
        "espresso",
        load_preset(preset, overrides),
        options,
    )
    run_here(request, lambda event: print(f"{case['name']}: {event.step} {event.state}", flush=True))


def row(case: dict[str, Any], root: Path) -> str:
    """Return a line of the table."""
    from discovery.verification.collect import collect
    from discovery.verification.engines import StepError

    places = [path for path in sorted((root / case["name"]).glob("*")) if path.is_dir()]
    try:
        record = collect(places[0]) if places else None
    except StepError:
        record = None
    expected = f"{case['topology']} {_indices(case['z2'])}"
    if "in_pbe" in case:
        expected += f"; in PBE {case['in_pbe']}"
    if record is None:
        return f"| {case['name']} | not begun | {expected} | | {case.get('gap_mev', '')} | | |"
    seconds = sum(step.seconds or 0.0 for step in record.steps)
    memory = max((step.memory_mb or 0.0 for step in record.steps), default=0.0)
    gap = record.verdict.indirect_gap if record.verdict and record.verdict.indirect_gap is not None else None
    return (
        f"| {case['name']} | {_found(record)} | {expected} | {'' if gap is None else f'{gap:.0f}'} "
        f"| {case.get('gap_mev', '')} | {seconds / 60:.1f} | {memory:.0f} |"
    )


def _found(record: "Verification") -> str:
    bad = [step for step in record.steps if step.state == "failed"]
    if bad and (record.verdict is None or record.state == "failed"):
        return f"failed at {bad[0].name}: {bad[0].reason}"
    if record.verdict is None:
        return record.state
    indices = "; ".join(f"{_indices(z2)} by {method}" for method, z2 in record.verdict.z2.items())
    why = "" if record.verdict.topology != "inconclusive" else f": {record.verdict.reasons[0]}"
    return f"{record.verdict.topology}{why}" + (f" ({indices})" if indices else "")


def _indices(z2: Any) -> str:
    return "{};({}{}{})".format(*z2)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    from dft_templates.presets import parse_overrides
    from discovery.verification.engines import StepError

    cases = read_cases(arguments.only)
    for case in () if arguments.table else cases:
        try:
            overrides = parse_overrides(arguments.overrides)
            verify(case, arguments.directory, arguments.preset, overrides, arguments.ranks)
        except StepError as error:
            print(f"{case['name']}: {error.reason} {error.remedy}", flush=True)
    print("| crystal | computed | literature | gap (meV) | measured (meV) | minutes | MB a process |")
    print("|---|---|---|---:|---:|---:|---:|")
    for case in cases:
        print(row(case, arguments.directory))


if __name__ == "__main__":
    main()
