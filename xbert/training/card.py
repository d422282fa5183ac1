"""The text of a model card: everything a user should know, from what the description holds."""

import re
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from xbert.checkpoint import WEIGHTS, Description
from xbert.reliability import PLOT, Reliability
from xbert.training.card_tables import WIDTH, calls_table, filled, score_table, transfer_row


def render(
    description: Description,
    name: str,
    sha256: str,
    reliability: Sequence[Reliability] = (),
    calls: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the card as Markdown.

    Args:
        description: of the model.
        name: by which it is called; that of its directory.
        sha256: of weights and description.
        reliability: its calibration, split by split.
        calls: how calls at several error rates did, see ``xbert.training.calls.check``.
    """
    training = description.training
    trained = str(training.get("command", ""))
    lines = [f"# {name}", "", *filled(description.purpose), "", *_facts(description, sha256), ""]
    lines += ["## Commands", "", *_commands(name, trained), ""]
    parts = [_split(title, scores, trained) for title, scores in description.metrics.items()]
    if calls:
        parts.insert(1, ["## Calls", "", *filled(_checked(calls)), "", *calls_table(calls), ""])
    if reliability:
        parts.insert(1, ["## Calibration", "", f"![{_ALT}]({PLOT})", "", *filled(_said(reliability)), ""])
    lines += [line for part in parts for line in part]
    lines += ["## Data", "", *filled(_DATA), ""]
    lines += [f"- `{file}` sha256 `{digest}`" for file, digest in training.get("data", {}).items()]
    lines += ["", "## Limits", "", *(line for limit in _limits(description) for line in _item(limit)), ""]
    return "\n".join(lines)


_ALT = "Share of topological labels against predicted probability"
_DATA = (
    "Materials Project structures (CC-BY 4.0); labels of Materiae (T. Zhang et al., Nature 566, 475, 2019), "
    "TQC (M. G. Vergniory et al., Nature 566, 480, 2019) and the Topological Materials Arsenal "
    "(F. Tang et al., Nature 566, 486, 2019)."
)


def _split(title: str, scores: Mapping[str, Any], trained: str) -> list[str]:
    lines = [f"## {title}", "", *filled(scores["what"]), ""]
    if scores["command"] != trained:
        lines += ["```console", _command(scores["command"]), "```", ""]
    return [*lines, *score_table(scores), ""]


def _facts(description: Description, sha256: str) -> list[str]:
    training = description.training
    networks = f"{description.members}"
    if "parameters" in training:
        networks += f" of {training['parameters']:,} parameters, their probabilities averaged"
    trained = [f"{training['n_train']:,} crystals"] if "n_train" in training else []
    trained += [str(training[key]) for key in ("created", "hardware") if training.get(key)]
    unseen = (description.scaling or {}).get("spacegroups", ())
    rows = {
        "networks": networks,
        "answers": "trivial, strong TI, TCI, TSM by " + ", ".join(description.sources),
        "also told": ", ".join(_quantity(head, scale) for head, scale in description.auxiliary.items()),
        "rescaled": f"in {len(unseen)} space groups of which it learned no insulator" if unseen else "",
        "trained on": ", ".join(trained),
        "made with": ", ".join(f"{what} {which}" for what, which in training.get("versions", {}).items()),
        "files": f"`{WEIGHTS}` (half precision), `model.json` (format {description.format}); no pickle",
        "SHA-256": f"`{sha256}` of both",
    }
    table = [f"| {name} | {value} |" for name, value in rows.items() if value]
    return ["| | |", "|---|---|", *table]


_WORDS = {"gap": "band gap", "is_metal": "P(metal)", "e_form": "formation energy"}


def _quantity(head: str, scale: Mapping[str, float]) -> str:
    error = scale.get("held_out_error")
    return _WORDS.get(head, head) + (f" (off by {error:.2f} eV on held-out formulas)" if error else "")


def _commands(name: str, trained: str) -> list[str]:
    lines = ["```console"]
    lines += [_command(trained)] if trained else []
    lines += [
        f"$ xbert models {name}",
        f"$ discover predict 'structures/*.cif' --model {name} -o scores.csv",
        f"$ discover screen --db topoB --model {name} -o run",
        "```",
    ]
    head = "How it was trained, and how it is used" if trained else "How it is used"
    return [f"{head} (`--model` takes its name, or its directory):", "", *lines]


def _command(text: str) -> str:
    """Show a command as it is typed, a long one broken before its options."""
    lines = ["$"]
    for part in re.split(r" (?=-)", text):
        if len(lines[-1]) + len(part) > WIDTH - 4 and lines[-1] != "$":
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {part}"
    return "\n".join(lines)


def _checked(calls: Sequence[Mapping[str, Any]]) -> str:
    n = max(row["n"] for row in calls)
    return (
        "At an error rate that the user chooses a crystal is called topological, trivial, or neither for "
        f"sure. Checked on {n:,} held-out crystals, each half of their formulas with the quantiles of the "
        "other. In groups with a trivial indicator group nothing can check it."
    )


def _said(reliability: Sequence[Reliability]) -> str:
    told = [
        f"{one.title}: {one.n.sum():,} crystals ({one.against} labels) in bins of their probability, "
        f"calibration error {one.error:.3f}."
        for one in reliability
    ]
    return " ".join(told) + (
        " In the picture a dot's area grows with the crystals of the bin, its line is Wilson's 95 % interval "
        "of the share, and on the dashed line a model is as often right as it says."
    )


def _limits(description: Description) -> list[str]:
    limits = [
        "“Trivial” in these sources means that symmetry eigenvalues show no topology, not that there is "
        "none.",
        "Non-magnetic, ordered crystals at the geometry given.",
        "Labels rest on PBE with spin-orbit coupling, which exaggerates band inversion.",
        "A probability is no proof: verify from first principles.",
    ]
    transfer = transfer_row(description)
    if transfer:
        limits.append(
            "The calibration holds for formulas, not for symmetry classes, that it never saw: there its "
            f"probabilities were off by {transfer[1]['calibration_error']:.2f} on average."
        )
    return limits


def _item(text: str) -> list[str]:
    return fill(text, WIDTH, initial_indent="- ", subsequent_indent="  ").splitlines()
