import json
import sys
import types
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from pydantic import SecretStr

from discovery.databases import catalogue
from discovery.databases.entries import from_optimade, from_summaries
from discovery.databases.info import DatabaseError, DatabaseNotReady
from discovery.databases.remote import MaterialsProjectApi, OptimadeDatabase
from discovery.settings import Settings
from tests.discovery.databases.website import serve


def entry(identifier: str, **attributes: Any) -> dict[str, Any]:
    """CsCl as an OPTIMADE provider sends it, in a cell turned out of the axes."""
    usual = {
        "lattice_vectors": [[0.0, 4.1, 0.0], [0.0, 0.0, 4.1], [4.1, 0.0, 0.0]],
        "cartesian_site_positions": [[0.0, 0.0, 0.0], [2.05, 2.05, 2.05]],
        "species_at_sites": ["Cs", "Cl-ion"],
        "species": [
            {"name": "Cs", "chemical_symbols": ["Cs"], "concentration": [1.0]},
            {"name": "Cl-ion", "chemical_symbols": ["Cl"], "concentration": [1.0]},
        ],
        "dimension_types": [1, 1, 1],
        "structure_features": [],
        "last_modified": "2024-01-01T00:00:00Z",
    }
    return {"id": identifier, "type": "structures", "attributes": usual | attributes}


MIXED = [
    {"name": "Cs", "chemical_symbols": ["Cs", "Rb"], "concentration": [0.5, 0.5]},
    {"name": "Cl-ion", "chemical_symbols": ["Cl"], "concentration": [1.0]},
]
VACANT = [
    {"name": "Cs", "chemical_symbols": ["Cs"], "concentration": [1.0]},
    {"name": "Cl-ion", "chemical_symbols": ["vacancy"], "concentration": [1.0]},
]


def test_optimade_entries_become_crystals() -> None:
    table, refused = from_optimade([entry("a"), entry("b", dimension_types=None)])
    assert refused == []
    assert table.ids == ["a", "b"]
    crystal = table[0]
    np.testing.assert_array_equal(crystal.numbers, [55, 17])
    np.testing.assert_allclose(crystal.frac_coords, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-6)
    np.testing.assert_allclose(
        crystal.frac_coords @ crystal.lattice, [[0, 0, 0], [2.05, 2.05, 2.05]], atol=1e-5
    )
    assert crystal.volume == pytest.approx(4.1**3, rel=1e-5)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"species": MIXED}, "species Cs is not one element"),
        ({"species": VACANT}, "species Cl-ion is not one element"),
        ({"dimension_types": [1, 1, 0]}, "periodic in 2 of 3"),
        ({"lattice_vectors": [[None] * 3] * 3}, "as the specification says|no cell"),
        ({"lattice_vectors": None}, "as the specification says|no cell"),
        ({"species": None}, "as the specification says"),
        ({"species_at_sites": ["Cs"]}, "2 positions for 1 sites"),
        ({"cartesian_site_positions": [[0, 0, 0], [0.1, 0, 0]]}, "Å apart"),
        ({"cartesian_site_positions": [], "species_at_sites": []}, "no atoms"),
    ],
)
def test_unusable_entries_are_refused_one_by_one(attributes: dict[str, Any], reason: str) -> None:
    table, refused = from_optimade([entry("bad", **attributes), entry("good")], "http://provider")
    assert table.ids == ["good"]
    assert [(refusal.id, refusal.file) for refusal in refused] == [("bad", "http://provider")]
    assert any(part in refused[0].reason for part in reason.split("|"))
    assert refused[0].remedy


def test_entries_without_attributes_are_refused() -> None:
    table, refused = from_optimade([{"id": "x"}, {}])
    assert len(table) == 0
    assert [refusal.id for refusal in refused] == ["x", ""]


