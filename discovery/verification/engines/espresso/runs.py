"""Running the programs of one step in its directory, and the notes that are kept there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.verification.engines import StepError, WalltimeReached
from discovery.verification.engines.espresso import failures, hubbard, inputs
from discovery.verification.engines.espresso.execute import Ran, command, execute
from discovery.verification.engines.espresso.progress import read_progress, time_for

if TYPE_CHECKING:
    from discovery.verification.options import Options

FACTS, TOOK, FERMI = "espresso.json", "programs.json", "fermi.json"

NOW = "pw.now.in"
"""What pw.x gets where it has a deadline or goes on: ``pw.in`` with these two."""


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


def _forget_electrons(directory: Path) -> None:
    """Leave of a relaxation that goes on its crystal and its steps so far only (XML and ``.bfgs``).

    pw.x sets up other plane waves for the cell that it then reads: density and wavefunctions on those of the
    first cell end in "charge is wrong".
    """
    for place in (directory / "out", directory / inputs.SAVE):
        for path in place.iterdir():
            if path.is_file() and path.suffix not in (".xml", ".bfgs", ".update"):
                path.unlink()


def pools_of(ranks: int, n_kpoints: int) -> int:
    """Return how many groups of ranks get k-points of their own: as many as there can be.

    Plane waves shared by ranks cost more in messages than they save: Sb took 28 s on two ranks without
    groups, 17 s with two.
    """
    return max(n for n in range(1, ranks + 1) if ranks % n == 0 and n <= max(1, n_kpoints))


class Runner:
    """Runs the programs of a step in its directory, goes on where they were stopped, keeps what they took.

    Args:
        directory: of the step.
        options: ranks and threads.
        n_kpoints: of the run, among which ranks are shared out.
    """

    def __init__(self, directory: Path, options: "Options", n_kpoints: int) -> None:
        self.directory, self.options, self.n_kpoints = directory, options, n_kpoints
        self.progress = read_progress(directory)
        known = _load(directory / TOOK)["programs"] if self.goes_on and (directory / TOOK).is_file() else []
        self.ran = [Ran(**one) for one in known]

    @property
    def goes_on(self) -> bool:
        """Whether what an earlier run left is used."""
        return bool(self.progress.done) or self._restarts

    @property
    def _restarts(self) -> bool:
        left = (self.directory / inputs.SAVE / "data-file-schema.xml").is_file()
        return self.progress.restarts and left and self.progress.ranks == self.options.ranks

    def program(self, name: str, stem: str, pools: bool = False) -> None:
        """Run a program on ``STEM.in`` unless it has ended well before.

        Raises:
            WalltimeReached: too little time is left to begin it; it cannot be stopped half way.
            StepError: it is missing, or went wrong.
        """
        if stem in self.progress.done:
            return
        time_for(name)
        failures.check_ran(self._run(name, stem, pools), self.directory, f"{stem}.out")
        self._ended(stem)

    def pw(self, moving: bool = False, hybrid: bool = False) -> None:
        """Run pw.x, and once more with less mixing where its density does not converge.

        Args:
            moving: it relaxes the crystal, and leaves each configuration to go on from, however it ends.
            hybrid: it sums exchange, and begins anew when it was stopped: whether pw.x goes on with the same
                exchange has not been tested.

        Raises:
            WalltimeReached: it was stopped before the deadline, or there was no time to begin.
            StepError: it is missing, or went wrong.
        """
        if "pw" in self.progress.done:
            return
        ran, text = self._pw(moving, hybrid)
        second = self.directory / "pw.first.in"
        if failures.unconverged(text) and not second.is_file():
            first = (self.directory / "pw.in").read_text(encoding="utf-8")
            for ending in ("in", "out"):
                (self.directory / f"pw.{ending}").replace(self.directory / f"pw.first.{ending}")
            (self.directory / "pw.in").write_text(inputs.gentler(first), encoding="utf-8")
            ran, text = self._pw(moving, hybrid)
        failures.check_ran(ran, self.directory, "pw.out")
        self._ended("pw")

    def _pw(self, moving: bool, hybrid: bool) -> tuple[Ran, str]:
        granted, restart = time_for("pw.x"), self._restarts
        if self.progress.restarts and (self.directory / "pw.out").is_file():
            (self.directory / "pw.out").replace(_free(self.directory, "pw", "out"))
        if moving and restart:
            _forget_electrons(self.directory)
        if granted is not None or restart:
            text = inputs.limited((self.directory / "pw.in").read_text(encoding="utf-8"), granted, restart)
            (self.directory / NOW).write_text(text, encoding="utf-8")
        if moving:
            self._keep(restarts=True, ranks=self.options.ranks, reason="it was interrupted")
        ran = self._run("pw.x", "pw", pools=True, given=NOW if granted is not None or restart else "")
        printed = (self.directory / "pw.out").read_text(encoding="utf-8", errors="replace")
        if failures.stopped_in_time(printed):
            reason = f"pw.x was stopped after {ran.seconds:.0f} s, before its deadline"
            self._keep(restarts=not hybrid, ranks=self.options.ranks, reason=reason)
            later = "begins anew: give it more time" if hybrid else "goes on from there when it is run again"
            raise WalltimeReached(reason, f"The step {later}.")
        self._keep(restarts=False, reason="")
        return ran, printed

    def _ended(self, stem: str) -> None:
        self._keep(done=(*self.progress.done, stem))

    def _keep(self, **changes: Any) -> None:
        self.progress = self.progress.model_copy(update=changes)
        self.progress.write(self.directory)

    def _run(self, name: str, stem: str, pools: bool, given: str = "") -> Ran:
        arguments = ["-in", given or f"{stem}.in"]
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


def _free(directory: Path, stem: str, ending: str) -> Path:
    """Return the first of ``STEM.1.ENDING``, ``STEM.2.ENDING`` … that is not there."""
    names = (directory / f"{stem}.{n}.{ending}" for n in count(1))
    return next(name for name in names if not name.exists())


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
