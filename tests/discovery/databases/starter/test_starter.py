"""The bundled table: what it promises, and that it is what the facts say."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from discovery.databases.starter import load
from discovery.databases.starter.build import build
from discovery.databases.starter.facts import PHASE, TOPOLOGY, crystals, references, volume_notes
from xbert.crystals import CrystalTable

PAPER = [
    "Cu2CdSnSe4-121",
    "Cu2ZnSnSe4-121",
    "Cu2ZnGeSe4-121",
    "Cu2ZnSnTe4-121",
    "Cu2ZnGeTe4-121",
    "Cu2HgSnTe4-121",
    "CuInSe2-1",
    "RuH6-6",
    "Cu2SnTe3-44",
    "CdO-186",
    "Ag2HgSnSe4-31",
]
CLASSICS = [
    "Bi2Se3-166",
    "Bi2Te3-166",
    "Sb2Te3-166",
    "HgTe-216",
    "Sn-227",
    "Sb-166",
    "SnTe-225",
    "YPtBi-216",
    "CuTlSe2-122",
    "Na3Bi-194",
    "Cd3As2-142",
    "TaAs-109",
    "WTe2-31",
    "ZrTe5-63",
    "BiTeI-156",
    "LaBi-225",
    "ZrSiS-129",
    "CoSi-198",
    "KHgSb-194",
    "SmB6-221",
]
ICSD = {
    *("619784", "629097", "93409", "629293", "656153"),
    *("656158", "250247", "674921", "160882", "161837"),
}


@pytest.fixture(scope="module")
def table() -> CrystalTable:
    return load()


def test_shipped_table_is_a_fresh_expansion_of_the_facts(table: CrystalTable) -> None:
    fresh = build()
    assert fresh.ids == table.ids
    np.testing.assert_allclose(fresh.lattices, table.lattices, atol=1e-6)
    np.testing.assert_array_equal(fresh.numbers_flat, table.numbers_flat)
    np.testing.assert_array_equal(fresh.offsets, table.offsets)
    np.testing.assert_allclose(fresh.frac_flat, table.frac_flat, atol=1e-6)
    names = table.property_names
    assert fresh.arrow.select(names).equals(table.arrow.select(names))


def test_columns_and_allowed_values(table: CrystalTable) -> None:
    types = {name: str(table.arrow.schema.field(name).type) for name in table.property_names}
    assert types == {
        "formula": "string",
        "icsd_ids": "string",
        "label_materiae": "string",
        "label_tqc": "string",
        "label_arsenal": "string",
        "spacegroup_database": "int16",
        "band_gap": "double",
        "e_above_hull": "double",
        "topology": "string",
        "phase": "string",
        "source": "string",
    }
    columns = table.arrow.select(table.property_names).to_pydict()
    assert set(columns["topology"]) <= set(TOPOLOGY)
    assert set(columns["phase"]) == set(PHASE)
    assert all(value is None for name in ("materiae", "tqc", "arsenal") for value in columns[f"label_{name}"])
    assert all(gap is None or 0 <= gap < 15 for gap in columns["band_gap"])
    gapless = [
        gap for gap, phase in zip(columns["band_gap"], columns["phase"], strict=True) if phase == "metal"
    ]
    assert set(gapless) == {0.0}


def test_enough_crystals_of_each_kind(table: CrystalTable) -> None:
    topology = table.arrow["topology"].to_pylist()
    assert len(table) >= 270
    assert topology.count("trivial") >= 120
    assert sum(kind not in ("trivial", "unknown") for kind in topology) >= 100
    assert len(set(table.arrow["spacegroup_database"].to_pylist())) >= 40


@pytest.mark.parametrize("name", [*PAPER, *CLASSICS])
def test_must_haves(table: CrystalTable, name: str) -> None:
    assert f"starter-{name}" in table.ids


def test_paper_candidates_cite_the_paper_and_its_icsd_numbers(table: CrystalTable) -> None:
    rows = table.arrow.filter(
        pc.is_in(table.arrow["id"], pc.cast([f"starter-{name}" for name in PAPER], "string"))
    )
    assert all("2405.18944" in source for source in rows["source"].to_pylist())
    icsd = set(filter(None, rows["icsd_ids"].to_pylist()))
    assert icsd == ICSD


def test_every_crystal_has_a_source_and_every_reference_is_used(table: CrystalTable) -> None:
    sources = table.arrow["source"].to_pylist()
    assert all(len(source) > 30 for source in sources)
    together = "\n".join(sources)
    assert [key for key, citation in references().items() if citation not in together] == []


def test_volume_notes_are_few_and_name_crystals(table: CrystalTable) -> None:
    assert len(volume_notes()) <= 8
    assert set(volume_notes()) <= set(table.ids)


def test_named_classes_cite_literature() -> None:
    bare = [fact.id for fact in crystals() if fact.topology != "unknown" and "Topology: " not in fact.source]
    assert bare == []


def test_load_needs_no_heavy_import() -> None:
    code = (
        "import sys; from discovery.databases.starter import load; load();"
        "print([m for m in ('pymatgen', 'torch', 'ase', 'spglib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_docs_count_right_and_their_example_runs(
    table: CrystalTable, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[4] / "docs" / "starter.md").read_text(encoding="utf-8")
    stated = {name.strip("`"): int(n) for name, n in re.findall(r"^\| (\S[^|]*?) \| (\d+) \|", page, re.M)}
    counted = Counter(fact.family for fact in crystals()) + Counter(table.arrow["topology"].to_pylist())
    assert stated == counted
    for code in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(code, {})
    assert capsys.readouterr().out.startswith(str(len(table)))
