"""Every setting of the workflow, in one typed class read from ``DISCOVER_*`` variables."""

from functools import lru_cache
from pathlib import Path

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

APP = "discover-topology"


class Settings(BaseSettings):
    """Where things live and which credentials are at hand; nothing is created by reading them."""

    model_config = SettingsConfigDict(env_prefix="DISCOVER_", extra="forbid", frozen=True)

    data_dir: Path = Field(
        default_factory=lambda: user_data_path(APP),
        description="Fetched and imported databases. A read-only directory of ready files is accepted.",
    )
    cache_dir: Path = Field(
        default_factory=lambda: user_cache_path(APP),
        description="Partial downloads and anything that can be made again.",
    )
    mirror: str | None = Field(
        default=None,
        description="Directory or URL laid out as OWNER/REPO/PATH that replaces the pinned public origins.",
    )
    store_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the candidate store; without it SQLite in the user data directory.",
    )
    model_dir: Path | None = Field(
        default=None,
        description="Models of your own, a directory each; without it `models` in the data directory.",
    )
    pseudo_dir: Path | None = Field(
        default=None,
        description="Pseudopotentials (UPF) for Quantum ESPRESSO; without it a folder in the data directory.",
    )
    mpi_command: str = Field(
        default="mpirun -np {ranks}",
        description="What starts a program on several MPI ranks, such as `srun -n {ranks}`.",
    )
    verifications: Path = Field(
        default=Path("verifications"),
        description="Folder of all verifications, for every command that has `-o` for it.",
    )
    mp_api_key: SecretStr | None = Field(default=None, description="Materials Project API key, for `mp-api`.")

    @property
    def resolved_store_url(self) -> str:
        """URL of the candidate store (str)."""
        return self.store_url or f"sqlite:///{user_data_path(APP) / 'candidates.sqlite'}"

    @property
    def resolved_model_dir(self) -> Path:
        """Folder of the user's own models (Path); `xbert.models.own_directory` finds the same one."""
        return self.model_dir or self.data_dir / "models"

    @property
    def resolved_pseudo_dir(self) -> Path:
        """Folder of the UPF files (Path)."""
        return self.pseudo_dir or self.data_dir / "pseudopotentials"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
