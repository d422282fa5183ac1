"""Decisions can be read by spreadsheets, programs, LaTeX, people and the training, whatever people write."""

import csv
import json
from io import StringIO
from pathlib import Path

import bibtexparser
import pytest
from markdown_it import MarkdownIt

from candidates.decisions import (
    Decision,
    decisions,
    labels,
    labels_csv,
    to_bibtex,
    to_csv,
    to_json,
    to_markdown,
    write_labels,
)
from candidates.review import Edit
from candidates.reviews import Reviews
from candidates.store import Store
from tests.sample_records import RUN_ID, make_candidate, make_run

HOSTILE = [
    "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "| a | b |\n---\n# head\n1. one\n- x\n===",
    "a } b { \\input{x} $ % # _ ^ ~ & \"", "\u202e\x00\x1b[31m",
    "![x](http://evil/x.png) [y](javascript:alert(1)) `c` **b** &lt;",
]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    store.add_run(make_run(), [make_candidate(n) for n in range(1, 9)])
    return store


@pytest.fixture
def decided(store: Store) -> list[Decision]:
    reviews = Reviews(store)
    ids = [make_candidate(n).id for n in range(1, 9)]
    reviews.add([ids[2]], Edit(status="rejected", note="toxic"), "ben")
    reviews.add([ids[0]], Edit(status="accepted", note="flat bands", tags=["soon", "is:TI"]), "ana")
    reviews.add([ids[1]], Edit(tags=["is:TSM", "is:TI"]), "ana")
    return decisions(store)


@pytest.fixture
def hostile(store: Store) -> list[Decision]:
    odd = [make_candidate(n, formula=text, crystal_id=f"{text}{n}") for n, text in enumerate(HOSTILE, 1)]
    store.add_run(make_run(), odd)
    for c, text in zip(odd, HOSTILE, strict=True):
        shown = text.replace("\n", " ").strip("\u202e\x00\x1b")[:40]
        Reviews(store).add([c.id], Edit(status="accepted", note=text, tags=[shown]), shown)
    return decisions(store)


def test_only_what_was_judged_by_rank(store: Store, decided: list[Decision]) -> None:
    assert [d.candidate.rank for d in decided] == [1, 2, 3]
    assert [d.candidate.rank for d in decisions(store, RUN_ID, ["accepted", "rejected"])] == [1, 3]
    assert decisions(store, "another run") == []
    assert [len(d.history) for d in decided] == [1, 1, 1]


def test_csv(decided: list[Decision]) -> None:
    rows = list(csv.DictReader(StringIO(to_csv(decided))))
    assert [row["status"] for row in rows] == ["accepted", "open", "rejected"]
    assert (rows[0]["formula"], rows[0]["reviewer"], rows[0]["tags"]) == ("Ag2HgSnSe4", "ana", "is:TI; soon")
    assert rows[2]["notes"].startswith("ben, ")
    assert rows[2]["notes"].endswith(": toxic")


def test_json(decided: list[Decision]) -> None:
    rows = json.loads(to_json(decided))
    assert rows[0]["state"]["notes"][0]["text"] == "flat bands"
    assert rows[0]["history"][0]["action"] == "accept"


def test_bibtex(decided: list[Decision]) -> None:
    entries = bibtexparser.loads(to_bibtex(decided)).entries_dict
    first = entries[f"candidate{decided[0].candidate.id}"]
    assert first["title"].startswith("Ag$_{2}$HgSnSe$_{4}$, space group \\textit{Pmn}2$_{1}$ (31)")
    assert first["note"].startswith("accepted by ana, 2")
    assert "flat bands" in first["note"]
    assert first["url"] == "https://materialsproject.org/materials/mp-10001"
    assert "materiae" in entries, "the labels that the selection went by are cited"


def test_markdown(decided: list[Decision]) -> None:
    html = MarkdownIt().enable("table").render(to_markdown(decided))
    assert html.index("Accepted (1)") < html.index("Open (1)") < html.index("Rejected (1)")
    assert html.count("<tr>") == 6
    assert "flat bands" in html
    assert "Nothing has been decided" in to_markdown([])


def test_hostile_text_stays_text(hostile: list[Decision]) -> None:
    assert len(hostile) == len(HOSTILE)
    for cell in (cell for row in csv.reader(StringIO(to_csv(hostile))) for cell in row):
        assert not cell.startswith(("=", "+", "-", "@"))
    assert [row["formula"] for row in json.loads(to_json(hostile))] == [d.candidate.formula for d in hostile]
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(to_markdown(hostile))
    assert html.count("<h1>") == 1
    assert html.count("<h2>") == 1
    assert html.count("<tr>") == 1 + len(HOSTILE)
    for tag in ("<script", "<img", "<a ", "<code", "<ol"):
        assert tag not in html
    assert "\x1b" not in html
    entries = bibtexparser.loads(to_bibtex(hostile)).entries_dict
    assert {f"candidate{d.candidate.id}" for d in hostile} < set(entries)
    for d in hostile:
        own = entries[f"candidate{d.candidate.id}"]
        assert "\\input" not in own["title"] + own["note"]


def test_labels_come_from_statements_of_class_only(decided: list[Decision]) -> None:
    assert labels(decided) == [("mp-10001", "Ag2HgSnSe4", "TI"), ("mp-10002", "Ag2HgSnSe4", "TI|TSM")]
    third = decided[2].candidate.id
    assert labels(decided, {third: "nodal line", decided[0].candidate.id: "trivial"})[2:] == [
        ("mp-10003", "Ag2HgSnSe4", "TSM")
    ]
    assert labels(decided, {third: "inconclusive"}) == labels(decided)
    assert labels_csv(labels(decided)).splitlines()[:2] == ["id,formula,class", "mp-10001,Ag2HgSnSe4,TI"]


def test_labels_are_what_fine_tuning_reads(decided: list[Decision], tmp_path: Path) -> None:
    from xbert.training.labels import CLASSES, read_topology_labels

    write_labels(labels(decided, {decided[2].candidate.id: "trivial"}), tmp_path / "labels.parquet")
    read = read_topology_labels(tmp_path / "labels.parquet")
    assert read.ids == ["mp-10001", "mp-10002", "mp-10003"]
    assert read.known.tolist() == [[False, False, True]] * 3
    trivial, ti, tsm = (CLASSES.index(name) for name in ("trivial", "ti", "tsm"))
    assert read.targets[0, 2, ti] == 1
    assert read.targets[1, 2].tolist() == pytest.approx([0, 0.5, 0.5])
    assert read.targets[2, 2, trivial] == 1
    assert read.targets[2, 2, tsm] == 0
