"""The ``wannier`` section of a preset: shared by both engines."""

from pydantic import Field

from dft_templates.vasp import Section


class WannierPreset(Section):
    """Settings of the Wannier functions."""

    k_spacing: float = Field(gt=0, description="Spacing of the uniform mesh, 2π included, 1/Å.")
