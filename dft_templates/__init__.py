"""Input files as data: presets and templates for VASP, Quantum ESPRESSO, Wannier90; no workflow logic."""
