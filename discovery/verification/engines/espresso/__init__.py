"""Quantum ESPRESSO from a crystal to the overlaps that Wannier90 reads."""
