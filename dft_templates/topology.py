"""The ``topology`` section of a preset: what is asked of the Wannier Hamiltonian."""

from pydantic import Field

from dft_templates.vasp import Section


class TopologyPreset(Section):
    """Settings of the index and of the surfaces."""

    surfaces: bool = Field(description="Whether surface spectra are computed.")
    surface_points: int = Field(ge=2, description="Points along the path of the surface zone.")
    surface_energies: int = Field(ge=2, description="Energies of the surface spectra.")
    surface_window: float = Field(gt=0, description="Energies reach so far from the Fermi energy, eV.")
    surface_broadening: float = Field(gt=0, description="Half width of levels in surface spectra, eV.")
