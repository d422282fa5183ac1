"""The page of one candidate: its structure, what is known about it, and what first principles found."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from candidates.explanation import Explanation
from candidates.records import Candidate, RunRecord
from candidates.report import belief, facts, inversions, plots, references, structure, svg, typeset, zone
from candidates.report.card import ModelCard
from candidates.report.columns import status_of
from candidates.report.files import write_whole
from candidates.report.hazards import hazards_of
from candidates.report.html import asset, environment, json_block, policy
from candidates.verification import BandPlot, SurfacePlot, Verification


def write_candidate_page(
    run: RunRecord,
    candidate: Candidate,
    folder: Path,
    ranked: Sequence[Candidate] = (),
    *,
    card: ModelCard | None = None,
    explanation: Explanation | None = None,
    verification: Verification | None = None,
    review: str | None = None,
    pages: Collection[str] = (),
) -> Path:
    """Write ``ID.html`` into ``folder``, which is created; the same records give the same bytes.

    Args:
        run: the screen that found it.
        candidate: the crystal.
        folder: where the file goes; the run's page is expected one folder up.
        ranked: all candidates of the run by rank, for the picture of where this one stands.
        card: of the model that ranked.
        explanation: why the model says so.
        verification: what first principles found.
        review: what people decided, such as ``accepted``.
        pages: ids of candidates that have a page, for the links to those before and after.

    Returns:
        Path of the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    html = render_candidate(
        run, candidate, ranked, card=card, explanation=explanation, verification=verification, review=review,
        pages=pages,
    )  # fmt: skip
    return write_whole(folder / f"{candidate.id}.html", html)


def render_candidate(
    run: RunRecord,
    candidate: Candidate,
    ranked: Sequence[Candidate] = (),
    *,
    card: ModelCard | None = None,
    explanation: Explanation | None = None,
    verification: Verification | None = None,
    review: str | None = None,
    pages: Collection[str] = (),
) -> str:
    """Return the page of a candidate as HTML; see `write_candidate_page`."""
    style, script = asset("base.css", "candidate.css"), asset("common.js", "scene.js", "candidate.js")
    drawn = _drawn(candidate, verification) if verification else None
    data: dict[str, Any] = {
        "id": candidate.id,
        "cells": structure.scenes(candidate),
        "zone": drawn.zone if drawn else None,
        "poscar": facts.poscar(candidate),
        "cif": structure.cif(candidate),
        "tables": _tables(verification, explanation),
        "files": {
            typeset.plain(name): typeset.lines(text)
            for name, text in (verification.files if verification else {}).items()
        },
    }
    place = next((n for n, c in enumerate(ranked) if c.id == candidate.id), None)

    def beside(step: int) -> str | None:
        at = -1 if place is None else place + step
        return ranked[at].id if 0 <= at < len(ranked) and ranked[at].id in pages else None

    return (
        environment()
        .get_template("candidate.html.jinja")
        .render(
            policy=policy(script, style),
            style=style,
            script=script,
            run=run,
            c=candidate,
            card=card,
            before=beside(-1),
            after=beside(1),
            status=status_of(verification, review),
            hazards=hazards_of(candidate),
            call=belief.call(candidate),
            rate=belief.rate(candidate),
            sections={section["title"]: section for section in facts.sections(candidate)},
            tokens=facts.tokens(candidate),
            identifiers=facts.identifiers(candidate),
            indicator=facts.indicator_sentence(candidate),
            disagreement=facts.disagreement(candidate.labels),
            context=card.context(candidate.p_topological) if card else "",
            transfer=card.transfer() if card and candidate.undiagnosable else "",
            distribution=distribution(candidate, ranked) if len(ranked) > 1 else None,
            explanation=explanation,
            attributions=attributions(explanation) if explanation and explanation.attributions else None,
            v=verification,
            drawn=drawn,
            bibtex=references.of_candidate(candidate, verification),
            data=json_block(data),
        )
    )


@dataclass(frozen=True)
class Drawn:
    """The pictures of a verification, ready for the page."""

    bands: list[tuple[BandPlot, Markup]]
    orbitals: list[str]
    inversions: list[inversions.Inversion]
    wilson: Markup | None
    surfaces: list[Markup]
    zone: dict[str, Any] | None


