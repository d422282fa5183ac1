"""What the details of one candidate say, as plain data for the page's script."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from candidates.records import MASK, TOKEN_WORDS, Candidate
from candidates.report import belief
from candidates.report.typeset import Runs, formula, indicator_group, plain, symmetry_symbol

SOURCES = {
    "materiae": "Materiae",
    "tqc": "Topological Quantum Chemistry",
    "arsenal": "Topological Materials Arsenal",
    "starter": "Literature (starter)",
    "literature": "Literature",
    "majority": "the majority of sources",
}
_TRIVIAL = {"trivial", "Triv_Ins"}
_UNKNOWN = {"", "Unknown", "unknown"}
_WORD_TITLES = dict(
    zip(TOKEN_WORDS, ("Space group", "Point group", "Crystal system", "Laue class", "Symmetry"), strict=True)
)
_SYMBOLS = {"spacegroup", "point_group", "laue_class"}

Fact = tuple[str, Runs, str | None]
"""Name, typeset value, and the address that the value links to."""


def label_kind(label: str) -> str:
    """Sort a database's class into ``trivial``, ``topological``, ``conflict`` or ``unknown``."""
    kinds = {
        "unknown" if part in _UNKNOWN else "trivial" if part in _TRIVIAL else "topological"
        for part in label.split("|")
    }
    return kinds.pop() if len(kinds) == 1 else "conflict"


def disagreement(labels: dict[str, str]) -> str:
    """Say in one sentence whether the databases agree; empty where none has a label."""
    kinds = {source: label_kind(label) for source, label in labels.items()}
    said = {source: kind for source, kind in kinds.items() if kind != "unknown"}
    if not said:
        return "No database has judged this crystal." if labels else ""
    if len(set(said.values())) > 1 or "conflict" in said.values():
        return "The databases disagree about this crystal."
    if set(said.values()) == {"topological"}:
        return "Every database that has judged this crystal calls it topological."
    return (
        "Every database that has judged this crystal calls it trivial, which means that symmetry eigenvalues "
        "do not show a topology, not that there is none."
    )


def is_known(candidate: Candidate) -> bool:
    """Whether any label source or the literature list calls the candidate topological."""
    kinds = {label_kind(label) for label in candidate.labels.values()}
    return bool(candidate.known) or not kinds.isdisjoint({"topological", "conflict"})


def indicator_sentence(candidate: Candidate) -> str:
    """Say what the symmetry-indicator group means for this crystal."""
    if candidate.undiagnosable:
        return (
            "The indicator group is trivial: no symmetry eigenvalue can reveal the topology of an insulator "
            "in this space group, so a database that goes by indicators calls such a crystal trivial "
            "whatever it is."
        )
    return (
        "The indicator group is not trivial: symmetry eigenvalues can reveal some topological phases in this "
        "space group, though not all."
    )


def crystal_link(crystal_id: str) -> str | None:
    """Return the Materials Project page of an ``mp-`` or ``mvc-`` id, None for any other id."""
    if re.fullmatch(r"(?:mp|mvc)-[0-9]{1,10}", crystal_id):
        return f"https://materialsproject.org/materials/{crystal_id}"
    return None


def source_link(source: str) -> str | None:
    """Return the address of a DOI or arXiv number that stands in a citation, None without one."""
    if doi := re.search(r"\b10\.[0-9]{4,9}/[A-Za-z0-9./()_:-]*[A-Za-z0-9)]", source):
        return f"https://doi.org/{doi[0]}"
    if arxiv := re.search(r"\barXiv:\s?([0-9]{4}\.[0-9]{4,5}|[a-z-]+/[0-9]{7})\b", source):
        return f"https://arxiv.org/abs/{arxiv[1]}"
    return None


