"""The ``wannier`` section of a preset: shared by both engines."""

from pydantic import Field

from dft_templates.vasp import Section


class WannierPreset(Section):
    """Settings of the Wannier functions."""

    k_spacing: float = Field(gt=0, description="Spacing of the uniform mesh, 2π included, 1/Å.")
    projections: dict[str, str] = Field(
        default_factory=dict,
        description="Element → shells that become Wannier functions, such as `s,d`, where the rule is not "
        "wanted (docs/wannier.md).",
    )
