"""The ninth token: what a crystal is made of as a whole, which eight tokens tell only between the lines.

H. Xu, D. Qian, J. Wang, "Predicting Many Crystal Properties via an Adaptive Transformer-based Framework",
leave room for tokens beyond their eight. This one holds composition statistics, volume per atom, packing, the
count of valence electrons, and whether the electrons can fill bands up (``xbert.fillings``).
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from xbert.elements import MAX_Z, element_facts
from xbert.features import Batch
from xbert.fillings import allows_insulator, multiplicities

FACTS = (
    *("number", "group", "period", "valence", "electronegativity", "covalent_radius"),
    *("log_ionization_energy", "electron_affinity", "log_molar_volume"),
)
"""Columns of ``elements.csv`` whose mean, spread, least and greatest value over a crystal are told."""

VALENCE_BITS = 8
_SCALARS = 5
_PARITIES = 2
_FILLING = 3
_TYPICAL_LOG_VOLUME = 2.9  # of an atom in Å³; these three bring the logarithms near zero
_TYPICAL_LOG_ATOMS = 2.0
_TYPICAL_LOG_ELECTRONS = 3.0
_TYPICAL_VALENCE = 4.0


@cache
def facts_table() -> np.ndarray:
    """Return (104, 9) float32 of ``FACTS`` by atomic number; an unknown one is the median of its column."""
    rows = [[float(row[name] or "nan") for name in FACTS] for row in element_facts()[:MAX_Z]]
    table = np.vstack([np.full(len(FACTS), np.nan), rows])
    table = np.where(np.isnan(table), np.nanmedian(table, axis=0), table).astype(np.float32)
    table.setflags(write=False)
    return table


class StatisticsToken(nn.Module):
    """Embed the statistics of each crystal of a batch by two layers.

    Args:
        width: of the token.
    """

    facts: Tensor
    scaled: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        table = facts_table()
        scaled = (table - table[1:].mean(0)) / table[1:].std(0)
        self.register_buffer("facts", torch.from_numpy(table.copy()), persistent=False)
        self.register_buffer("scaled", torch.from_numpy(scaled), persistent=False)
        size = 4 * len(FACTS) + _SCALARS + VALENCE_BITS + _PARITIES + _FILLING
        self.layers = nn.Sequential(nn.Linear(size, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, batch: Batch) -> Tensor:
        """Return (b, width)."""
        # A spread is a difference of squares, which half precision would spoil.
        with torch.autocast(batch.composition.device.type, enabled=False):
            numbers = self.statistics(batch)
        embedded: Tensor = self.layers(numbers)
        return embedded

    def statistics(self, batch: Batch) -> Tensor:
        """Return (b, 54) float32: statistics of ``FACTS``, sizes, valence electrons as bits, filling."""
        fractions = batch.composition
        mean = fractions @ self.scaled
        spread = (fractions @ self.scaled**2 - mean**2).clamp_min(0.0).sqrt()
        present = (fractions > 0)[:, :, None]
        least = torch.where(present, self.scaled, torch.inf).amin(1)
        greatest = torch.where(present, self.scaled, -torch.inf).amax(1)
        atoms = torch.bincount(batch.crystal, minlength=batch.size).to(mean.dtype)
        valence = torch.round((fractions @ self.facts[:, FACTS.index("valence")]) * atoms).long()
        radii = self.facts[:, FACTS.index("covalent_radius")] / 100.0  # Å
        volume = batch.volume_per_atom
        sizes = [
            volume.log() - _TYPICAL_LOG_VOLUME,
            atoms.log() - _TYPICAL_LOG_ATOMS,
            (batch.n_electrons / atoms).log() - _TYPICAL_LOG_ELECTRONS,
            fractions @ (4.0 / 3.0 * torch.pi * radii**3) / volume,
            valence / atoms - _TYPICAL_VALENCE,
        ]
        places = torch.arange(VALENCE_BITS, device=valence.device)
        bits = ((valence[:, None] >> places) & 1).to(mean.dtype)
        parities = torch.stack([batch.n_electrons % 6 == 0, batch.n_electrons % 2 == 1], 1).to(mean.dtype)
        parts = [mean, spread, least, greatest, torch.stack(sizes, 1), bits, parities, self._filling(batch)]
        return torch.cat(parts, 1)

    def _filling(self, batch: Batch) -> Tensor:
        groups, electrons = batch.spacegroup.cpu().numpy(), batch.n_electrons.cpu().numpy()
        step = 2 * np.array([multiplicities(int(group))[0] for group in groups])
        found = [allows_insulator(groups, electrons), electrons % step / step, np.log2(step)]
        return torch.from_numpy(np.stack(found, 1).astype(np.float32)).to(batch.composition.device)
