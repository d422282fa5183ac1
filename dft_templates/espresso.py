"""The ``espresso`` section of a preset."""

from pydantic import Field

from dft_templates.vasp import Section


class EspressoPreset(Section):
    """Settings of the Quantum ESPRESSO steps."""

    k_spacing: float = Field(gt=0, description="Spacing of Γ-centred meshes, 2π included, 1/Å.")
    line_spacing: float = Field(gt=0, description="Spacing of points along the band path, 1/Å.")
