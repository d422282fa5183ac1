"""What a VASP directory says about itself, so that running and reading it need nothing else."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from discovery.verification.engines import StepError

FILE = "vasp_step.json"


class VaspRecord(BaseModel):
    """Facts about the inputs of one step that INCAR, KPOINTS and POSCAR do not hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: str = Field(description="Step of the verification.")
    spin_orbit: bool = Field(description="Whether spins are non-collinear.")
    density_of: str = Field(default="", description="Step whose CHGCAR is read; empty: none.")
    potcars: tuple[str, ...] = Field(description="POTCARs in the order of the POSCAR.")
    potcar_functional: str = Field(description="Their release.")
    n_electrons: float = Field(description="NELECT that NBANDS was computed for.")
    functional: str = Field(description="Density functional, as people name it.")
    version: int = Field(description="Major version of VASP that the inputs are for.")
    inversion: bool = Field(default=False, description="Whether the TRIMs' parities can be read.")

    def write(self, directory: Path) -> None:
        """Write the record into a directory."""
        (directory / FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "VaspRecord":
        """Read the record of a directory.

        Raises:
            StepError: there is none, or it is damaged.
        """
        file = directory / FILE
        try:
            return cls.model_validate_json(file.read_text(encoding="utf-8"))
        except OSError:
            raise StepError(f"{file} is missing", "Write the inputs with `discover verify` first.") from None
        except ValidationError as error:
            raise StepError(
                f"{file} is damaged: {error.errors()[0]['msg']}", "Write the inputs again."
            ) from None
