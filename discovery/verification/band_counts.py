"""How many bands with spin–orbit coupling a plan of Wannier functions asks for, before any is known."""

from collections.abc import Mapping
from math import ceil

from discovery.verification.projections import Choice


def spare_bands(num_wann: int) -> int:
    """Return how many bands to compute above those that Wannier functions replace.

    They have to be complete, at every k, up to the highest energy of band num_wann (`outer_limit`): in
    antimony four above sixteen are too few and break time reversal by 90 meV, in silicon eight suffice.
    """
    return max(12, ceil(0.5 * num_wann))


def bands_needed(choices: Mapping[str, Choice], counts: Mapping[str, int]) -> int:
    """Return the bands with spin–orbit coupling that a plan will ask for, before any is known.

    Args:
        choices: element → shells.
        counts: element → atoms in the cell.
    """
    states = {"s": 2, "p": 6, "d": 10, "f": 14}
    num_wann = sum(
        counts[element] * states[letter] for element in counts for letter in choices[element].projected
    )
    deep = sum(counts[element] * shell.n_states for element in counts for shell in choices[element].deep)
    return 2 * ceil((deep + num_wann + spare_bands(num_wann)) / 2)
