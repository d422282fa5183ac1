"""Made-up pseudopotential headers: real configurations, no licensed data."""

from collections.abc import Sequence

Row = tuple[int, int, float, float]
"""n, l, j and electrons of a line of a POTCAR's atomic configuration."""

LETTERS = "spdf"


def rows(configuration: str) -> list[Row]:
    """Turn ``4d10 5s2`` into lines."""
    found = []
    for word in configuration.split():
        angular = LETTERS.index(word[1])
        found.append((int(word[0]), angular, abs(angular - 0.5), float(word[2:])))
    return found


TIN = rows("1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 5s2 5p2 4f0")
SELENIUM = rows("3p6 3d10 4s2 4p4 4d0")


def potcar(title: str, zval: float, configuration: Sequence[Row]) -> str:
    """Return the head of a POTCAR in the form that pymatgen reads."""
    listed = "\n".join(
        f"{n:6d}{angular:8d}{j:16.2f}{0.0:16.4f}{electrons:16.4f}"
        for n, angular, j, electrons in configuration
    )
    element = title.split()[1].split("_")[0]
    return f"""  {title}
   {zval:.3f}
 parameters from PSCTR are:
   VRHFIN ={element}: made up
   LEXCH  = PE
   EATOM  =   100.0000 eV,    10.0000 Ry

   TITEL  = {title}
   LULTRA =        F    use ultrasoft PP ?
   IUNSCR =        1    unscreen: 0-lin 1-nonlin 2-no
   RPACOR =    2.100    partial core radius
   POMASS =  118.710; ZVAL   = {zval:8.3f}    mass and valenz
   RCORE  =    2.500    outmost cutoff radius
   ENMAX  =  241.083; ENMIN  =  180.812 eV
   LCOR   =        T    correct aug charges
   LPAW   =        T    paw PP
   NDATA  =      100

   Atomic configuration
   {len(configuration)} entries
     n  l   j            E        occ.
{listed}
   Description
     l       E           TYP  RCUT    TYP  RCUT
 END of PSCTR-controll parameters
 local part
 0.0
 End of Dataset
"""
