"""The ``topology`` section of a preset: what is asked of the Wannier Hamiltonian."""

from pydantic import Field

from dft_templates.vasp import Section


class TopologyPreset(Section):
    """Settings of the index and of the surfaces."""

    surfaces: bool = Field(description="Whether surface spectra are computed.")
