"""POTCARs that are none: the header that pymatgen reads, with ZVAL and configuration, and no potential."""

from itertools import accumulate
from pathlib import Path

from pymatgen.core import Element
from pymatgen.io.vasp.inputs import PotcarSingle

L = "spdf"


def write_library(folder: Path, symbols: dict[str, float], functional: str = "PBE_54") -> Path:
    """Write a library for pymatgen's PMG_VASP_PSP_DIR and return its folder.

    Args:
        folder: of the library.
        symbols: POTCAR symbol, such as ``Sn_d`` → valence electrons.
        functional: release.
    """
    place = folder / PotcarSingle.functional_dir[functional]
    place.mkdir(parents=True, exist_ok=True)
    for symbol, electrons in symbols.items():
        (place / f"POTCAR.{symbol}").write_text(potcar(symbol, electrons))
    return folder


def potcar(symbol: str, electrons: float) -> str:
    """Return a stand-in: its valence is the outermost shells that hold so many electrons."""
    element = Element(symbol.split("_")[0])
    shells = list(element.full_electronic_structure)
    levels = element.atomic_orbitals_eV or {}
    shells.sort(key=lambda shell: levels.get(f"{shell[0]}{shell[1]}", 0.0))
    held = list(accumulate(occupation for _, _, occupation in reversed(shells)))
    assert any(abs(sum_ - electrons) < 1e-6 for sum_ in held), (
        f"{symbol}: no shells hold {electrons} electrons"
    )
    rows = "\n".join(
        f"  {n}  {L.index(letter)} {L.index(letter) + 0.5:6.2f} "
        f"{levels.get(f'{n}{letter}', 0.0):14.4f} {occupation:8.4f}"
        for n, letter, occupation in shells
    )
    return f"""  PAW_PBE {symbol} 01Jan2026
 {electrons:.10f}
 parameters from PSCTR are:
   VRHFIN ={element.symbol}: stand-in
   LEXCH  = PE
   EATOM  =    10.0000 eV,    1.0000 Ry

   TITEL  = PAW_PBE {symbol} 01Jan2026
   LULTRA =        F    use ultrasoft PP ?
   IUNSCR =        0    unscreen: 0-lin 1-nonlin 2-no
   RPACOR =     .000    partial core radius
   POMASS =    1.000; ZVAL   =    {electrons:.3f}    mass and valenz
   RCORE  =    1.000    outmost cutoff radius
   ENMAX  =  250.000; ENMIN  =  200.000 eV
   LCOR   =        T    correct aug charges
   LPAW   =        T    paw PP
   EAUG   =  500.000

   Atomic configuration
   {len(shells):2d} entries
     n  l   j            E        occ.
{rows}
   Description
     l     E      TYP  RCUT    TYP  RCUT
     0   .0000000     23  2.200
   Error from kinetic energy argument (eV)
   NDATA  =      100
   STEP   =   20.000   1.050
  40.0    40.0
END of PSCTR-controll parameters
 local part
   1.0
   .10000000E+01  .20000000E+01  .30000000E+01
 End of Dataset
"""
