"""What the stand-in for VASP leaves behind: the files and lines that pymatgen, custodian and emmet read."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.vasp.inputs import Kpoints, Poscar

if TYPE_CHECKING:
    from tests.discovery.verification.vasp.stand_in import Inputs

EXCHANGE = 0.3
"""Splitting of the two spins in eV with ISPIN = 2."""

VERSION = "6.4.3 stand-in, plumbing not physics"
ENERGY = -10.0


@dataclass
class Results:
    """A run that has ended."""

    inputs: Inputs
    points: np.ndarray
    weights: np.ndarray
    energies: np.ndarray
    final: Structure
    unconverged: bool = False
    path: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def n_filled(self) -> int:
        return round(self.inputs.n_electrons / (1 if self.inputs.spin_orbit else 2))

    @property
    def polarised(self) -> bool:
        return not self.inputs.spin_orbit and self.inputs.incar.get("ISPIN") == 2

    @property
    def occupations(self) -> np.ndarray:
        return filled(self.energies, self.n_filled)

    @property
    def fermi(self) -> float:
        """Inside a band, as often as not: no gap may be taken from it."""
        return float(self.energies[:, self.n_filled - 1].max() - 0.2)

    @property
    def electronic_steps(self) -> int:
        return int(self.inputs.incar.get("NELM", 60)) if self.unconverged else 4


def filled(energies: np.ndarray, n: int) -> np.ndarray:
    occupations = np.zeros(energies.shape)
    occupations[:, :n] = 1.0
    return occupations


def write_all(results: Results) -> None:
    """Write vasprun.xml, OUTCAR, OSZICAR, CONTCAR, EIGENVAL and what the INCAR asks for."""
    inputs = results.inputs
    folder, incar = inputs.folder, inputs.incar
    Poscar(results.final).write_file(str(folder / "CONTCAR"))
    (folder / "vasprun.xml").write_text(vasprun(results))
    (folder / "OUTCAR").write_text(outcar(results))
    (folder / "OSZICAR").write_text(oszicar(results))
    (folder / "EIGENVAL").write_text(f"{len(results.points)} points, {results.energies.shape[1]} bands\n")
    (folder / "IBZKPT").write_text("full mesh\n")
    if incar.get("LCHARG", True):
        (folder / "CHGCAR").write_text(chgcar(results))
    if incar.get("LWAVE", True):
        (folder / "WAVECAR").write_bytes(b"no spinors: a stand-in")
    print(f" running on    1 total cores\n {VERSION}\n DAV: {results.electronic_steps}\n")


def write_win(inputs: Inputs) -> None:
    """Do as VASP's interface: lay num_wann, cell, atoms and k-points round what the INCAR or the .win says.

    The neighbours come from ``wannier90.x -pp``, which VASP has as a library.
    """
    win = inputs.folder / "wannier90.win"
    text = re.search(r'WANNIER90_WIN *= *"([^"]*)"', (inputs.folder / "INCAR").read_text())
    own = f"num_wann = {inputs.incar['NUM_WANN']}\nspinors = .true.\n{text[1]}" if text else win.read_text()
    excluded = re.search(r"exclude_bands *= *1-(\d+)", own)
    n_bands = int(inputs.incar["NBANDS"]) - (int(excluded[1]) if excluded else 0)
    points, _ = inputs.points

    def rows(block: Any) -> str:
        return "\n".join(" ".join(f"{x:.12f}" for x in row) for row in np.asarray(block))

    atoms = "\n".join(
        f"{site.specie.symbol} " + " ".join(f"{x:.12f}" for x in site.frac_coords)
        for site in inputs.structure
    )
    mesh = " ".join(map(str, inputs.mesh or ()))
    win.write_text(
        f"num_bands = {n_bands}\n{own}\nbegin unit_cell_cart\n{rows(inputs.structure.lattice.matrix)}\n"
        f"end unit_cell_cart\nbegin atoms_frac\n{atoms}\nend atoms_frac\nmp_grid = {mesh}\n"
        f"begin kpoints\n{rows(points)}\nend kpoints\n"
    )
    subprocess.run(["wannier90.x", "-pp", "wannier90"], cwd=inputs.folder, check=True, timeout=60)


def chgcar(results: Results) -> str:
    """A 2 × 2 × 2 grid: one block without spin–orbit coupling, four with it (n, mx, my, mz)."""
    blocks = 4 if results.inputs.spin_orbit else 2 if results.inputs.incar.get("ISPIN") == 2 else 1
    value = results.inputs.n_electrons
    grids = [
        " 2 2 2\n" + " ".join(f"{value if i == 0 else 0.0:.11E}" for _ in range(8)) for i in range(blocks)
    ]
    return Poscar(results.final).get_str() + "\n" + "\n".join(grids) + "\n"


def oszicar(results: Results) -> str:
    steps = [
        f"DAV: {i + 1:3d}   {ENERGY + 0.1 ** (i + 1):.12E}  -0.1E+00  -0.1E+00   100  0.1E+00  0.1E-01"
        for i in range(results.electronic_steps)
    ]
    head = "       N       E                     dE             d eps       ncg     rms          rms(c)"
    return "\n".join([head, *steps, f"   1 F= {ENERGY:.8E} E0= {ENERGY:.8E}  d E =0.000000E+00", ""])


def outcar(results: Results) -> str:
    inputs, n_k = results.inputs, len(results.points)
    lines = [
        f" vasp.{VERSION}",
        " running on    1 total cores",
        f"   k-points           NKPTS = {n_k:6d}   k-points in BZ     NKDIM = {n_k:6d}"
        f"   number of bands    NBANDS= {results.energies.shape[1]:6d}",
        "   total plane-waves  NPLWV =   1000",
        f"   ISPIN  = {inputs.incar.get('ISPIN', 1):6d}    spin polarized calculation?",
        f"   LNONCOLLINEAR = {'T' if inputs.spin_orbit else 'F':>6s} non collinear calculations",
        f"   LSORBIT = {'T' if inputs.spin_orbit else 'F':>6s}    spin-orbit coupling",
        f"   IBRION = {inputs.incar.get('IBRION', -1):6d}    ionic relax: 0-MD 1-quasi-New 2-CG",
        f"   NELECT = {inputs.n_electrons:12.4f}    total number of electrons",
    ]
    if not results.unconverged:
        lines.append(
            "------------------------ aborting loop because EDIFF is reached -----------------------"
        )
    moment = "0.0000000 0.0000000 0.0000000" if inputs.spin_orbit else "0.0000000"
    lines += [
        f" number of electron    {inputs.n_electrons:.7f} magnetization      {moment}",
        f" E-fermi :   {results.fermi:.4f}     XC(G=0):  -1.0000     alpha+bet : -1.0000",
        f"  free  energy   TOTEN  =   {ENERGY:.8f} eV",
        f"  energy  without entropy=   {ENERGY:.8f}  energy(sigma->0) =   {ENERGY:.8f}",
        "    total drift:                                0.000000      0.000000      0.000000",
        "                  Total CPU time used (sec):        1.500",
        "                         Elapsed time (sec):        2.000",
        "                   Maximum memory used (kb):      123456.",
        "",
    ]
    return "\n".join(lines)


def vasprun(results: Results) -> str:
    inputs = results.inputs
    elements = inputs.poscar.site_symbols
    symbols = [site.specie.symbol for site in inputs.structure]
    atoms = "".join(f"<rc><c>{s}</c><c>{elements.index(s) + 1}</c></rc>\n" for s in symbols)
    types = "".join(
        f"<rc><c>{n}</c><c>{e}</c><c>1.0</c><c>{one.nelectrons}</c><c>{escape(one.TITEL)}</c></rc>\n"
        for n, e, one in zip(inputs.poscar.natoms, elements, inputs.potcar, strict=True)
    )
    energy = "".join(
        f'<i name="{name}">{ENERGY:.8f}</i>' for name in ("e_fr_energy", "e_wo_entrp", "e_0_energy")
    )
    steps = f"<scstep><energy>{energy}</energy></scstep>\n" * results.electronic_steps
    mesh = inputs.mesh
    generation = ""
    if mesh is not None:
        generation = (
            f'<generation param="Gamma"><v type="int" name="divisions">{mesh[0]} {mesh[1]} {mesh[2]}</v>'
            '<v name="usershift">0.0 0.0 0.0</v><v name="shift">0.0 0.0 0.0</v></generation>'
        )
    forces = _varray("forces", np.full((len(symbols), 3), 0.001))
    stress = _varray("stress", np.zeros((3, 3)))
    opt = _kpoints_opt(results)
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
<generator><i name="program" type="string">vasp </i><i name="version" type="string">{VERSION}</i>
<i name="subversion" type="string">stand-in (build Jan 01 2026 00:00:00) complex serial </i>
<i name="platform" type="string">none</i><i name="date" type="string">2026 01 01</i>
<i name="time" type="string">00:00:00</i></generator>
<incar>{_params(dict(inputs.incar))}</incar>
<kpoints>{generation}{_points(results.points, results.weights)}</kpoints>
<parameters>{_params(_parameters(results))}</parameters>
<atominfo><atoms>{len(symbols)}</atoms><types>{len(elements)}</types>
<array name="atoms"><set>{atoms}</set></array>
<array name="atomtypes"><set>{types}</set></array></atominfo>
{_structure("initialpos", inputs.structure)}
<calculation>
{steps}{_structure("", results.final)}
{forces}{stress}<energy>{energy}</energy>
<eigenvalues><array><set>{_spins(results)}</set></array></eigenvalues>
{_dos(results)}
{_projected(results)}
</calculation>
{opt}{_structure("finalpos", results.final)}
</modeling>
"""