def identifiers(candidate: Candidate) -> list[Fact]:
    """Return the ids under which databases know this crystal, with links where a page of its own exists.

    ICSD has no public page for an entry, so its codes lead to the way in. The catalogue of topological
    quantum chemistry addresses a crystal by its ICSD code; that form was not tried out from here.
    """
    found = [_fact("Candidate", candidate.id)]
    link = crystal_link(candidate.crystal_id)
    found.append(_fact("Materials Project" if link else candidate.database, candidate.crystal_id, link))
    codes = (candidate.icsd_ids or "").split()[:24]
    for code in codes:
        number = code if re.fullmatch(r"[0-9]{1,7}", code) else None
        found.append(_fact("ICSD", code, "https://icsd.fiz-karlsruhe.de/" if number else None))
        if number:
            tqc = f"https://www.topologicalquantumchemistry.org/#/detail/{number}"
            found.append(_fact("Topological Quantum Chemistry", f"ICSD {code}", tqc))
    return found


def tokens(candidate: Candidate) -> list[dict[str, Any]]:
    """Return the eight tokens in the model's order, then anything else that was recorded."""
    seen = dict(candidate.tokens)
    shown: list[dict[str, Any]] = []
    for key in TOKEN_WORDS:
        word = plain(str(seen.pop(key, "")))
        absent = "not told" if word == MASK else "" if word else "not recorded"
        runs: Runs = symmetry_symbol(word) if key in _SYMBOLS else [("", word)]
        value = [("", absent)] if absent else runs
        shown.append({"name": _WORD_TITLES[key], "kind": "word", "value": value, "absent": bool(absent)})
    electrons = seen.pop("electrons", candidate.n_electrons)
    bits = str(seen.pop("electron_bits", ""))[:64]
    bits = bits if set(bits) <= {"0", "1"} else ""
    shown.append({"name": "Electrons", "kind": "bits", "value": bits, "text": _number(electrons)})
    elements = [(key.partition(":")[2], seen.pop(key)) for key in list(seen) if key.startswith("element:")]
    fractions = [
        (plain(symbol, 12), value if isinstance(value, int | float) else 0.0) for symbol, value in elements
    ]
    shown.append(
        {"name": "Elements", "kind": "fractions", "value": sorted(fractions, key=lambda e: (-e[1], e[0]))}
    )
    graph = [(key.partition(":")[2], seen.pop(key)) for key in list(seen) if key.startswith("graph:")]
    shown.append({"name": "Crystal graph", "kind": "facts", "value": _pairs(graph)})
    if seen:
        shown.append({"name": "Also recorded", "kind": "facts", "value": _pairs(list(seen.items()))})
    return shown


def sections(candidate: Candidate) -> list[dict[str, Any]]:
    """Return the facts beside the tokens: symmetry, prediction, labels and literature, structure."""
    return [
        {"title": "Symmetry", "facts": _symmetry(candidate), "text": [indicator_sentence(candidate)]},
        {
            "title": "Prediction",
            "facts": _prediction(candidate),
            "text": [sentence for sentence in [belief.rate(candidate)] if sentence],
        },
        {
            "title": "Labels and literature",
            "facts": _labels(candidate) + _known(candidate),
            "text": [sentence for sentence in [disagreement(candidate.labels)] if sentence],
        },
        {"title": "Structure", "facts": _structure(candidate), "text": []},
    ]


def details(candidate: Candidate) -> dict[str, Any]:
    """Return everything that opens under a row, as JSON-ready data whose texts are safe to show."""
    return {
        "tokens": tokens(candidate),
        "sections": sections(candidate),
        "doubts": [plain(text) for text in candidate.doubts],
        "hazards": [plain(text) for text in candidate.hazards],
        "notes": [plain(text) for text in candidate.notes],
        "poscar": poscar(candidate),
    }


def poscar(candidate: Candidate) -> str:
    """Return the primitive cell as a POSCAR, elements in the order in which they first appear."""
    from ase.data import chemical_symbols

    def triple(values: Sequence[float]) -> str:
        return "".join(f"{x:12.6f}" for x in values)

    symbols = [chemical_symbols[z] for z in candidate.atomic_numbers]
    counts = Counter(symbols)
    atoms = [
        f"{triple(candidate.frac_coords[3 * i : 3 * i + 3])}  {symbol}"
        for element in counts
        for i, symbol in enumerate(symbols)
        if symbol == element
    ]
    head = [plain(f"{candidate.formula} {candidate.crystal_id}", 100), "1.0"]
    cell = [triple(candidate.lattice[i : i + 3]) for i in (0, 3, 6)]
    kinds = [" ".join(counts), " ".join(str(n) for n in counts.values()), "Direct"]
    return "\n".join([*head, *cell, *kinds, *atoms]) + "\n"


