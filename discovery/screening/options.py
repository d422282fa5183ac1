"""What a screen is asked to keep and to drop: plain data, written to ``run.json``."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from xbert.conformal import check_error_rate
from xbert.trust import ERROR_RATE

# Open 3d, 4f and 5f shells: crystals of these are often magnetic, and every label and indicator here
# assumes time reversal. La, Lu and Ac to Th have no f electron to order.
MAGNETIC_ELEMENTS = (
    *("V", "Cr", "Mn", "Fe", "Co", "Ni"),
    *("Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb"),
    *("Pa", "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No"),
)


class ScreenOptions(BaseModel):
    """Filters of a screen; the defaults are the screen that the paper made, without its blind spots."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    no_inversion: bool = Field(default=False, description="Keep only groups without inversion.")
    undiagnosable: bool = Field(default=False, description="Keep only groups with a trivial indicator group.")
    keep_odd: bool = Field(default=False, description="Keep odd electron counts.")
    keep_metals: bool = Field(
        default=False,
        description="Keep metals by the database: called so, or gapless without balanced valences.",
    )
    max_metal: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Drop crystals of unknown gap above this P(metal) without balanced valences; 1: none.",
    )
    drop_gapless: bool = Field(default=False, description="Drop crystals with a database gap of zero.")
    keep_labelled: bool = Field(default=False, description="Keep what a label source calls topological.")
    keep_known: bool = Field(default=False, description="Keep what the literature knows as topological.")
    keep_magnetic: bool = Field(default=False, description="Keep crystals with magnetic-prone elements.")
    magnetic_elements: tuple[str, ...] = Field(
        default=MAGNETIC_ELEMENTS, description="Elements counted as magnetic-prone."
    )
    with_elements: tuple[str, ...] = Field(default=(), description="Keep crystals that hold all of these.")
    without_elements: tuple[str, ...] = Field(default=(), description="Drop crystals that hold any of these.")
    max_atoms: int = Field(default=100, ge=0, description="Largest primitive cell; 0 for any.")
    max_hull: float = Field(default=0.1, ge=0, description="Largest energy above hull, eV/atom; inf for any.")
    keep_duplicates: bool = Field(default=False, description="Keep all crystals of one formula and group.")
    match_structures: bool = Field(
        default=False, description="Also drop what matches a better-ranked structure of the same formula."
    )
    min_probability: float = Field(default=0.0, ge=0, le=1, description="Least topological probability.")
    error_rate: float = Field(
        default=ERROR_RATE,
        description="Share of topological crystals that may be called trivial, and the other way round.",
    )
    top: int = Field(default=500, ge=0, description="Keep so many of the best; 0 for all.")

    @field_validator("error_rate")
    @classmethod
    def _has_a_quantile(cls, error_rate: float) -> float:
        check_error_rate(error_rate)
        return error_rate

    @field_validator("magnetic_elements", "with_elements", "without_elements")
    @classmethod
    def _known_symbols(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from xbert.elements import symbols

        unknown = [name for name in names if name not in symbols()[1:]]
        if unknown:
            raise ValueError(f"unknown element {', '.join(unknown)}; write symbols such as Ag,Hg,Se")
        return tuple(sorted(set(names)))
