"""What goes wrong in wannier90.x and what is tried: one handler for each failure, in the order of `handlers`.

Every correction changes keywords of the `.win` only, keeps the failed attempt as ``error.N.tar.gz`` and
stands in custodian.json. A handler that has nothing left gives ``actions: None``, with a remedy, and an
advice for the step before where that may help (`discovery.verification.attempts`).
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
from custodian.custodian import ErrorHandler

from discovery.verification.win_handler import Correction, WinHandler
from discovery.verification.windows import MARGIN, between_levels, frozen_limit, outer_limit
from discovery.verification.wout import header

MORE = "Give the run that feeds Wannier90 more bands or a denser mesh (wannier.k_spacing)."

BANDS = "bands"
"""Advice for the step before: what is to be disentangled lacks room. A denser mesh comes after that."""

KMESH_ERRORS = (
    "kmesh_get",
    "kmesh_shell",
    "Eq. (B1)",
    "Non-symmetric k-point neighbours",
    "right number of bk directions",
    "right number of nearest neighbours",
    "Neighbour not found",
)
"""Messages of 3.1.0 (kmesh.F90, overlap.F90) that a tolerance on lengths can be the cause of."""


class KmeshHandler(WinHandler):
    """b-vectors that are not found, or not those of the `.mmn`: loosen ``kmesh_tol`` tenfold, a few times."""

    def __init__(self, seed: str, retries: int = 3) -> None:
        super().__init__(seed)
        self.retries = retries

    def check(self, directory: str = "./") -> bool:
        """Return whether the run broke off at its k-mesh."""
        return any(words in self._error(directory) for words in KMESH_ERRORS)

    def correct(self, directory: str = "./") -> Correction:
        """Loosen the tolerance."""
        error = self._error(directory)
        if self.n_applied_corrections >= self.retries:
            return self._give_up(
                error,
                "Symmetrise the cell, so that equal lattice vectors have equal lengths, and plan again.",
            )
        tolerance = 10 * self._number(directory, "kmesh_tol", 1e-6)
        return self._change(directory, error, "lengths that differ by rounding", kmesh_tol=f"{tolerance:.0e}")


class BandsHandler(WinHandler):
    """A `.win` whose ``num_bands`` is not that of the overlaps: take theirs, once."""

    def check(self, directory: str = "./") -> bool:
        """Return whether the counts of bands disagree."""
        error = self._error(directory)
        return "right number of bands" in error or "mismatch in" in error

    def correct(self, directory: str = "./") -> Correction:
        """Set num_bands."""
        error = self._error(directory)
        there, asked = header(Path(directory) / f"{self.seed}.mmn")[0], self._win(directory).get("num_bands")
        if self.n_applied_corrections or str(there) == asked:
            return self._give_up(error, "Run the step wannier_input again: its files do not belong together.")
        return self._change(directory, error, "bands of the overlaps", num_bands=there)


class FrozenWindowHandler(WinHandler):
    """More states in the frozen window than num_wann: end it below band num_wann + 1, occupied states inside.

    Args:
        seed: name of the files.
        n_occupied: bands that the window has to hold.
    """

    def __init__(self, seed: str, n_occupied: int) -> None:
        super().__init__(seed)
        self.n_occupied = n_occupied

    def check(self, directory: str = "./") -> bool:
        """Return whether too many states are frozen."""
        return "More states in the frozen window" in self._error(directory)

    def correct(self, directory: str = "./") -> Correction:
        """Lower dis_froz_max."""
        energies = self._energies(directory)
        num_wann = int(self._win(directory)["num_wann"])
        limit, occupied = frozen_limit(energies, num_wann), float(energies[:, self.n_occupied - 1].max())
        error = f"more than {num_wann} states below dis_froz_max = {self._win(directory)['dis_froz_max']} eV"
        if self.n_applied_corrections >= 2 or limit <= occupied + 2e-3:
            return self._give_up(
                f"{error}, and band {num_wann + 1} begins at {limit:.3f} eV with states occupied up to "
                f"{occupied:.3f} eV",
                "Project more shells (wannier.projections), so that num_wann grows.",
            )
        target = max(limit - MARGIN, (limit + occupied) / 2)
        reach = min(MARGIN / 2, 0.9 * (limit - target), 0.9 * (target - occupied))
        below = between_levels(energies, target, reach)
        return self._change(
            directory, error, f"band {num_wann + 1} begins at {limit:.3f} eV", dis_froz_max=f"{below:.6f}"
        )


class OuterWindowHandler(WinHandler):
    """Fewer states in the outer window than num_wann: open it as far as bands are complete, once."""

    def check(self, directory: str = "./") -> bool:
        """Return whether too few states are left."""
        error = self._error(directory)
        return "fewer states than number of target" in error or "contains no eigenvalues" in error

    def correct(self, directory: str = "./") -> Correction:
        """Take the limits of the outer window out of the way."""
        error = "fewer states in the outer window than Wannier functions"
        if self.n_applied_corrections:
            return self._give_up(error, MORE, BANDS)
        energies = self._energies(directory)
        return self._change(
            directory,
            error,
            "as wide as the bands allow",
            dis_win_min=f"{energies.min() - MARGIN:.6f}",
            dis_win_max=f"{outer_limit(energies, int(self._win(directory)['num_wann'])):.6f}",
        )


class DisentanglementHandler(WinHandler):
    """A disentanglement that did not converge: more iterations, then another mixing with more still."""

    def check(self, directory: str = "./") -> bool:
        """Return whether the iterations ran out."""
        wout = self._wout(directory)
        return wout is not None and wout.finished and wout.disentangled is False

    def correct(self, directory: str = "./") -> Correction:
        """Iterate longer; mix less where Ω_I goes up and down, more where it creeps."""
        wout = self._wout(directory)
        assert wout is not None
        done = int(self._number(directory, "dis_num_iter", 200))
        change = float(wout.changes[-1]) if len(wout.changes) else float("nan")
        error = f"the disentanglement did not converge in {done} iterations (last change {change:.1e})"
        if self.n_applied_corrections == 0:
            return self._change(directory, error, "more iterations", dis_num_iter=max(4 * done, 1000))
        if self.n_applied_corrections == 1:
            recent = np.sign(wout.changes[-50:])
            swings = len(recent) > 1 and (recent[1:] != recent[:-1]).mean() > 0.2
            why, mixing = ("it swings", 0.25) if swings else ("it creeps", 0.9)
            return self._change(directory, error, why, dis_mix_ratio=mixing, dis_num_iter=max(2 * done, 4000))
        return self._give_up(error, MORE, BANDS)


class SpreadHandler(WinHandler):
    """Functions larger than V^(2/3): other windows, then an iteration of the spread, then nothing more.

    Args:
        seed: name of the files.
        n_occupied: bands that the frozen window has to hold.
    """

    ITERATIONS: ClassVar[int] = 500

    def __init__(self, seed: str, n_occupied: int) -> None:
        super().__init__(seed)
        self.n_occupied = n_occupied

    def check(self, directory: str = "./") -> bool:
        """Return whether a function does not fit into the cell."""
        wout = self._wout(directory)
        if wout is None or not wout.finished or wout.disentangled is False:
            return False
        return wout.spread_limit < wout.largest_spread < float("inf")

    def correct(self, directory: str = "./") -> Correction:
        """Take the next of the retries."""
        wout = self._wout(directory)
        assert wout is not None
        error = f"the largest spread is {wout.largest_spread:.1f} Å², V^(2/3) is {wout.spread_limit:.1f} Å²"
        step = self.n_applied_corrections
        if wout.disentangled is not None and step < 2:
            energies, num_wann = self._energies(directory), wout.num_wann
            occupied = float(energies[:, self.n_occupied - 1].max())
            if step == 0:
                top = self._number(directory, "dis_froz_max", occupied)
                lower = between_levels(energies, (occupied + top) / 2, max(0.0, 0.4 * (top - occupied)))
                return self._change(
                    directory, error, "fewer frozen states above the gap", dis_froz_max=f"{lower:.6f}"
                )
            narrow = float(energies[:, num_wann - 1].max()) + 0.5
            narrow = min(between_levels(energies, narrow, 0.4), outer_limit(energies, num_wann))
            return self._change(directory, error, "a narrower outer window", dis_win_max=f"{narrow:.6f}")
        if int(self._number(directory, "num_iter", 0)) == 0:
            return self._change(
                directory,
                error,
                "atomic projections do not suffice",
                num_iter=self.ITERATIONS,
                guiding_centres=".true.",
            )
        return self._give_up(error, MORE, BANDS)


def handlers(seed: str, n_occupied: int) -> list[ErrorHandler]:
    """Return all handlers of a run, in the order in which they are asked.

    Args:
        seed: name of the files.
        n_occupied: bands, excluded ones not counted, that every frozen window has to hold.
    """
    return [
        KmeshHandler(seed),
        BandsHandler(seed),
        FrozenWindowHandler(seed, n_occupied),
        OuterWindowHandler(seed),
        DisentanglementHandler(seed),
        SpreadHandler(seed, n_occupied),
    ]
