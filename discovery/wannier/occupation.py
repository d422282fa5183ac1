"""The number of occupied bands that the files beside a Wannier Hamiltonian speak of."""

import re
from collections.abc import Iterator
from pathlib import Path

from discovery.topology.tightbinding import HamiltonianError
from discovery.wannier.geometry import beside


def declared_occupation(hamiltonian: Path) -> int | None:
    """Return ``NumOccupied`` of the wt.in beside a Hamiltonian; None where there is none."""
    return next((number for number, _ in _declared(hamiltonian)), None)


def _declared(hamiltonian: Path) -> Iterator[tuple[int, Path]]:
    """``NumOccupied`` of every wt.in beside a Hamiltonian, with the file."""
    for path in beside(hamiltonian, "wt.in"):
        text = re.sub(r"!.*", "", path.read_text(encoding="utf-8", errors="replace"))
        found = re.search(r"^\s*numoccupied\s*=\s*(\d+)", text, re.MULTILINE | re.IGNORECASE)
        if found:
            yield int(found.group(1)), path


def check_occupation(hamiltonian: Path, n_occupied: int) -> None:
    """Refuse a number of occupied bands that the wt.in beside the Hamiltonian contradicts.

    A wrong number of bands gives a wrong index without any other sign.

    Raises:
        HamiltonianError: with both numbers.
    """
    for declared, path in _declared(hamiltonian):
        if declared != n_occupied:
            raise HamiltonianError(
                f"{n_occupied} occupied bands were asked for, {path} has NumOccupied = {declared}: "
                "correct the one that is wrong"
            )
