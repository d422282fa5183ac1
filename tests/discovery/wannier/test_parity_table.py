import json
from pathlib import Path

import pytest

from discovery.topology.parities import TRIMS, ParityError
from discovery.wannier.parity_table import read_parities

ANTIMONY = (6, 7, 7, 8, 7, 8, 8, 8)


def table(odd: tuple[int, ...] = ANTIMONY, half: str = "1/2") -> str:
    rows = [
        ",".join([*(half if x else "0" for x in trim), str(n)]) for trim, n in zip(TRIMS, odd, strict=False)
    ]
    return "\n".join(["k1,k2,k3,odd", *rows]) + "\n"


@pytest.mark.parametrize("half", ["1/2", "0.5", "-0.5"])
def test_a_table_gives_the_indices_of_antimony(tmp_path: Path, half: str) -> None:
    path = tmp_path / "parities.csv"
    path.write_text(table(half=half))
    found = read_parities(path)
    assert (str(found), found.z4, found.odd_pairs[0, 1, 1]) == ("1;(111)", 1, 8)


def test_json_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "parities.json"
    rows = [
        {"k1": t[0] / 2, "k2": t[1] / 2, "k3": t[2] / 2, "odd": n, "pairs": 15}
        for t, n in zip(TRIMS, ANTIMONY, strict=True)
    ]
    path.write_text(json.dumps(rows))
    assert str(read_parities(path)) == "1;(111)"
    path.write_text(json.dumps([{**row, "pairs": 7} for row in rows]))
    with pytest.raises(ParityError, match="8 odd Kramers pairs of 7"):
        read_parities(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", table(ANTIMONY[:7]), "missing"),
        ("a.csv", table().replace("0,0,1/2,7", "0,0,0,7"), "occurs twice"),
        ("a.csv", table().replace("0,0,1/2,7", "0,0,1/4,7"), "no TRIM"),
        ("a.csv", table().replace("0,0,1/2,7", "0,0,1/2,7.5"), "no whole number"),
        ("a.csv", table().replace("0,0,1/2,7", "0,0,1/2,x"), "not a number"),
        ("a.csv", "a,b\n1,2\n", "rows with k1, k2, k3, odd"),
        ("a.json", "{", "no JSON"),
        ("a.json", "{}", "rows with k1"),
        ("irrep.log", "nothing", "not a log"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ParityError, match=message) as refusal:
        read_parities(path)
    assert str(path) in str(refusal.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match="cannot be read"):
        read_parities(tmp_path / "none.csv")


@pytest.mark.shared
def test_a_log_of_irrep_is_read(shared: Path) -> None:
    assert str(read_parities(shared / "cases/Sb-parities/irrep.log")) == "1;(111)"
