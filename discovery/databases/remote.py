"""Databases asked over the network, through the clients that their providers maintain (extra ``remote``)."""

import hashlib
import sys
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pyarrow as pa

from discovery.databases.entries import Converted, from_optimade, from_summaries
from discovery.databases.info import Database, DatabaseError, DatabaseInfo, DatabaseNotReady, conform
from discovery.settings import Settings
from xbert.crystals import CrystalTable
from xbert.validation import Refusal

EXTRA = "pip install 'xbert-discovery[remote]'"
FIELDS = [
    "lattice_vectors",
    "cartesian_site_positions",
    "species_at_sites",
    "species",
    "dimension_types",
    "structure_features",
]
SUMMARY_FIELDS = ["material_id", "structure", "symmetry", "band_gap", "energy_above_hull"]
MATERIALS_PROJECT = (
    "A. Jain et al., Commentary: The Materials Project, APL Materials 1, 011002 (2013), doi:10.1063/1.4812323"
)


class RemoteDatabase(Database):
    """Crystals that a server sends; they are asked for once in the life of this object.

    Attributes:
        refused: entries that ``open`` left out, with id, reason and remedy.
    """

    module: str
    """What must be installed."""

    def __init__(self) -> None:
        self.refused: list[Refusal] = []
        self._table: CrystalTable | None = None

    def is_ready(self) -> bool:
        """Whether the client is installed; the server is not asked."""
        return find_spec(self.module.partition(".")[0]) is not None

    def open(self) -> CrystalTable:
        """Ask the server for its crystals and return those that can be used.

        Raises:
            DatabaseNotReady: the client or a key is missing, or the server has nothing that can be used.
            DatabaseError: the server cannot be reached or answers with an error.
        """
        if self._table is None:
            self._check()
            converted = self._ask()
            self.refused = converted.refused
            if not len(converted.table):
                why = f" The first was refused: {self.refused[0]}" if self.refused else ""
                raise DatabaseNotReady(
                    f"{self.info.name} sent no crystal that can be used.{why}", self._else()
                )
            self._table = conform(converted.table)
        return self._table

    def fingerprint(self) -> str:
        """Return the sha256 (hex) of the crystals as they were sent this time."""
        table = self.open().arrow.replace_schema_metadata(None)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return hashlib.sha256(sink.getvalue()).hexdigest()

    def notes(self) -> list[str]:
        """Return how many entries were refused, once the server was asked."""
        return [f"{len(self.refused):,} entries were refused."] if self.refused else []

    @abstractmethod
    def _ask(self) -> Converted: ...

    def _check(self) -> None:
        if not self.is_ready():
            raise DatabaseNotReady(
                f"{self.info.name} needs a client that is not installed ({self.module}).",
                f"Install it with: {EXTRA}\n{self._else()}",
            )

    def _else(self) -> str:
        return "or screen the bundled crystals: --db starter"


class OptimadeDatabase(RemoteDatabase):
    """A provider of the OPTIMADE network.

    Args:
        address: base URL, optionally with ``?filter=…`` in the OPTIMADE filter language and ``max=…``, the
            number of entries to ask for (all of them without it).
    """

    module = "optimade.client"

    def __init__(self, address: str) -> None:
        super().__init__()
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        odd = query.keys() - {"filter", "max"}
        most = query.get("max", ["0"])[-1]
        if parts.scheme not in ("http", "https") or not parts.netloc or odd or not most.isdigit():
            raise DatabaseError(
                f"optimade:{address} is not the address of an OPTIMADE provider.",
                "Write optimade:https://optimade.example.org, optionally followed by "
                '?filter=elements HAS "Sn" and &max=500; see https://www.optimade.org/providers-dashboard',
            )
        self.url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self.filter = query.get("filter", [""])[-1]
        self.most = int(most)
        self.info = DatabaseInfo(
            name=f"optimade:{address}",
            title=f"OPTIMADE provider {parts.netloc}",
            description=f"Crystals that {self.url} sends"
            + (f" for the filter {self.filter}." if self.filter else "."),
            licence=f"that of the provider; see {self.url}/v1/info",
            citation=[
                "C. W. Andersen et al., OPTIMADE, an API for exchanging materials data, "
                "Scientific Data 8, 217 (2021), doi:10.1038/s41597-021-00974-z; and the provider"
            ],
        )

    def _ask(self) -> Converted:
        from optimade.client import OptimadeClient

        try:
            # optimade 1.5 documents 0 as "all" and then stumbles over it on the second page
            most = self.most or sys.maxsize
            client = OptimadeClient(base_urls=self.url, max_results_per_provider=most, silent=True)
            answer = client.get(self.filter, endpoint="structures", response_fields=FIELDS)
        except Exception as error:  # the client raises what its HTTP library, its parser and asyncio raise
            raise self._failed(f"{type(error).__name__}: {error}") from error
        answers = answer["structures"][self.filter].values()
        entries = [entry for one in answers for entry in one["data"]]
        errors = [error for one in answers for error in one.get("errors") or []]
        if errors and (not self.most or len(entries) < self.most):  # what came before is not the whole
            raise self._failed(str(errors[0]))
        return from_optimade(entries[: self.most or None], self.url)

    def _failed(self, reason: str) -> DatabaseError:
        return DatabaseError(
            f"{self.url} could not be asked: {reason}",
            f"Check the address and the filter, try again later,\n{self._else()}",
        )


class MaterialsProjectApi(RemoteDatabase):
    """The Materials Project of today, through its own client; without the GNoME entries (CC-BY-NC)."""

    module = "mp_api.client"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.key = settings.mp_api_key
        self.info = DatabaseInfo(
            name="mp-api",
            title="Materials Project (API)",
            description="All crystals that the Materials Project serves today; ask rarely.",
            licence="CC-BY 4.0 (entries from GNoME, CC-BY-NC, are left out)",
            citation=[MATERIALS_PROJECT],
        )

    def is_ready(self) -> bool:
        """Whether the client is installed and a key is set; the server is not asked."""
        return super().is_ready() and self.key is not None

    def _check(self) -> None:
        if self.key is None:
            raise DatabaseNotReady(
                "mp-api needs a key of the Materials Project.",
                "Get one at https://materialsproject.org/api and set DISCOVER_MP_API_KEY,\n"
                "or use the snapshot that needs none: discover data fetch mp,\n" + self._else(),
            )
        super()._check()

    def _ask(self) -> Converted:
        from mp_api.client import MPRester

        assert self.key is not None
        try:
            with MPRester(
                self.key.get_secret_value(), use_document_model=False, mute_progress_bars=True
            ) as rester:
                documents: Iterable[Mapping[str, Any]] = rester.materials.summary.search(
                    fields=SUMMARY_FIELDS, all_fields=False, deprecated=False, include_gnome=False
                )
        except Exception as error:  # the client raises its own and requests' exceptions
            reason = f"{type(error).__name__}: {error}".replace(self.key.get_secret_value(), "…")
            raise DatabaseError(
                f"The Materials Project could not be asked: {reason}",
                "Check DISCOVER_MP_API_KEY and the network,\n"
                "or use the snapshot: discover data fetch mp,\n" + self._else(),
            ) from None
        return from_summaries(documents)
