"""Whether an answer can be believed, and why not: calls at an error rate, and what is unlike the training.

Both come from ``trust.json`` beside the weights, which `write_trust` makes when a model is trained. Calls are
explained in `xbert.conformal`, what counts as unusual in `xbert.unusual`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from xbert.checkpoint import WEIGHTS, CheckpointError, read_description
from xbert.conformal import ALL, ODD, UNDIAGNOSABLE, Called, Conformal, Quantiles
from xbert.features import Features
from xbert.training.calls import calibrate
from xbert.unusual import Seen, look_at

FILE = "trust.json"
FORMAT = 1
ERROR_RATE = 0.05
"""Unless the user chooses another."""

COLUMNS = pa.schema([("call", pa.string()), ("covered", pa.bool_()), ("doubts", pa.string())])
"""What `Trust.judge` finds. Doubts are sentences joined by semicolons, empty where there are none."""

BLIND = (
    "no symmetry eigenvalue can show topology in this space group, so no label can test the error rate there"
)
FEW_ODD = "nearly all labelled crystals with an odd electron count are metals: the error rate is not tested"
FEW = "too few labelled crystals of this kind of symmetry: the error rate is not tested"


@dataclass(frozen=True)
class Trust:
    """What is known about when a model can be believed.

    Attributes:
        conformal: calls at an error rate; None where too few crystals were scored.
        seen: what its labelled training crystals were like.
    """

    conformal: Conformal | None
    seen: Seen

    def judge(
        self,
        p: np.ndarray,
        spacegroup: np.ndarray,
        n_electrons: np.ndarray,
        unusual: list[str],
        error_rate: float = ERROR_RATE,
    ) -> pa.Table:
        """Return the columns of ``COLUMNS`` for n crystals.

        Args:
            p: (n,) topological probability.
            spacegroup: (n,) numbers.
            n_electrons: (n,) of the primitive cell.
            unusual: (n,) what is unusual about each, see `unusual`; empty for nothing.
            error_rate: share of topological crystals that may be called trivial, and the other way round.

        Raises:
            ValueError: for an error rate that has no quantile.
        """
        if self.conformal is None:
            nothing: list[Any] = [None] * len(p)
            return pa.table([nothing, nothing, unusual], schema=COLUMNS)
        called = self.conformal(p, spacegroup, n_electrons, error_rate)
        doubts = [
            "; ".join(part for part in (strange, _why_not_covered(called, row)) if part)
            for row, strange in enumerate(unusual)
        ]
        covered = called.covered & np.array([not strange for strange in unusual], dtype=bool)
        return pa.table([called.call.tolist(), covered.tolist(), doubts], schema=COLUMNS)

    def unusual(self, features: Features) -> list[str]:
        """Return for each crystal what no, or hardly any, training crystal had; joined by semicolons."""
        return ["; ".join(said) for said in self.seen.remarks(features)]

    def found(self, error_rate: float, kind: str = ALL) -> dict[str, Any] | None:
        """Return how calls did on held-out formulas at the nearest error rate that was checked.

        See `xbert.training.calls.check` for what it holds.
        """
        rows = [row for row in self.conformal.checked if row["kind"] == kind] if self.conformal else []
        return min(rows, key=lambda row: abs(np.log(row["error_rate"] / error_rate)), default=None)


def write_trust(directory: Path, held_out: pa.Table, truth: np.ndarray, training: Features) -> Trust:
    """Make ``trust.json`` of a model that lies in ``directory`` already.

    Args:
        directory: with the model's weights and description.
        held_out: ``formula_key, spacegroup, n_electrons, p_consensus_trivial`` of n crystals, each scored by
            networks that never saw its formula.
        truth: (n,) 1 topological, 0 trivial, NaN without a label; for a model that is not to learn what
            symmetry cannot see, NaN also for what is labelled trivial in an undiagnosable group.
        training: features of all labelled crystals that the model learnt from.
    """
    p = 1.0 - held_out.column("p_consensus_trivial").to_numpy().astype(float)
    spacegroup, n_electrons = (held_out.column(name).to_numpy() for name in ("spacegroup", "n_electrons"))
    keys = held_out.column("formula_key").to_pylist()
    trust = Trust(calibrate(p, truth, spacegroup, n_electrons, keys), look_at(training))
    record = {"format": FORMAT, "belongs_to": _fingerprint(directory), **asdict(trust)}
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    (directory / FILE).write_text(text + "\n", encoding="utf-8")
    return trust


def read_trust(directory: Path) -> Trust | None:
    """Return what `write_trust` found; None where there is nothing, or it belongs to other weights.

    Raises:
        CheckpointError: if the file is of another format or not in order.
    """
    path = directory / FILE
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise CheckpointError(f"{path} has format {record['format']}; this version reads format {FORMAT}")
        found = record["conformal"]
        conformal = found and Conformal(
            {name: Quantiles(**table) for name, table in found["tables"].items()}, found["checked"]
        )
        seen = record["seen"]
        ranges = {name: (float(low), float(high)) for name, (low, high) in seen["ranges"].items()}
        trust = Trust(conformal, Seen(**(seen | {"ranges": ranges})))
        return trust if record["belongs_to"] == _fingerprint(directory) else None
    except CheckpointError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; train the model again or remove it") from error


def _why_not_covered(called: Called, row: int) -> str:
    if called.covered[row]:
        return ""
    return {UNDIAGNOSABLE: BLIND, ODD: FEW_ODD}.get(called.kind[row], FEW)


def _fingerprint(directory: Path) -> str:
    """Return a hex SHA-256 over all that decides a probability; scores may be added to the description."""
    description = vars(read_description(directory))
    deciding = {
        name: description[name]
        for name in ("config", "members", "sources", "temperature", "auxiliary", "scaling")
        if name in description
    }
    digest = hashlib.sha256((directory / WEIGHTS).read_bytes())
    digest.update(json.dumps(deciding, sort_keys=True, default=vars).encode())
    return digest.hexdigest()
