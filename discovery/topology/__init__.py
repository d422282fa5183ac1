"""Topology of a tight-binding Hamiltonian: arrays in, indices out. This room knows no files and no jobs."""
