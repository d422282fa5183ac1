"""What VASP wrote, read by pymatgen: eigenvalues, weights of orbitals, structures, what it cost."""

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from discovery.verification.eigenvalues import Eigenvalues
from discovery.verification.engines import StepError

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

STAND_IN = "stand-in"
"""Word in the version that the tests' program gives itself."""

_TIME = re.compile(r"Elapsed time \(sec\): *([\d.]+)")
_MEMORY = re.compile(r"Maximum memory used \(kb\): *([\d.]+)")
_FERMI = re.compile(r"E-fermi *: *(-?[\d.]+)")
_MOMENT = re.compile(r"number of electron +[-\d.]+ +magnetization +([-\d. ]+)$", re.MULTILINE)


def read_vasprun(directory: Path, projections: bool = False) -> "Vasprun":
    """Read vasprun.xml of a run that ended and converged.

    Args:
        directory: of the run.
        projections: read the weights of orbitals too.

    Raises:
        StepError: no such file, cut off, or not converged.
    """
    from pymatgen.io.vasp.outputs import Vasprun

    file = _find(directory, "vasprun.xml")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # POTCARs are gone by now, and that is meant
            run = Vasprun(
                str(file),
                parse_dos=False,
                parse_projected_eigen=projections,
                parse_potcar_file=False,
                exception_on_bad_xml=True,
            )
    except Exception as error:  # XML errors of three libraries, and what pymatgen trips over in half a file
        raise StepError(
            f"{file} is cut off or damaged: {type(error).__name__}: {str(error)[:200]}",
            "VASP was stopped as it wrote: look at vasp.out, memory and wall time, and run the step again.",
        ) from None
    if not run.converged_electronic:
        raise StepError(
            f"{file}: the charge density did not converge within NELM = {run.parameters.get('NELM')} steps",
            "Try --set INCAR.ALGO=All, less mixing (INCAR.AMIX=0.1, INCAR.BMIX=0.0001) or a larger NELM.",
        )
    return run


def eigenvalues_of(run: "Vasprun", fermi: float, line: bool) -> Eigenvalues:
    """Return the states of a run; KPOINTS_OPT's where there is one, and of a path without weights.

    Args:
        run: what `read_vasprun` gave.
        fermi: what `fermi_energy` gave.
        line: whether the points are a path, whose weights mean nothing.

    Raises:
        StepError: no eigenvalues.
    """
    optional = getattr(run, "kpoints_opt_props", None)
    source: Any = optional if optional is not None and optional.eigenvalues else run
    if not source.eigenvalues:
        raise StepError(f"{run.filename} holds no eigenvalues", "Run the step again.")
    spins = list(source.eigenvalues.values())
    stacked = np.concatenate([np.asarray(one, dtype=float) for one in spins], axis=1)
    order = np.argsort(stacked[:, :, 0], axis=1, kind="stable")
    energies = np.take_along_axis(stacked[:, :, 0], order, axis=1)
    occupations = np.take_along_axis(stacked[:, :, 1], order, axis=1)
    points = np.asarray(source.actual_kpoints, dtype=float)
    weights = np.asarray(source.actual_kpoints_weights or np.zeros(len(points)), dtype=float)
    spin_orbit = is_spin_orbit(run)
    return Eigenvalues(
        kpoints=points,
        weights=np.zeros(len(points)) if line or weights.sum() <= 0 else weights / weights.sum(),
        energies=energies,
        occupations=np.clip(occupations, 0.0, 1.0),
        fermi=fermi,
        n_electrons=float(run.parameters["NELECT"]),
        spin_orbit=spin_orbit,
        spin_polarised=len(spins) == 2,
    )


def orbital_weights(run: "Vasprun") -> dict[str, np.ndarray]:
    """Return `Sb p` → (n_k, n_bands) weight in 0…1, bands in the order of `eigenvalues_of`.

    Weights are those inside the PAW spheres (LORBIT = 11); their sum is below one.
    """
    if not run.projected_eigenvalues:
        return {}
    assert run.eigenvalues is not None
    spins = list(run.projected_eigenvalues)
    energies = np.concatenate([np.asarray(run.eigenvalues[spin])[:, :, 0] for spin in spins], axis=1)
    order = np.argsort(energies, axis=1, kind="stable")[:, :, None, None]
    projected = np.concatenate([np.asarray(run.projected_eigenvalues[spin]) for spin in spins], axis=1)
    projected = np.take_along_axis(projected, order, axis=1)
    letters = ("s", "p", "p", "p", "d", "d", "d", "d", "d") + ("f",) * 7
    symbols = [site.specie.symbol for site in run.final_structure]
    weights: dict[str, np.ndarray] = {}
    for element in dict.fromkeys(symbols):
        sites = [i for i, symbol in enumerate(symbols) if symbol == element]
        for letter in "spdf":
            columns = [i for i in range(projected.shape[3]) if letters[i] == letter]
            total = projected[:, :, sites][:, :, :, columns].sum(axis=(2, 3))
            if columns and total.max() > 1e-3:
                weights[f"{element} {letter}"] = np.clip(total, 0.0, 1.0)
    return weights


def is_spin_orbit(run: "Vasprun") -> bool:
    """Return whether spins were non-collinear."""
    return bool(run.parameters.get("LSORBIT") or run.parameters.get("LNONCOLLINEAR"))


def fermi_energy(directory: Path) -> float:
    """Return the Fermi energy of the last electronic step in eV; vasprun.xml hides it in the DOS.

    Raises:
        StepError: OUTCAR is missing or has none.
    """
    found = _FERMI.findall(_text(directory))
    if not found:
        raise StepError(f"{directory / 'OUTCAR'} has no Fermi energy", "It is cut off: run the step again.")
    return float(found[-1])


def costs(directory: Path) -> dict[str, float]:
    """Return ``seconds`` and ``memory_mb`` as OUTCAR's last lines say, where they do."""
    text = _text(directory)
    found = {"seconds": _TIME.search(text), "memory_mb": _MEMORY.search(text)}
    scale = {"seconds": 1.0, "memory_mb": 1e-3}
    return {name: float(match[1]) * scale[name] for name, match in found.items() if match}


def magnetisation(directory: Path) -> float | None:
    """Return the total moment |m| in μB per cell of the last electronic step, or None."""
    lines = _MOMENT.findall(_text(directory))
    if not lines:
        return None
    return float(np.linalg.norm([float(x) for x in lines[-1].split()]))


def stand_in(run: "Vasprun") -> str:
    """Return what to say where the tests' program wrote the files; empty for VASP."""
    return (
        "A stand-in for VASP wrote these files: plumbing, not physics."
        if STAND_IN in run.vasp_version
        else ""
    )


def _text(directory: Path) -> str:
    from monty.io import zopen

    with zopen(str(_find(directory, "OUTCAR")), mode="rt", encoding="utf-8", errors="replace") as file:
        return str(file.read())


def _find(directory: Path, name: str) -> Path:
    """Return a file that may be gzipped by now.

    Raises:
        StepError: VASP did not write it.
    """
    for file in (directory / name, directory / f"{name}.gz"):
        if file.is_file():
            return file
    raise StepError(
        f"{directory / name} is missing",
        "VASP did not start or was stopped at once: look at vasp.out and std_err.txt.",
    )
