"""The bundled database ``starter``: literature facts that are always there."""

from importlib.resources import as_file, files
from importlib.util import find_spec

from discovery.databases.facts import database_info
from discovery.databases.info import Database, DatabaseNotReady, combined_hash, conform, file_sha256
from xbert.crystals import CrystalTable

PACKAGE = "discovery.databases.starter"


class StarterDatabase(Database):
    """Crystals that come with the package."""

    def __init__(self) -> None:
        self.info = database_info("starter")

    def is_ready(self) -> bool:
        """Whether the installation has the bundled facts, as every complete one does."""
        return find_spec(PACKAGE) is not None

    def open(self) -> CrystalTable:
        """Return the bundled crystals, with ``topology``, ``phase`` and ``source`` beside the usual."""
        self._check()
        from discovery.databases.starter import load

        return conform(load())

    def fingerprint(self) -> str:
        """Return the sha256 (hex) of the bundled facts and of the code that expands them."""
        self._check()
        with as_file(files(PACKAGE)) as folder:
            found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
            return combined_hash((str(path.relative_to(folder)), file_sha256(path)) for path in found)

    def _check(self) -> None:
        if not self.is_ready():
            raise DatabaseNotReady(
                "The bundled crystals are missing from this installation.", "Install the package again."
            )
