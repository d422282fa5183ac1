"""The ``vasp`` section of a preset: what a user may choose; what the physics fixes is not here."""

from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dft_templates.incar_tags import as_tag, incar_tags

Scalar = bool | int | float | str
Tags = dict[str, Scalar | list[Scalar]]

VASP_STEPS = (
    "relax",
    "static",
    "bands",
    "static_soc",
    "bands_soc",
    "parities",
    "wannier_input",
    "check",
)
"""Steps that VASP runs; ``check`` repeats the bands with HSE06 or mBJ."""

DECIDED: dict[str, str] = {
    "LSORBIT": "it is what tells a step with spin–orbit coupling from one without",
    "LNONCOLLINEAR": "LSORBIT sets it",
    "ICHARG": "a step that reads a charge density reads the one made with the same spin treatment",
    "ISTART": "the step decides whether it starts from wavefunctions",
    "ISPIN": "the option `magnetic` sets it, together with the moments",
    "MAGMOM": "the option `magnetic` sets it, three numbers for each atom under spin–orbit coupling",
    "NELECT": "it comes from the POTCARs",
    "LDAU": "the option `hubbard` sets it for each element",
    "LDAUTYPE": "the option `hubbard` sets it: Dudarev's form",
    "LDAUL": "the option `hubbard` sets it for each element",
    "LDAUU": "the option `hubbard` sets it for each element",
    "LDAUJ": "the option `hubbard` sets it for each element",
    "LHFCALC": "the option `check` chooses the functional",
    "METAGGA": "the option `check` chooses the functional",
    "LWANNIER90": "the step `wannier_input` sets it",
    "LWANNIER90_RUN": "Wannier90 runs as a step of its own",
    "NUM_WANN": "the Wannier plan computes it from the projections",
    "WANNIER90_WIN": "the Wannier plan writes it",
    "KSPACING": "give `k_spacing`; meshes are written into KPOINTS",
}
"""Tags that a step computes or that define it → why they cannot be overridden."""


def _known_tags(tags: dict[str, Any]) -> dict[str, Any]:
    for tag in tags:
        if tag in DECIDED:
            raise ValueError(f"{tag} is not free: {DECIDED[tag]}")
        if tag not in incar_tags():
            near = get_close_matches(tag.upper(), incar_tags(), n=3)
            raise ValueError(
                f"VASP has no INCAR tag {tag!r}" + (f"; near: {', '.join(near)}" if near else "")
            )
    return {tag: as_tag(tag, value) for tag, value in tags.items()}


IncarTags = Annotated[Tags, AfterValidator(_known_tags)]


class Section(BaseModel):
    """A part of a preset: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class VaspStep(Section):
    """What one step has of its own."""

    INCAR: IncarTags = Field(default_factory=dict, description="Tags over those of every step.")
    k_spacing: float | None = Field(
        default=None, gt=0, description="Spacing of its mesh, 2π included, 1/Å; unset: the section's."
    )
    nbands: int | None = Field(
        default=None, gt=0, description="Bands; fewer than the step needs are refused."
    )


class VaspPreset(Section):
    """Settings of the VASP steps."""

    version: Literal[5, 6] = Field(description="Major version; orders the spinor projections.")
    potcar_functional: Literal["PBE_52", "PBE_54", "PBE_64"] = Field(description="Release of the POTCARs.")
    potcars: dict[str, str] = Field(
        default_factory=dict, description="Element → POTCAR, such as Sn: Sn_d, over atomate2's choice."
    )
    k_spacing: float = Field(gt=0, description="Spacing of Γ-centred meshes, 2π included, 1/Å.")
    line_spacing: float = Field(gt=0, description="Spacing of points along the band path, 1/Å.")
    empty_fraction: float = Field(ge=0, description="Empty bands as a fraction of the filled ones.")
    empty_at_least: int = Field(ge=1, description="Empty spin–orbit bands, at the least.")
    band_groups: int = Field(ge=1, description="NBANDS is made a multiple of it and of ranks / (KPAR·NCORE).")
    INCAR: IncarTags = Field(description="Tags of every step.")
    relax: VaspStep = Field(default_factory=VaspStep, description="Cell and ions.")
    static: VaspStep = Field(default_factory=VaspStep, description="Charge density without coupling.")
    bands: VaspStep = Field(default_factory=VaspStep, description="Bands without coupling.")
    static_soc: VaspStep = Field(default_factory=VaspStep, description="Charge density with coupling.")
    bands_soc: VaspStep = Field(default_factory=VaspStep, description="Bands with coupling.")
    parities: VaspStep = Field(default_factory=VaspStep, description="Wavefunctions at the eight TRIMs.")
    wannier_input: VaspStep = Field(default_factory=VaspStep, description="Overlaps for Wannier90.")
    check: VaspStep = Field(default_factory=VaspStep, description="HSE06 or mBJ bands.")

    def step(self, name: str) -> VaspStep:
        """Return the settings of one of `VASP_STEPS`; raises ``KeyError`` for another name."""
        if name not in VASP_STEPS:
            raise KeyError(name)
        settings: VaspStep = getattr(self, name)
        return settings

    def tags(self, name: str) -> Tags:
        """Return the INCAR tags of a step: every step's, and its own over them."""
        return {**self.INCAR, **self.step(name).INCAR}
