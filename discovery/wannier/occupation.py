"""The number of occupied bands that the files beside a Wannier Hamiltonian speak of."""

import re
from pathlib import Path

from discovery.topology.tightbinding import HamiltonianError


def declared_occupation(hamiltonian: Path) -> int | None:
    """Return ``NumOccupied`` of the wt.in beside a Hamiltonian; None where there is none."""
    path = hamiltonian.parent / "wt.in"
    if not path.is_file():
        return None
    text = re.sub(r"!.*", "", path.read_text(encoding="utf-8", errors="replace"))
    found = re.search(r"^\s*numoccupied\s*=\s*(\d+)", text, re.MULTILINE | re.IGNORECASE)
    return int(found.group(1)) if found else None


def check_occupation(hamiltonian: Path, n_occupied: int) -> None:
    """Refuse a number of occupied bands that the wt.in beside the Hamiltonian contradicts.

    A wrong number of bands gives a wrong index without any other sign.

    Raises:
        HamiltonianError: with both numbers.
    """
    declared = declared_occupation(hamiltonian)
    if declared is not None and declared != n_occupied:
        raise HamiltonianError(
            f"{n_occupied} occupied bands were asked for, {hamiltonian.parent / 'wt.in'} has "
            f"NumOccupied = {declared}: correct the one that is wrong"
        )
