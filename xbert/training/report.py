"""The model card: everything a user should know, written by the command that made the model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from xbert.checkpoint import WEIGHTS, Description, check_weights, model_sha256, write_description
from xbert.reliability import PLOT, Reliability, draw_reliability, keep_reliability, read_reliability

WIDTH = 118
CARD = "README.md"

TRANSFER = "Transfer to unseen symmetry classes"
"""Title of the scores on groups without inversion by a model trained on groups with it."""

_BINARY = {
    "accuracy": "accuracy",
    "f1_macro": "macro F1",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "calibration_error": "calibration error",
    "error_detection": "error detection",
}
_ROWS = {"binary": "", "binary_consensus": ", consensus", "binary_even": ", even"}
"""Scores of a source → what is said behind its name."""

_NOTE = (
    "Against a source its own output is scored; “consensus” is the output that `discover predict` reports, "
    "“even” counts crystals with an even number of electrons alone. Error detection: ROC-AUC of telling "
    "wrong answers from right ones by how unsure they are."
)


def write_card(directory: Path, description: Description) -> None:
    """Write ``README.md`` and, where ``calibration.json`` is of these very weights, ``calibration.svg``.

    Called last: the card holds the hash of weights and description.
    """
    name = directory.resolve().name
    reliability = list(read_reliability(directory).values())
    if reliability:
        draw_reliability(reliability, directory / PLOT, name)
    else:
        (directory / PLOT).unlink(missing_ok=True)
    text = render(description, name, model_sha256(directory), reliability)
    (directory / CARD).write_text(text, encoding="utf-8")


def revise(directory: Path, description: Description) -> None:
    """Write another description of the same weights, and their card.

    Raises:
        CheckpointError: the weights are not those of the description.
    """
    check_weights(directory, description)
    before = model_sha256(directory)
    write_description(directory, description)
    keep_reliability(directory, before)
    write_card(directory, description)


def render(
    description: Description,
    name: str,
    sha256: str,
    reliability: Sequence[Reliability] = (),
    plot: str = PLOT,
) -> str:
    """Return the card as Markdown.

    Args:
        description: of the model.
        name: by which it is called; that of its directory.
        sha256: of weights and description.
        reliability: its calibration, split by split.
        plot: file that shows it.
    """
    training = description.training
    trained = str(training.get("command", ""))
    lines = [f"# {name}", "", *_filled(description.purpose), "", *_facts(description, sha256), ""]
    lines += ["## Commands", "", *_commands(name, trained), ""]
    parts = [_split(title, scores, trained) for title, scores in description.metrics.items()]
    if reliability:
        parts.insert(1, ["## Calibration", "", f"![{_ALT}]({plot})", "", *_filled(_said(reliability)), ""])
    lines += [line for part in parts for line in part]
    lines += ["## Data", "", *_filled(_DATA), ""]
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
    lines = [f"## {title}", "", *_filled(scores["what"]), ""]
    if scores["command"] != trained:
        lines += ["```console", f"$ {scores['command']}", "```", ""]
    return [*lines, *_table(scores), ""]


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
    lines += [f"$ {trained}"] if trained else []
    lines += [
        f"$ xbert models {name}",
        f"$ discover predict 'structures/*.cif' --model {name} -o scores.csv",
        f"$ discover screen --db topoB --model {name} -o run",
        "```",
    ]
    head = "How it was trained, and how it is used" if trained else "How it is used"
    return [f"{head} (`--model` takes its name, or its directory):", "", *lines]


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


def transfer_row(description: Description) -> tuple[str, dict[str, float]] | None:
    """Return name and scores of how the model, with its scaling if it has one, fared on unseen classes."""
    found = dict(_binaries(description.metrics.get(TRANSFER, {})))
    scaled = ["majority, topological, scaled"] if description.scaling else []
    names = [*scaled, "majority, topological", "majority"]
    return next(((name, found[name]) for name in names if name in found), None)


def _table(scores: Mapping[str, Any]) -> list[str]:
    found = _binaries(scores)
    shown = [key for key in _BINARY if any(key in row for _, row in found)]
    titles = ["scored against", "n", *(_BINARY[key] for key in shown)]
    rows = [_row(titles), "|---" + "|---:" * (len(titles) - 1) + "|"] if found else []
    rows += [_row([name, f"{row['n']:,}", *(_number(key, row) for key in shown)]) for name, row in found]
    if any(", " in name for name, _ in found):
        rows += ["", *_filled(_NOTE)]
    three = [(s, v["three_class"]) for s, v in scores.items() if isinstance(v, dict) and "three_class" in v]
    if three:
        rows += [
            "",
            "| three classes | n | accuracy | macro F1 | F1 trivial | F1 TI | F1 TSM |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        for source, row in three:
            f1 = [f"{row['per_class'][name]['f1']:.3f}" for name in ("trivial", "ti", "tsm")]
            rows.append(
                _row([source, f"{row['n']:,}", f"{row['accuracy']:.1%}", f"{row['f1_macro']:.3f}", *f1])
            )
    return rows


def _binaries(scores: Mapping[str, Any]) -> list[tuple[str, dict[str, float]]]:
    found = []
    for source, values in scores.items():
        if isinstance(values, dict) and "accuracy" in values:
            found.append((source, values))
        elif isinstance(values, dict):
            more = {"error_detection": values["error_detection"]} if "error_detection" in values else {}
            found += [
                (source + text, values[key] | (more if key == "binary" else {}))
                for key, text in _ROWS.items()
                if key in values
            ]
    return found


def _number(key: str, row: Mapping[str, float]) -> str:
    value = row.get(key)
    if value is None or value != value:
        return "–"
    return f"{value:.1%}" if key == "accuracy" else f"{value:.3f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _filled(text: str) -> list[str]:
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False).splitlines()


def _item(text: str) -> list[str]:
    return fill(text, WIDTH, initial_indent="- ", subsequent_indent="  ").splitlines()
