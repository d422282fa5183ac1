"""Parities at the eight TRIMs from a file: a log of irrep, or a small table."""

import csv
import io
import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from discovery.topology.parities import ParityError, ParityResult, Trim, fu_kane
from discovery.wannier.irrep import IrrepError, parse_irrep

COLUMNS = ("k1", "k2", "k3", "odd")


def read_parities(path: Path) -> ParityResult:
    """Return the indices that a file of parities gives.

    The file is a log of irrep; or a CSV with the columns k1, k2, k3 (0 or 1/2) and odd, the number of
    occupied Kramers pairs of odd parity, and, if wanted, pairs, the number of all; or JSON, a list of such
    rows as objects. A table has eight rows.

    Raises:
        ParityError: names the file; no such table, or numbers that make no index.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ParityError(f"{path}: cannot be read ({error.strerror or error})") from None
    try:
        if path.suffix.lower() == ".json":
            return _table(json.loads(text))
        if path.suffix.lower() == ".csv" or text.lstrip()[:3].lower() == "k1,":
            return _table(list(csv.DictReader(io.StringIO(text.lstrip("\ufeff")), skipinitialspace=True)))
        return parse_irrep(text).indices
    except (ParityError, IrrepError) as error:
        raise ParityError(f"{path}: {error}") from None
    except json.JSONDecodeError as error:
        raise ParityError(f"{path}: no JSON ({error})") from None


def _table(rows: Any) -> ParityResult:
    if not isinstance(rows, list) or not all(
        isinstance(row, Mapping) and set(COLUMNS) <= set(row) for row in rows
    ):
        raise ParityError(f"a table of parities has rows with {', '.join(COLUMNS)}")
    odd: dict[Trim, int] = {}
    pairs = set()
    for row in rows:
        try:
            doubled = [2 * Fraction(str(row[name]).strip()) for name in COLUMNS[:3]]
            count = Fraction(str(row["odd"]).strip())
            if row.get("pairs") not in (None, ""):
                pairs.add(int(row["pairs"]))
        except (ValueError, ZeroDivisionError):
            raise ParityError(f"not a number in the row {dict(row)}") from None
        if any(x.denominator != 1 for x in doubled):
            raise ParityError(f"k = ({row['k1']}, {row['k2']}, {row['k3']}) is no TRIM: 0 and 1/2 make them")
        if count.denominator != 1:
            raise ParityError(f"{row['odd']} odd Kramers pairs are no whole number")
        a, b, c = (int(x) % 2 for x in doubled)
        if (a, b, c) in odd:
            raise ParityError(f"the TRIM ({row['k1']}, {row['k2']}, {row['k3']}) occurs twice")
        odd[a, b, c] = int(count)
    if len(pairs) > 1:
        raise ParityError(f"the rows count different numbers of occupied pairs: {sorted(pairs)}")
    # Without their number the pairs are as many as the odd ones need: no index depends on it.
    return fu_kane(odd, pairs.pop() if pairs else max([1, *odd.values()]))