def _parameters(results: Results) -> dict[str, Any]:
    inputs, incar = results.inputs, results.inputs.incar
    defaults = {"NELM": 60, "NSW": 0, "IBRION": -1, "ISIF": 2, "ISMEAR": 1, "SIGMA": 0.2, "EDIFF": 1e-4,
                "ISPIN": 1, "ISYM": 2, "ICHARG": 2, "ISTART": 0, "ENMAX": 520.0, "LHFCALC": False,
                "LDAU": False, "LNONCOLLINEAR": False, "LSORBIT": False, "NELMDL": -5, "NEDOS": 301,
                "ALGO": "Normal", "GGA": "PE", "POTIM": 0.5, "EDIFFG": 1e-3, "LORBIT": 11,
                "LCHIMAG": False, "NGX": 8, "NGY": 8, "NGZ": 8}  # fmt: skip
    own = {"NELECT": inputs.n_electrons, "NBANDS": results.energies.shape[1]}
    spins = {"LNONCOLLINEAR": inputs.spin_orbit, "ISPIN": 1 if inputs.spin_orbit else incar.get("ISPIN", 1)}
    return defaults | dict(incar) | own | spins


def _params(values: dict[str, Any]) -> str:
    lines = []
    for name, value in values.items():
        if isinstance(value, bool):
            lines.append(f'<i type="logical" name="{name}">{"T" if value else "F"}</i>')
        elif isinstance(value, int):
            lines.append(f'<i type="int" name="{name}">{value}</i>')
        elif isinstance(value, float):
            lines.append(f'<i name="{name}">{value:.10f}</i>')
        elif isinstance(value, list):
            lines.append(f'<v name="{name}">{" ".join(str(x) for x in np.ravel(value))}</v>')
        else:
            lines.append(f'<i type="string" name="{name}">{escape(str(value).upper())}</i>')
    return "\n".join(lines)