def _fact(name: str, value: str | Runs, link: str | None = None) -> Fact:
    return plain(name), [("", plain(value))] if isinstance(value, str) else value, link


def _pairs(items: list[tuple[str, Any]]) -> list[Fact]:
    return [_fact(name, value if isinstance(value, str) else _number(value)) for name, value in items]


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _symmetry(c: Candidate) -> list[Fact]:
    tight = f"No. {c.spacegroup_tight}" if c.spacegroup_tight else "none found"
    if c.spacegroup_tight != c.spacegroup:
        tight += ", differs"
    number: Runs = [("", f" (No. {c.spacegroup}) at 0.1 Å")]
    return [
        _fact("Space group", symmetry_symbol(c.spacegroup_symbol) + number),
        _fact("at 0.01 Å", tight),
        _fact("Point group", symmetry_symbol(c.point_group)),
        _fact("Crystal system", c.crystal_system),
        _fact("Inversion", "yes" if c.inversion else "no"),
        _fact("Indicator group", indicator_group(c.indicator_group)),
        _fact("Undiagnosable", "yes" if c.undiagnosable else "no"),
    ]


def _prediction(c: Candidate) -> list[Fact]:
    benchmark = "not computed" if c.p_benchmark is None else f"{c.p_benchmark:.3f}"
    shown = [
        ("Model", c.model),
        ("P(topological)", f"{c.p_topological:.3f} ± {c.uncertainty:.3f}"),
        ("Call", belief.call(c)),
        ("P(TI)", f"{c.p_ti:.3f}"),
        ("of it strong TI", "" if c.p_strong_ti is None else f"{c.p_strong_ti:.3f}"),
        ("of it TCI or weak", "" if c.p_tci is None else f"{c.p_tci:.3f}"),
        ("P(TSM)", f"{c.p_tsm:.3f}"),
        ("P(trivial)", f"{c.p_trivial:.3f}"),
        ("Gap", belief.predicted_gap(c).removeprefix("predicted ")),
        ("P(metal)", belief.metal(c).removeprefix("P(metal) ")),
        ("Benchmark", benchmark),
    ]
    return [_fact(name, text) for name, text in shown if text]


def _labels(c: Candidate) -> list[Fact]:
    return [_fact(SOURCES.get(source, source), label) for source, label in sorted(c.labels.items())]


def _known(c: Candidate) -> list[Fact]:
    facts = []
    for entry in c.known:
        note = f" ({entry.note})" if entry.note else ""
        facts.append(_fact(f"Literature: {entry.topology}", entry.source + note, source_link(entry.source)))
    return facts or [_fact("Literature", "no entry in the bundled list")]


def _structure(c: Candidate) -> list[Fact]:
    from ase.cell import Cell

    cell = Cell([c.lattice[0:3], c.lattice[3:6], c.lattice[6:9]])
    lengths = cell.cellpar()
    return [
        _fact("Formula", formula(c.formula)),
        _fact("Database", f"{c.database}, {c.crystal_id}", crystal_link(c.crystal_id)),
        _fact("ICSD", c.icsd_ids or "none given"),
        _fact("Primitive cell", f"{c.n_atoms} {'atom' if c.n_atoms == 1 else 'atoms'}"),
        _fact("Electrons", f"{c.n_electrons}"),
        _fact("a, b, c", ", ".join(f"{x:.3f}" for x in lengths[:3]) + " Å"),
        _fact("α, β, γ", ", ".join(f"{x:.2f}" for x in lengths[3:]) + "°"),
        _fact("Volume", f"{cell.volume:.2f} Å³"),
        _fact("Band gap", belief.gap(c)),
        _fact("Above the hull", "unknown" if c.e_above_hull is None else f"{c.e_above_hull:.3f} eV/atom"),
    ]
