"""What a verification leaves behind: its steps, its bands and pictures as numbers, and the verdict."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from candidates.records import Record, Text, Verdict, utc

StepState = Literal["waiting", "running", "done", "stopped", "skipped", "failed"]
"""``stopped``: it worked, and what it found makes the rest pointless; ``skipped``: an earlier one did."""

VerificationState = Literal["waiting", "running", "interrupted", "verified", "stopped", "failed"]
"""``verified``: there is a verdict, an inconclusive one included; ``stopped``: a step decided without one;
``interrupted``: a step had begun and no process is at work on it; ``waiting``: nothing is under way."""

STEPS = (
    "relax",
    "static",
    "bands",
    "static_soc",
    "bands_soc",
    "parities",
    "check",
    "wannier_input",
    "wannier",
    "topology",
    "surfaces",
    "verdict",
)
"""Names of the steps in the order in which a candidate meets them; a Flow may leave some out.

``check`` repeats the gap, and with inversion the parities, with a functional of better gaps.
"""


class Step(Record):
    """One step of a verification and how it ended."""

    name: Text = Field(description="One of `STEPS`.")
    state: StepState = Field(description="How it stands.")
    reason: Text = Field(default="", description="Why it stopped, failed or was skipped.")
    remedy: Text = Field(default="", description="What the user can do about it.")
    directory: Text = Field(default="", description="Where it ran.")
    seconds: float | None = Field(default=None, ge=0, description="Wall time, s.")
    memory_mb: float | None = Field(default=None, ge=0, description="Largest resident memory, MB, if known.")
    programs: dict[Text, Text] = Field(default_factory=dict, description="Program → version.")
    numbers: dict[Text, float] = Field(default_factory=dict, description="Name with unit → what it found.")
    notes: tuple[Text, ...] = Field(default=(), description="What was decided or tried again, and why.")


Zero = Literal["Fermi energy", "valence top"]
"""What energies are counted from."""


class BandPlot(Record):
    """Bands along a path, ready to draw.

    Attributes are flat lists so that the record is the same in JSON, in a store and on a page.
    """

    spin_orbit: bool = Field(description="Whether spin–orbit coupling was included.")
    distance: tuple[float, ...] = Field(description="(n_k) distance along the path, 1/Å.")
    k: tuple[tuple[float, float, float], ...] = Field(description="(n_k) fractional k-points.")
    ticks: tuple[tuple[float, Text], ...] = Field(description="Distance and label of special points.")
    energies: tuple[tuple[float, ...], ...] = Field(
        description="(n_bands, n_k) eV, from `zero`: by default the highest occupied."
    )
    zero: Zero = Field(default="valence top", description="What energies are counted from.")
    n_occupied: int = Field(ge=0, description="Bands of these that the electrons fill.")
    weights: dict[Text, tuple[tuple[float, ...], ...]] = Field(
        default_factory=dict, description="Orbital, such as `Sb p` → (n_bands, n_k) weight in 0…1."
    )

    @model_validator(mode="after")
    def _shapes_match(self) -> "BandPlot":
        n = len(self.distance)
        if len(self.k) != n or any(len(band) != n for band in self.energies):
            raise ValueError("distance, k and every band need one value for each k-point")
        return self


class WilsonPlot(Record):
    """Wannier charge centres over half a plane."""

    plane: Text = Field(description="Name of the plane, such as `k1=0`.")
    z2: int | None = Field(description="Its index; null where undecided.")
    k: tuple[float, ...] = Field(description="(m) positions of the lines, 0…½.")
    centres: tuple[tuple[float, ...], ...] = Field(description="(m, N) centres in [0, 1).")


class SurfacePlot(Record):
    """Spectral function of a surface along its zone's path."""

    miller: tuple[int, int, int] = Field(description="Miller index.")
    termination: Literal["top", "bottom", "bulk"] = Field(description="Which end of the crystal.")
    distance: tuple[float, ...] = Field(description="(n_k) distance along the path, 1/Å.")
    ticks: tuple[tuple[float, Text], ...] = Field(description="Distance and label of special points.")
    energies: tuple[float, ...] = Field(description="(n_e) eV from `zero`.")
    zero: Zero = Field(default="Fermi energy", description="What energies are counted from.")
    log_weight: tuple[tuple[float, ...], ...] = Field(description="(n_e, n_k) log10 of states per eV.")


class Verification(Record):
    """Everything that a candidate's verification found; the pages and `discover verdict` show this."""

    candidate_id: Text = Field(description="Candidate it belongs to.")
    created: Annotated[Text, AfterValidator(utc)] = Field(description="Start, ISO 8601 in UTC.")
    engine: Literal["vasp", "espresso"] = Field(description="First-principles program.")
    preset: Text = Field(description="`fast`, `standard`, `paper` or a file.")
    functional: Text = Field(description="Density functional of the decisive bands.")
    state: VerificationState = Field(description="How it stands.")
    steps: tuple[Step, ...] = Field(description="Steps in order.")
    verdict: Verdict | None = Field(default=None, description="What it came to.")
    bands: tuple[BandPlot, ...] = Field(default=(), description="Without and with spin–orbit coupling.")
    wilson: tuple[WilsonPlot, ...] = Field(default=(), description="The six planes.")
    surfaces: tuple[SurfacePlot, ...] = Field(default=(), description="Both terminations.")
    files: dict[Text, Text] = Field(
        default_factory=dict, description="Input file, relative to its folder → its text; never a POTCAR."
    )
    stand_in: Text = Field(
        default="",
        description="Not empty where a stand-in ran instead of the program: plumbing, not physics.",
    )
