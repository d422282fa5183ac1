from pathlib import Path

import pyarrow as pa

from discovery.screening.parts import Parts


def test_parts_of_the_same_run_are_kept_and_of_another_removed(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "p", {"model": "a"})
    parts.put("score", 0, pa.table({"x": [1]}))
    parts.put("score", 1, pa.table({"x": [2]}))
    again = Parts(tmp_path / "p", {"model": "a"})
    assert again.has("score", 1)
    assert again.read("score", range(2)).column("x").to_pylist() == [1, 2]
    assert not Parts(tmp_path / "p", {"model": "b"}).has("score", 1)


def test_an_unfinished_piece_does_not_count(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "p", {})
    parts.path("score", 0).with_suffix(".partial").write_bytes(b"half")
    assert not parts.has("score", 0)


def test_a_complete_run_leaves_nothing(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "p", {})
    parts.put("score", 0, pa.table({"x": [1]}))
    parts.remove()
    assert not (tmp_path / "p").exists()
