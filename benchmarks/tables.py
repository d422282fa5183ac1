"""Tables that README quotes, from runs that `discover screen` wrote.

python benchmarks/tables.py funnel RUN_DIR
python benchmarks/tables.py paper RUN_DIR      # the eleven finds of the XBERT paper in a run of starter
python benchmarks/tables.py models             # scores of the shipped models, from their descriptions
"""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq

from candidates.known import find
from xbert.checkpoint import SHIPPED, read_description


def funnel(run: Path) -> None:
    """Print the filters of a run that were on."""
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    print("| filter | removed | left |\n|---|---:|---:|")
    print(f"| *read* | | {record['n_input']:,} |")
    for step in record["funnel"]:
        if step["enabled"]:
            print(f"| {step['name']} | {step['removed']:,} | {step['left']:,} |")


def paper(run: Path) -> None:
    """Print rank and probabilities of the paper's finds."""
    rows = pq.read_table(run / "candidates.parquet").to_pylist()
    print("| crystal | space group | rank | discovery | benchmark |\n|---|---|---:|---:|---:|")
    for row in rows:
        entries = find(row["formula"], row["spacegroup"], include_paper=True)
        if any(entry.reported_by_paper for entry in entries):
            group = f"{row['spacegroup_symbol']} ({row['spacegroup']})"
            discovery = f"{row['p_topological']:.2f} ± {row['uncertainty']:.2f}"
            place = f"{row['rank']} of {len(rows)}"
            print(f"| {row['formula']} | {group} | {place} | {discovery} | {row['p_benchmark']:.2f} |")


def models() -> None:
    """Print the scores of the shipped models."""
    print("| model | scored against | n | accuracy | ROC-AUC | average precision | calibration error |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name in ("benchmark", "discovery"):
        for split, scores in read_description(SHIPPED / name).metrics.items():
            for source, values in scores.items():
                if not isinstance(values, dict):
                    continue
                binary = values.get("binary", values)
                if "accuracy" in binary:
                    cells = [
                        f"{binary[k]:.3f}" for k in ("roc_auc", "average_precision", "calibration_error")
                    ]
                    line = f"| {name} | {split}: {source} | {binary['n']:,} | {binary['accuracy']:.1%} | "
                    print(line + " | ".join(cells) + " |")


def main() -> None:
    """Run the table that was asked for."""
    match sys.argv[1:]:
        case ["funnel", run]:
            funnel(Path(run))
        case ["paper", run]:
            paper(Path(run))
        case ["models"]:
            models()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
