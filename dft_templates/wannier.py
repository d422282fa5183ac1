"""The ``wannier`` section of a preset: shared by both engines."""

from pydantic import Field

from dft_templates.vasp import Section


class WannierPreset(Section):
    """Settings of the Wannier functions."""

    k_spacing: float = Field(gt=0, description="Spacing of the uniform mesh, 2π included, 1/Å.")
    bands: int | None = Field(
        default=None, ge=1, description="Bands of the run that feeds Wannier90, at least; null for a rule."
    )
    retries: int = Field(
        default=1,
        ge=0,
        le=5,
        description="How often that run is repeated where its Wannier functions are poor, with more bands or "
        "a denser mesh, whichever the fault asks for.",
    )
    more_bands: float = Field(
        default=1.5, gt=1, le=4, description="Factor, at each repetition, of the bands above the functions'."
    )
    denser_mesh: float = Field(
        default=0.8, gt=0.2, lt=1, description="Factor of k_spacing at each repetition."
    )
    projections: dict[str, str] = Field(
        default_factory=dict,
        description="Element → shells that become Wannier functions, such as `s,d`, where the rule is not "
        "wanted (docs/wannier.md).",
    )