def _varray(name: str, block: np.ndarray) -> str:
    rows = "".join(f"<v>{' '.join(f'{x:.10f}' for x in row)}</v>\n" for row in np.atleast_2d(block))
    return f'<varray name="{name}">{rows}</varray>\n'


def _points(points: np.ndarray, weights: np.ndarray) -> str:
    return _varray("kpointlist", points) + _varray("weights", weights[:, None])


def _structure(name: str, structure: Structure) -> str:
    given = f' name="{name}"' if name else ""
    lattice = structure.lattice
    return (
        f"<structure{given}><crystal>{_varray('basis', lattice.matrix)}"
        f'<i name="volume">{lattice.volume:.8f}</i>'
        f"{_varray('rec_basis', lattice.reciprocal_lattice_crystallographic.matrix)}</crystal>"
        f"{_varray('positions', structure.frac_coords)}</structure>"
    )


def _spins(results: Results) -> str:
    """One set, or with ISPIN = 2 one below and one above it, which are filled alike."""
    if not results.polarised:
        return _eigenvalues(results.energies, results.occupations)
    return "".join(
        _eigenvalues(results.energies + shift, results.occupations, spin)
        for spin, shift in ((1, -0.5 * EXCHANGE), (2, 0.5 * EXCHANGE))
    )


