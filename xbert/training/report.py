"""The model card: everything a user should know, written by the command that made the model."""

from pathlib import Path
from textwrap import fill
from typing import Any

from xbert.checkpoint import Description

WIDTH = 118


def write_card(directory: Path, description: Description) -> None:
    """Write ``README.md`` beside the weights from the description alone."""
    training, metrics = description.training, description.metrics
    lines = [
        f"# {description.name}",
        "",
        *fill(description.purpose, WIDTH).splitlines(),
        "",
        f"{description.members} networks of {training['parameters']:,} parameters, averaged; half-precision "
        "weights in safetensors.",
        f"Trained on {training['n_train']:,} crystals, {training['created']}.",
        "",
        "```console",
        f"$ {training['command']}",
        "```",
        "",
        "“Trivial” in these sources means that symmetry eigenvalues show no topology, not that there is",
        "none.",
        "",
    ]
    for split, scores in metrics.items():
        lines += [f"## {split}", "", *fill(scores["what"], WIDTH).splitlines(), ""]
        if scores["command"] != training["command"]:
            lines += ["```console", f"$ {scores['command']}", "```", ""]
        lines += [*_table(scores), ""]
    lines += [
        "## Data",
        "",
        "Materials Project structures (CC-BY 4.0); labels of Materiae (T. Zhang et al., Nature 566, 475,",
        "2019), TQC (M. G. Vergniory et al., Nature 566, 480, 2019) and the Topological Materials Arsenal",
        "(F. Tang et al., Nature 566, 486, 2019).",
        "",
        *(f"- `{name}` sha256 `{digest}`" for name, digest in training["data"].items()),
        "",
        "## Limits",
        "",
        "Non-magnetic, ordered crystals at the geometry given. A probability is no proof: verify from first",
        "principles. Labels rest on PBE with spin-orbit coupling, which exaggerates band inversion.",
        "",
    ]
    (directory / "README.md").write_text("\n".join(lines), encoding="utf-8")


def _table(scores: dict[str, Any]) -> list[str]:
    rows = [
        "| scored against | n | accuracy | macro F1 | ROC-AUC | average precision | calibration error |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, binary in _binaries(scores):
        ranks = " | ".join(
            f"{binary[key]:.3f}" for key in ("f1_macro", "roc_auc", "average_precision", "calibration_error")
        )
        rows.append(f"| {name} | {binary['n']:,} | {binary['accuracy']:.1%} | {ranks} |")
    three = [(s, v["three_class"]) for s, v in scores.items() if isinstance(v, dict) and "three_class" in v]
    if three:
        rows += [
            "",
            "| three classes | n | accuracy | macro F1 | F1 trivial | F1 TI | F1 TSM |",
            "|---|---|---|---|---|---|---|",
        ]
        for source, scores_3 in three:
            f1 = [scores_3["per_class"][name]["f1"] for name in ("trivial", "ti", "tsm")]
            rows.append(
                f"| {source} | {scores_3['n']:,} | {scores_3['accuracy']:.1%} | {scores_3['f1_macro']:.3f} | "
                + " | ".join(f"{value:.3f}" for value in f1)
                + " |"
            )
    return rows


def _binaries(scores: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    wording = {
        "binary": "",
        "binary_consensus": ", by the consensus output",
        "binary_even": ", even electron counts",
    }
    found = []
    for source, values in scores.items():
        if source == "majority" or source.startswith("majority "):
            found.append((source, values))
        elif isinstance(values, dict):
            found += [(source + text, values[key]) for key, text in wording.items() if key in values]
    return found
