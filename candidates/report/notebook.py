"""A candidate as a card in a notebook: HTML whose style is in its own elements."""

from markupsafe import Markup, escape

from candidates.records import Candidate
from candidates.report import belief, facts, typeset
from candidates.report.hazards import hazards_of

_CARD = Markup(
    '<div style="font:14px/1.5 system-ui,sans-serif;max-width:34rem;border:1px solid #8884;border-radius:8px;'
    'padding:.8rem 1rem">'
    '<div style="font:600 1.5em/1.2 Georgia,serif">{formula}</div>'
    '<div style="font-family:Georgia,serif;opacity:.85">{symbol}, No. {number}, {system}</div>'
    '<div style="display:flex;height:.7em;border-radius:3px;overflow:hidden;background:#8883;'
    'margin:.6em 0 .3em"><div style="width:{ti:.1f}%;background:#1f66b0"></div>'
    '<div style="width:{tsm:.1f}%;background:#d98a1f"></div></div>'
    "<div><b>{p:.2f} ± {u:.2f}</b> topological, says {model}: TI {p_ti:.2f}, TSM {p_tsm:.2f}</div>"
    '<table style="margin:.5em 0 0;border-collapse:collapse">{rows}</table></div>'
)
_ROW = Markup(
    '<tr><td style="text-align:left;opacity:.7;padding:.1em 1em .1em 0">{}</td>'
    '<td style="text-align:left">{}</td></tr>'
)


def card(candidate: Candidate) -> Markup:
    """Return a candidate in a few lines: formula, group, probability, hazards, labels, ids."""
    c = candidate
    rows = [
        *((("Call", belief.call(c)),) if c.call else ()),
        *(("Doubt", doubt) for doubt in c.doubts),
        ("Gap", belief.gap(c)),
        ("Above the hull", "unknown" if c.e_above_hull is None else f"{c.e_above_hull:.3f} eV/atom"),
        ("Indicator group", typeset.markup(typeset.indicator_group(c.indicator_group))),
        *((facts.SOURCES.get(source, source), label) for source, label in sorted(c.labels.items())),
        *((f"Literature: {entry.topology}", entry.source) for entry in c.known),
        *((hazard.name, hazard.text) for hazard in hazards_of(c) if hazard.state == "warn"),
        ("Crystal", f"{c.database}, {c.crystal_id}"),
        ("Candidate", f"{c.id}, rank {c.rank} of run {c.run_id}"),
    ]
    return _CARD.format(
        formula=typeset.markup(typeset.formula(c.formula)),
        symbol=typeset.markup(typeset.symmetry_symbol(c.spacegroup_symbol)),
        number=c.spacegroup,
        system=typeset.plain(c.crystal_system, typeset.ROW_LIMIT),
        ti=100 * c.p_ti,
        tsm=100 * min(c.p_tsm, 1 - c.p_ti),
        p=c.p_topological,
        u=c.uncertainty,
        model=typeset.plain(c.model, typeset.ROW_LIMIT),
        p_ti=c.p_ti,
        p_tsm=c.p_tsm,
        rows=Markup("").join(_ROW.format(*map(_text, row)) for row in rows),
    )


def _text(value: str | Markup) -> Markup:
    return value if isinstance(value, Markup) else escape(typeset.plain(value, 400))