def _eigenvalues(energies: np.ndarray, occupations: np.ndarray, spin: int = 1) -> str:
    points = []
    for i, (e, f) in enumerate(zip(energies, occupations, strict=True)):
        rows = "".join(f"<r>{x:.6f} {y:.4f}</r>\n" for x, y in zip(e, f, strict=True))
        points.append(f'<set comment="kpoint {i + 1}">{rows}</set>\n')
    return f'<set comment="spin {spin}">{"".join(points)}</set>'


def _dos(results: Results) -> str:
    grid = np.linspace(results.energies.min() - 1, results.energies.max() + 1, 51)
    counts, _ = np.histogram(results.energies, bins=np.append(grid, grid[-1] + 1))
    total = np.cumsum(counts) / len(results.points)
    rows = "".join(
        f"<r>{e:.4f} {n / len(results.points):.4f} {t:.4f}</r>\n"
        for e, n, t in zip(grid, counts, total, strict=True)
    )
    spins = "".join(f'<set comment="spin {spin + 1}">{rows}</set>' for spin in range(1 + results.polarised))
    return (
        f'<dos><i name="efermi">{results.fermi:.8f}</i><total><array><set>{spins}</set></array></total></dos>'
    )


def _projected(results: Results) -> str:
    """Most of every state on the atoms' s; with spin–orbit coupling three of magnetisation follow."""
    spins = 4 if results.inputs.spin_orbit else 2 if results.polarised else 1
    n_atoms = len(results.inputs.structure)
    row = f"<r>{0.8 / n_atoms:.4f} {'0.0000 ' * 8}</r>\n" * n_atoms
    zero = f"<r>{'0.0000 ' * 9}</r>\n" * n_atoms
    sets = []
    for spin in range(spins):
        band = f"<set>{zero if spin and results.inputs.spin_orbit else row}</set>"
        point = f"<set>{band * results.energies.shape[1]}</set>"
        sets.append(f'<set comment="spin{spin + 1}">{point * len(results.points)}</set>\n')
    return f"<projected><array><set>{''.join(sets)}</set></array></projected>"


def _kpoints_opt(results: Results) -> str:
    if results.path is None:
        return ""
    points, energies = results.path
    weights = np.full(len(points), 1 / len(points))
    return (
        f"<eigenvalues_kpoints_opt><kpoints>{_points(points, weights)}</kpoints>"
        f"<eigenvalues><array><set>{_eigenvalues(energies, filled(energies, results.n_filled))}</set></array>"
        "</eigenvalues></eigenvalues_kpoints_opt>\n"
    )


def optional_points(inputs: Inputs) -> np.ndarray | None:
    """Return the points of KPOINTS_OPT, where there is one."""
    file = inputs.folder / "KPOINTS_OPT"
    return np.array(Kpoints.from_file(file).kpts, dtype=float) if file.is_file() else None
