"""Which POTCAR stands for an element, and how many electrons it brings.

POTCARs are licensed: they stay on the machine that runs VASP. What has to be known elsewhere, the number of
valence electrons, is a fact that pymatgen lists for every published POTCAR (``potcar-summary-stats``).
"""

import bz2
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.verification.engines import StepError

if TYPE_CHECKING:
    from pymatgen.io.vasp.inputs import Potcar

    from dft_templates.vasp import VaspPreset

LIBRARY = "Set PMG_VASP_PSP_DIR to your POTCAR library (pymatgen's documentation: `pmg config -p`)."


@dataclass(frozen=True)
class Potential:
    """One element's POTCAR.

    Attributes:
        element: symbol.
        symbol: of the POTCAR, such as ``Sn_d``.
        electrons: valence electrons (ZVAL).
    """

    element: str
    symbol: str
    electrons: float


def choose_potentials(elements: Iterable[str], preset: "VaspPreset") -> dict[str, Potential]:
    """Return the POTCAR of every element: the preset's, otherwise the one atomate2 takes.

    Raises:
        StepError: no POTCAR of that name is known in the preset's release.
    """
    from atomate2.vasp.sets.base import VaspInputGenerator

    usual = VaspInputGenerator().config_dict["POTCAR"]
    known = _electrons(preset.potcar_functional)
    chosen = {}
    for element in dict.fromkeys(elements):
        symbol = preset.potcars.get(element) or usual.get(element, element)
        if symbol.split("_")[0] != element:
            raise StepError(
                f"POTCAR {symbol} was asked for {element}",
                f"Choose one that starts with {element}, such as --set vasp.potcars.{element}={element}.",
            )
        if symbol not in known:
            others = ", ".join(sorted(name for name in known if name.split("_")[0] == element)) or "none"
            raise StepError(
                f"{preset.potcar_functional} has no POTCAR {symbol}",
                f"For {element} there are: {others} (--set vasp.potcars.{element}=NAME).",
            )
        chosen[element] = Potential(element, symbol, known[symbol])
    return chosen


def load_potcar(symbols: Sequence[str], functional: str) -> "Potcar":
    """Read POTCARs from the user's own library.

    Raises:
        StepError: there is no library on this machine, or it lacks one of them.
    """
    import warnings

    from pymatgen.io.vasp.inputs import PmgVaspPspDirError, Potcar

    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # an unknown checksum is no reason to stop; electrons are compared
            return Potcar(list(symbols), functional=functional)
    except PmgVaspPspDirError:
        raise StepError("there is no POTCAR library on this machine", LIBRARY) from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StepError(f"POTCARs {' '.join(symbols)} ({functional}): {reason}", LIBRARY) from None


@cache
def _electrons(functional: str) -> dict[str, float]:
    """Return POTCAR symbol → valence electrons of a release."""
    spec = find_spec("pymatgen.io.vasp")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "potcar-summary-stats.json.bz2"
        if file.is_file():
            stats = json.loads(bz2.decompress(file.read_bytes()))[functional]
            return {one["symbol"]: float(one["ZVAL"]) for variants in stats.values() for one in variants}
    raise StepError("pymatgen's list of POTCARs is missing", "Reinstall pymatgen.")
