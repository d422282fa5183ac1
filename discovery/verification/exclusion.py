"""Which bands are left out below the Wannier functions: those of deep shells, under a true gap only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from discovery.verification.eigenvalues import Eigenvalues
from discovery.verification.projections import Choice, level_ev
from discovery.verification.valence import LETTERS, PlanError, Shell

EXCLUSION_GAP = 0.5
"""Gap in eV that must lie above excluded bands: a mesh misses a few tenths, and bands that close overlap
in their orbitals too."""


@dataclass(frozen=True)
class Exclusion:
    """What is left out and what that leaves.

    Attributes:
        n_bands: lowest bands excluded.
        shells: element → letters projected, deep shells that could not be left out included.
        notes: one sentence for each decision.
    """

    n_bands: int
    shells: Mapping[str, str | Sequence[str]]
    notes: tuple[str, ...]


def exclude(choices: Mapping[str, Choice], counts: Mapping[str, int], eigenvalues: Eigenvalues) -> Exclusion:
    """Leave out as many of the deepest shells as a true gap at every k-point allows.

    Deep shells are taken from the lowest atomic level up, because excluded bands are the lowest ones. One
    that lies above a shell which is projected cannot be counted off from below and is projected too.

    Args:
        choices: element → its shells.
        counts: element → atoms in the cell.
        eigenvalues: spinor bands.

    Raises:
        PlanError: electrons that are not those of the pseudopotentials; a shell that can be neither left
            out nor projected.
    """
    _check_electrons(choices, counts, eigenvalues)
    deep = sorted(
        (level_ev(element, shell), element, shell) for element, one in choices.items() for shell in one.deep
    )
    floor = min(
        (
            level_ev(element, shell)
            for element, one in choices.items()
            for shell in one.shells
            if shell not in one.deep
        ),
        default=float("inf"),
    )
    below = [entry for entry in deep if entry[0] < floor]
    notes, tried = [], []
    for kept in range(len(below), -1, -1):
        n = sum(counts[element] * shell.n_states for _, element, shell in below[:kept])
        gap = eigenvalues.gap_above(n) if 0 < n < eigenvalues.energies.shape[1] else float("inf")
        if gap >= EXCLUSION_GAP:
            break
        tried.append(f"{gap:.2f} eV above band {n}")
    if n:
        names = ", ".join(f"{element} {shell.name}" for _, element, shell in below[:kept])
        notes.append(f"{n} bands of {names} are left out below a gap of {gap:.2f} eV")
    for level, element, shell in deep[kept:]:
        why = "it lies above projected bands" if level >= floor else f"no true gap ({', '.join(tried)})"
        notes.append(f"{element} {shell.name} is projected: {why}")
    left = [(element, shell) for _, element, shell in deep[kept:]]
    return Exclusion(n, _projected(choices, left), tuple(notes))


def _projected(choices: Mapping[str, Choice], left: list[tuple[str, Shell]]) -> dict[str, str]:
    shells = {element: one.projected for element, one in choices.items()}
    for element, shell in left:
        if shell.letter in shells[element]:
            raise PlanError(
                f"the bands of {element} {shell.name} have no true gap above them, and {shell.letter} of "
                f"{element} is projected already for the shell outside",
                f"Take a pseudopotential of {element} that keeps {shell.name} in the core.",
            )
        shells[element] = "".join(sorted(shells[element] + shell.letter, key=LETTERS.index))
    return shells


def _check_electrons(
    choices: Mapping[str, Choice], counts: Mapping[str, int], eigenvalues: Eigenvalues
) -> None:
    if not eigenvalues.spin_orbit:
        raise PlanError(
            "Wannier functions are planned from bands with spin–orbit coupling, these have none",
            "Give the eigenvalues of static_soc or of the run on the uniform mesh.",
        )
    held = sum(counts[element] * shell.electrons for element, one in choices.items() for shell in one.shells)
    if abs(held - eigenvalues.n_electrons) > 1e-3:
        raise PlanError(
            f"the pseudopotentials hold {held:g} electrons, the run treats {eigenvalues.n_electrons:g}",
            "Plan with the pseudopotentials that the run used; charged cells are not planned.",
        )