def _drawn(candidate: Candidate, verification: Verification) -> Drawn:
    ordered = sorted(verification.bands, key=lambda plot: plot.spin_orbit)
    names, marked = inversions.orbitals(ordered), inversions.inversions(ordered)
    by_miller: dict[tuple[int, int, int], list[SurfacePlot]] = {}
    for plot in verification.surfaces:
        by_miller.setdefault(plot.miller, []).append(plot)
    path = ordered[-1] if ordered else None
    return Drawn(
        [(plot, plots.bands(plot, names, marked)) for plot in ordered],
        names,
        marked,
        plots.wilson(verification.wilson) if verification.wilson else None,
        [plots.surface(group) for group in by_miller.values()],
        zone.scene(candidate, path, [inversions.name_of(name) for _, name in path.ticks]) if path else None,
    )


def _tables(verification: Verification | None, explanation: Explanation | None) -> dict[str, list[list[Any]]]:
    """Return the numbers behind the pictures, by the name of the figure, the head first."""
    tables: dict[str, list[list[Any]]] = {}
    if explanation and explanation.attributions:
        rows = sorted(explanation.attributions.items(), key=lambda item: -abs(item[1]))
        tables["attributions"] = [["token", "adds"], *([typeset.plain(name), value] for name, value in rows)]
    if verification is None:
        return tables
    for n, plot in enumerate(sorted(verification.bands, key=lambda plot: plot.spin_orbit)):
        head = [
            "distance (1/Å)",
            "k1",
            "k2",
            "k3",
            *(f"band {i + 1} (eV)" for i in range(len(plot.energies))),
        ]
        lines = zip(plot.distance, plot.k, zip(*plot.energies, strict=True), strict=True)
        tables[f"bands-{n}"] = [head, *([d, *k, *energies] for d, k, energies in lines)]
    tables["wilson"] = [["plane", "k", "centre"]] + [
        [typeset.plain(plot.plane), k, c]
        for plot in verification.wilson
        for k, row in zip(plot.k, plot.centres, strict=True)
        for c in row
    ]
    return tables


def distribution(candidate: Candidate, ranked: Sequence[Candidate]) -> Markup:
    """Draw the probabilities of all candidates of the run and where this one stands, with its whisker."""
    counts, _ = np.histogram([c.p_topological for c in ranked], bins=40, range=(0.0, 1.0))
    image = svg.picture(400, 92, "Probabilities of all candidates; this one is marked", class_="distribution")
    for n, count in enumerate(counts):
        height = 52 * (float(count) / float(counts.max())) ** 0.5
        svg.add(
            image,
            "rect",
            class_="bin",
            x=10 * n + 1,
            y=round(64 - height, 1),
            width=8,
            height=round(height, 1),
        )
    svg.add(image, "path", class_="rule", d="M0 64.5h400")
    p, u = candidate.p_topological, candidate.uncertainty
    svg.add(image, "path", class_="whisker", d=f"M{400 * max(p - u, 0):.1f} 8H{400 * min(p + u, 1):.1f}")
    svg.add(image, "path", class_="here", d=f"M{400 * p:.1f} 8V70")
    svg.add(image, "circle", class_="here", cx=f"{400 * p:.1f}", cy=8, r=4)
    for value in (0, 0.5, 1):
        anchor = {0: "start", 0.5: "middle", 1: "end"}[value]
        svg.add(image, "text", f"{value:g}", x=400 * value, y=82, text_anchor=anchor)
    return svg.markup(image)


def attributions(explanation: Explanation) -> Markup:
    """Draw what each token adds to the probability, strongest first."""
    ordered = sorted(explanation.attributions.items(), key=lambda item: -abs(item[1]))
    most = max(max(abs(value) for _, value in ordered), 1e-6)
    image = svg.picture(
        420, 24 * len(ordered) + 6, "What each token adds to the probability", class_="attributions"
    )
    svg.add(image, "path", class_="rule", d=f"M250 0V{24 * len(ordered)}")
    for n, (name, value) in enumerate(ordered):
        y, length = 24 * n, 108 * abs(value) / most
        svg.add(image, "text", name, class_="name", x=0, y=y + 16)
        svg.add(
            image, "rect", class_="up" if value >= 0 else "down",
            x=round(250 if value >= 0 else 250 - length, 1), y=y + 5, width=round(length, 1), height=14, rx=2,
        )  # fmt: skip
        svg.add(
            image,
            "text",
            f"{value:+.3f}".replace("-", "−"),
            class_="value",
            x=418,
            y=y + 16,
            text_anchor="end",
        )
    return svg.markup(image)
