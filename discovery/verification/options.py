"""What the user asks of a verification, beside the preset's numbers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Check = Literal["hse06", "mbj"]


class Options(BaseModel):
    """Choices that decide which steps there are and what they treat; all of them travel as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    relax: bool = Field(default=True, description="Relax ions and cell before anything else.")
    hubbard: dict[str, float] = Field(
        default_factory=dict,
        description="Element → U in eV (Dudarev), on its d shell, or its f shell for lanthanides, actinides.",
    )
    check: Check | None = Field(
        default=None, description="Functional of better gaps with which the inversion is checked."
    )
    magnetic: bool = Field(
        default=False, description="Start magnetic: time reversal is not assumed and no Z2 index looked for."
    )
    stop_early: bool = Field(default=True, description="Stop where a step already decides.")
    surfaces: bool = Field(default=True, description="Compute surface spectra.")
    miller: tuple[int, int, int] = Field(default=(0, 0, 1), description="Miller index of the surface.")
    ranks: int = Field(default=1, ge=1, description="MPI ranks of the first-principles program.")
    threads: int = Field(default=1, ge=1, description="OpenMP threads of each rank.")
