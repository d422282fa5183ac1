"""Running the programs of one step in its directory, and the notes that are kept there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.verification.engines import StepError
from discovery.verification.engines.espresso import failures, hubbard, inputs
from discovery.verification.engines.espresso.execute import Ran, command, execute

if TYPE_CHECKING:
    from discovery.verification.options import Options

FACTS, TOOK, FERMI = "espresso.json", "programs.json", "fermi.json"


def write_facts(directory: Path, facts: Mapping[str, Any]) -> None:
    """Keep what a step is, beside its input."""
    _dump(directory / FACTS, facts)


def read_facts(directory: Path) -> dict[str, Any]:
    """Return what `write_facts` kept.

    Raises:
        StepError: it is missing or damaged.
    """
    return _load(directory / FACTS)


def write_fermi(directory: Path, fermi: float) -> None:
    """Keep the Fermi energy in eV of the density that a step reads."""
    _dump(directory / FERMI, {"fermi (eV)": fermi})


def read_fermi(directory: Path) -> float | None:
    """Return what `write_fermi` kept, if it did."""
    if not (directory / FERMI).is_file():
        return None
    return float(_load(directory / FERMI)["fermi (eV)"])


@dataclass(frozen=True)
class Took:
    """What all programs of a step took: seconds and CPU seconds together, memory of the largest process."""

    seconds: float
    cpu_seconds: float
    memory_mb: float


def read_took(directory: Path) -> Took:
    """Return what the programs of a step took.

    Raises:
        StepError: they did not all end.
    """
    ran = _load(directory / TOOK)["programs"]
    return Took(
        round(sum(one["seconds"] for one in ran), 3),
        round(sum(one["cpu_seconds"] for one in ran), 3),
        max(one["memory_mb"] for one in ran),
    )


def forget_wavefunctions(directory: Path) -> None:
    """Delete wavefunctions: no later step reads them, and they are nearly all of what lies on the disk."""
    for pattern in ("wfc*.dat", "wfc*.hdf5"):
        for path in (directory / inputs.SAVE).glob(pattern):
            path.unlink()


def pools_of(ranks: int, n_kpoints: int) -> int:
    """Return how many groups of ranks get k-points of their own: as many as there can be.

    Plane waves shared by ranks cost more in messages than they save: Sb took 28 s on two ranks without
    groups, 17 s with two.
    """
    return max(n for n in range(1, ranks + 1) if ranks % n == 0 and n <= max(1, n_kpoints))


class Runner:
    """Runs programs in a step's directory and keeps what they took.

    Args:
        directory: of the step.
        options: ranks and threads.
        n_kpoints: of the run, among which ranks are shared out.
    """

    def __init__(self, directory: Path, options: "Options", n_kpoints: int) -> None:
        self.directory, self.options, self.n_kpoints = directory, options, n_kpoints
        self.ran: list[Ran] = []

    def program(self, name: str, stem: str, pools: bool = False) -> None:
        """Run a program on ``STEM.in``.

        Raises:
            StepError: it is missing, or went wrong.
        """
        failures.check_ran(self._run(name, stem, pools), self.directory, f"{stem}.out")

    def pw(self) -> None:
        """Run pw.x, and once more with less mixing where its density does not converge.

        Raises:
            StepError: it is missing, or went wrong.
        """
        ran = self._run("pw.x", "pw", pools=True)
        text = (self.directory / "pw.out").read_text(encoding="utf-8", errors="replace")
        if failures.unconverged(text):
            first = (self.directory / "pw.in").read_text(encoding="utf-8")
            for ending in ("in", "out"):
                (self.directory / f"pw.{ending}").replace(self.directory / f"pw.first.{ending}")
            (self.directory / "pw.in").write_text(inputs.gentler(first), encoding="utf-8")
            ran = self._run("pw.x", "pw", pools=True)
        failures.check_ran(ran, self.directory, "pw.out")

    def _run(self, name: str, stem: str, pools: bool) -> Ran:
        arguments = ["-in", f"{stem}.in"]
        groups = pools_of(self.options.ranks, self.n_kpoints) if pools else 1
        if groups > 1:
            arguments = ["-nk", str(groups), *arguments]
        argv = command(name, arguments, self.options.ranks)
        own = self.directory / hubbard.FOLDER
        ran = execute(
            argv,
            name,
            self.directory,
            f"{stem}.out",
            self.options.threads,
            own if own.is_dir() else None,
        )
        self.ran.append(ran)
        _dump(self.directory / TOOK, {"programs": [one.json() for one in self.ran]})
        return ran


def _dump(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _load(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    except OSError as error:
        raise StepError(f"{path} cannot be read: {error.strerror}", "Run the step again.") from None
    except ValueError:
        raise StepError(f"{path} is damaged", "Run the step again.") from None
