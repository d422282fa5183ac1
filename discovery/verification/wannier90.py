"""wannier90.x under custodian: the job, what a good end is, and one call that runs it with its retries."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from custodian.custodian import Job, Validator

from discovery.topology.tightbinding import HamiltonianError
from discovery.verification.engines import StepError
from discovery.verification.supervise import find_command, supervise
from discovery.verification.wout import FINISHED, Wout, read_nnkp, read_wout

STREAM = "wannier90.out"
"""Where standard output and error go; wannier90 names its errors there and in the `.wout`."""

INSTALL = "Install it (Debian: apt install wannier90), or name it: DISCOVER_WANNIER90=/path/to/wannier90.x."


class Wannier90Job(Job):
    """Run ``wannier90.x SEED``, or ``wannier90.x -pp SEED``, in a directory.

    Args:
        seed: name of the files.
        command: program and what goes before it, such as ``("mpirun", "-np", "4", "wannier90.x")``.
        setup_only: ask for the neighbours only (``-pp``), which writes the `.nnkp`.
    """

    def __init__(
        self, seed: str, command: Sequence[str] = ("wannier90.x",), setup_only: bool = False
    ) -> None:
        self.seed = seed
        self.command = tuple(command)
        self.setup_only = setup_only

    @property
    def name(self) -> str:
        """Such as ``wannier90 -pp``."""
        return "wannier90 -pp" if self.setup_only else "wannier90"

    def setup(self, directory: str = "./") -> None:
        """Take away what an earlier run left: it would pass for this one's."""
        endings = (".nnkp",) if self.setup_only else ("_hr.dat", "_tb.dat", "_wsvec.dat", ".chk")
        for ending in (".wout", ".werr", *endings):
            (Path(directory) / f"{self.seed}{ending}").unlink(missing_ok=True)

    def run(self, directory: str = "./") -> "subprocess.Popen[bytes]":
        """Start the program."""
        self.setup(directory)  # before each attempt, not only the first
        options = ["-pp"] if self.setup_only else []
        with (Path(directory) / STREAM).open("wb") as stream:
            return subprocess.Popen(
                [*self.command, *options, self.seed], cwd=directory, stdout=stream, stderr=subprocess.STDOUT
            )

    def postprocess(self, directory: str = "./") -> None:
        """Nothing is left to do."""


class FinishedValidator(Validator):
    """The `.wout` reaches its last line, or with ``-pp`` the `.nnkp` is whole."""

    def __init__(self, seed: str, setup_only: bool = False) -> None:
        self.seed = seed
        self.setup_only = setup_only

    def check(self, directory: str = "./") -> bool:
        """Return whether something is wrong."""
        if self.setup_only:
            try:
                read_nnkp(Path(directory) / f"{self.seed}.nnkp")
            except StepError:
                return True
            return False
        path = Path(directory) / f"{self.seed}.wout"
        return not path.is_file() or FINISHED not in path.read_text(encoding="utf-8", errors="replace")


class SpreadsValidator(Validator):
    """Every Wannier function has a spread that is a number."""

    def __init__(self, seed: str) -> None:
        self.seed = seed

    def check(self, directory: str = "./") -> bool:
        """Return whether something is wrong."""
        try:
            return read_wout(Path(directory) / f"{self.seed}.wout").largest_spread == float("inf")
        except StepError:
            return True


class HamiltonianValidator(Validator):
    """The `_hr.dat` is whole and Hermitian, and as large as the run says."""

    def __init__(self, seed: str) -> None:
        self.seed = seed

    def check(self, directory: str = "./") -> bool:
        """Return whether something is wrong."""
        from discovery.wannier.hr import read_model

        folder = Path(directory)
        try:
            model = read_model(folder / f"{self.seed}_hr.dat")
            return model.n_orbitals != read_wout(folder / f"{self.seed}.wout").num_wann
        except (HamiltonianError, StepError):
            return True


@dataclass(frozen=True)
class WannierRun:
    """A run that ended well.

    Attributes:
        directory: where.
        seed: name of the files.
        wout: what the program says of itself.
        corrections: what was retried, in order, one sentence each.
    """

    directory: Path
    seed: str
    wout: Wout
    corrections: tuple[str, ...]

    @property
    def numbers(self) -> dict[str, float]:
        """Quality, name with unit → value."""
        spreads = self.wout.spreads
        assert spreads is not None
        found = {
            "largest spread (Å²)": self.wout.largest_spread,
            "mean spread (Å²)": float(spreads.mean()),
            "spread limit (Å²)": self.wout.spread_limit,
            "Wannier functions": float(self.wout.num_wann),
            "retries": float(len(self.corrections)),
        }
        if self.wout.disentangled is not None:
            found["disentanglement iterations"] = float(len(self.wout.changes))
        return found


def run_setup(
    directory: Path, seed: str, *, command: Sequence[str] = ("wannier90.x",), kmesh_retries: int = 3
) -> tuple[str, ...]:
    """Run ``wannier90.x -pp`` with retries and return them, one sentence each.

    Args:
        directory: holds ``SEED.win``.
        seed: name of the files.
        command: program and what goes before it.
        kmesh_retries: how often ``kmesh_tol`` may be loosened.

    Raises:
        StepError: the program is missing or did not write the `.nnkp`.
    """
    from discovery.verification.wannier90_errors import KmeshHandler

    return supervise(
        Wannier90Job(seed, find_command(command, INSTALL), setup_only=True),
        directory,
        [KmeshHandler(seed, kmesh_retries)],
        [FinishedValidator(seed, setup_only=True)],
        STREAM,
    )


def run_wannier90(
    directory: Path, seed: str, n_occupied: int, *, command: Sequence[str] = ("wannier90.x",)
) -> WannierRun:
    """Run wannier90.x on overlaps and projections, with the retries of ``wannier90_errors``.

    Args:
        directory: holds ``SEED.win``, ``SEED.mmn``, ``SEED.amn`` and ``SEED.eig``.
        seed: name of the files.
        n_occupied: bands, excluded ones not counted, that every frozen window has to hold.
        command: program and what goes before it.

    Raises:
        StepError: the program or a file is missing, or no retry helped; says what was tried.
    """
    from discovery.verification.wannier90_errors import handlers

    for ending in ("win", "mmn", "amn", "eig"):
        if not (directory / f"{seed}.{ending}").is_file():
            raise StepError(f"{directory / seed}.{ending} is missing", "Run the step wannier_input again.")
    corrections = supervise(
        Wannier90Job(seed, find_command(command, INSTALL)),
        directory,
        handlers(seed, n_occupied),
        [FinishedValidator(seed), SpreadsValidator(seed), HamiltonianValidator(seed)],
        STREAM,
    )
    return WannierRun(directory, seed, read_wout(directory / f"{seed}.wout"), corrections)