def summaries() -> list[dict[str, Any]]:
    from pymatgen.core import Lattice, Structure

    crystal = Structure(Lattice.cubic(4.1), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    mixed = Structure(Lattice.cubic(4.1), [{"Cs": 0.5, "Rb": 0.5}, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    facts = {"symmetry": {"number": 221}, "band_gap": 5.5, "energy_above_hull": 0.0}
    return [
        {"material_id": "mp-1", "structure": crystal, **facts},
        {"material_id": "mp-2", "structure": mixed, **facts},
        {
            "material_id": "mp-3",
            "structure": crystal.as_dict(),
            "symmetry": None,
            "band_gap": None,
            "energy_above_hull": None,
        },
    ]


def test_summaries_become_crystals_with_their_properties() -> None:
    table, refused = from_summaries(summaries())
    assert table.ids == ["mp-1", "mp-3"]
    assert [refusal.id for refusal in refused] == ["mp-2"]
    assert table.arrow["band_gap"].to_pylist() == [5.5, None]
    assert table.arrow["spacegroup_database"].to_pylist() == [221, None]


@pytest.fixture
def rester(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Stand-in for the Materials Project client; the list holds what it was asked for."""
    asked: list[dict[str, Any]] = []

    class MPRester:
        def __init__(self, key: str, **options: Any) -> None:
            asked.append({"key": key})
            search = lambda **query: asked.append(query) or summaries()  # noqa: E731
            self.materials = types.SimpleNamespace(summary=types.SimpleNamespace(search=search))

        def __enter__(self) -> "MPRester":
            if asked[0]["key"] == "wrong":
                raise RuntimeError("invalid key wrong")
            return self

        def __exit__(self, *exception: object) -> None:
            pass

    client = types.ModuleType("mp_api.client")
    client.MPRester = MPRester  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mp_api", types.ModuleType("mp_api"))
    monkeypatch.setitem(sys.modules, "mp_api.client", client)
    monkeypatch.setattr("discovery.databases.remote.find_spec", lambda name: object())
    return asked


def test_the_materials_project_is_asked_once(rester: list[dict[str, Any]]) -> None:
    database = catalogue.get("mp-api", Settings(mp_api_key=SecretStr("key")))
    assert database.is_ready()
    table = database.open()
    assert table.arrow["formula"].to_pylist() == ["CsCl", "CsCl"]
    assert len(database.fingerprint()) == 64
    assert database.notes() == ["1 entries were refused."]
    assert len(rester) == 2
    assert rester[1]["include_gnome"] is False
    assert rester[1]["deprecated"] is False


def test_a_key_is_not_shown_in_an_error(rester: list[dict[str, Any]]) -> None:
    with pytest.raises(DatabaseError, match="invalid key …") as caught:
        MaterialsProjectApi(Settings(mp_api_key=SecretStr("wrong"))).open()
    assert "wrong" not in str(caught.value)


def test_without_a_key_it_is_not_ready() -> None:
    database = catalogue.get("mp-api", Settings(mp_api_key=None))
    assert not database.is_ready()
    with pytest.raises(DatabaseNotReady, match="needs a key") as caught:
        database.open()
    assert "DISCOVER_MP_API_KEY" in caught.value.remedy


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.databases.remote.find_spec", lambda name: None)
    for database in (
        OptimadeDatabase("https://optimade.example.org"),
        MaterialsProjectApi(Settings(mp_api_key=SecretStr("key"))),
    ):
        assert not database.is_ready()
        with pytest.raises(DatabaseNotReady, match="not installed") as caught:
            database.open()
        assert "pip install 'xbert-discovery[remote]'" in caught.value.remedy
        assert "--db starter" in caught.value.remedy


@pytest.mark.parametrize(
    "address", ["", "nowhere", "ftp://x.org", "https://x.org?limit=3", "https://x.org?max=all"]
)
def test_addresses_are_checked(address: str) -> None:
    with pytest.raises(DatabaseError, match="not the address of an OPTIMADE provider"):
        catalogue.get(f"optimade:{address}")


def test_filter_and_number_are_part_of_the_address() -> None:
    database = OptimadeDatabase('https://x.org/optimade/?filter=elements HAS "Sn"&max=500')
    assert database.url == "https://x.org/optimade"
    assert database.filter == 'elements HAS "Sn"'
    assert database.most == 500
    assert 'elements HAS "Sn"' in database.info.description


@pytest.fixture
def provider() -> Any:
    """An OPTIMADE provider of five entries, two a page."""
    entries = [entry(f"e-{n}") for n in range(4)] + [entry("mixed", species=MIXED)]
    asked: list[dict[str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            asked.append(query)
            offset = int(query.get("page_offset", ["0"])[0])
            more = offset + 2 < len(entries)
            following = f"{url}/v1/structures?page_offset={offset + 2}" if more else None
            answer = {
                "data": entries[offset : offset + 2],
                "links": {"next": following},
                "meta": {
                    "api_version": "1.2.0",
                    "query": {"representation": parts.path},
                    "more_data_available": more,
                    "data_returned": len(entries),
                },
            }
            broken = "broken" in str(query.get("filter"))
            body = json.dumps({"errors": [{"detail": "broken"}]} if broken else answer).encode()
            self.send_response(400 if broken else 200 if parts.path.endswith("/structures") else 404)
            self.send_header("Content-Type", "application/vnd.api+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server, url = serve(Handler)
    yield types.SimpleNamespace(url=url, asked=asked)
    server.shutdown()
    server.server_close()


def test_a_provider_is_read_page_by_page(provider: Any) -> None:
    pytest.importorskip("optimade.client", reason="needs the extra `remote`")
    database = catalogue.get(f"optimade:{provider.url}")
    table = database.open()
    assert table.ids == ["e-0", "e-1", "e-2", "e-3"]
    assert table.arrow["formula"].to_pylist() == ["CsCl"] * 4
    assert database.notes() == ["1 entries were refused."]
    assert len(provider.asked) == 3
    assert database.fingerprint() == catalogue.get(f"optimade:{provider.url}").fingerprint()


def test_no_more_than_asked_for_is_used(provider: Any) -> None:
    pytest.importorskip("optimade.client", reason="needs the extra `remote`")
    assert len(catalogue.get(f'optimade:{provider.url}?filter=elements HAS "Cs"&max=2').open()) == 2
    assert provider.asked[0]["filter"] == ['elements HAS "Cs"']


def test_a_provider_that_fails_is_told() -> None:
    pytest.importorskip("optimade.client", reason="needs the extra `remote`")
    with pytest.raises(DatabaseError, match="could not be asked"):
        catalogue.get("optimade:http://127.0.0.1:9").open()


def test_an_error_of_the_provider_is_told(provider: Any) -> None:
    pytest.importorskip("optimade.client", reason="needs the extra `remote`")
    with pytest.raises(DatabaseError, match="could not be asked"):
        catalogue.get(f'optimade:{provider.url}?filter=chemical_formula_reduced="broken"').open()
