"""What every handler of wannier90.x does: read the `.wout`, change the `.win`, keep the failed attempt."""

from pathlib import Path
from typing import Any

import numpy as np
from custodian.custodian import ErrorHandler
from custodian.utils import backup

from discovery.verification.engines import StepError
from discovery.verification.win import keywords, with_keywords
from discovery.verification.wout import Wout, read_eig, read_wout

Correction = dict[str, Any]


class WinHandler(ErrorHandler):
    """A handler that reads the `.wout` and changes the `.win`."""

    def __init__(self, seed: str) -> None:
        self.seed = seed

    def _wout(self, directory: str) -> Wout | None:
        try:
            return read_wout(Path(directory) / f"{self.seed}.wout")
        except StepError:
            return None

    def _error(self, directory: str) -> str:
        """The message with which the run broke off; it goes to `.werr` while the `.win` is read."""
        for ending in ("wout", "werr"):
            path = Path(directory) / f"{self.seed}.{ending}"
            text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
            if "Exiting......." in text:
                return text.rpartition("Exiting.......")[2].strip()
        return ""

    def _win(self, directory: str) -> dict[str, str]:
        return keywords((Path(directory) / f"{self.seed}.win").read_text(encoding="utf-8"))

    def _number(self, directory: str, key: str, default: float) -> float:
        # Fortran also writes 1.0d-6.
        return float(str(self._win(directory).get(key, default)).lower().replace("d", "e"))

    def _energies(self, directory: str) -> np.ndarray:
        return np.sort(read_eig(Path(directory) / f"{self.seed}.eig"), axis=1)

    def _change(self, directory: str, error: str, because: str, **changes: object) -> Correction:
        path = Path(directory) / f"{self.seed}.win"
        names = [f"{self.seed}.{ending}" for ending in ("win", "wout", "werr")]
        backup(names, directory=directory)
        path.write_text(with_keywords(path.read_text(encoding="utf-8"), changes), encoding="utf-8")
        said = ", ".join(f"{key} = {value}" for key, value in changes.items())
        return {"errors": [error], "actions": [f"{because}: {said}"]}

    @staticmethod
    def _give_up(error: str, remedy: str, advice: str = "") -> Correction:
        return {"errors": [error], "actions": None, "remedy": remedy, "advice": advice}
