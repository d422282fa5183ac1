import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from discovery.databases.catalogue import get
from discovery.databases.info import Database
from discovery.screening import screen as module
from discovery.screening.options import ScreenOptions
from discovery.screening.screen import Result, screen
from xbert.crystals import LATTICE, CrystalTable
from xbert.predict import Predictor


@pytest.fixture(scope="module")
def models() -> tuple[Predictor, Predictor]:
    return Predictor("discovery"), Predictor("benchmark")


class Few(Database):
    """Some crystals of starter, in a database of its own."""

    def __init__(self, step: int = 12) -> None:
        self.starter = get("starter")
        self.info = self.starter.info
        self.rows = np.arange(0, len(self.starter.open()), step)

    def is_ready(self) -> bool:
        return True

    def open(self) -> CrystalTable:
        return self.starter.open().take(self.rows)

    def fingerprint(self) -> str:
        return f"{len(self.rows):064x}"


def _screen(models, directory: Path, **options) -> Result:
    return screen(Few(), *models, ScreenOptions(**options), directory, ["discover", "screen"])


def test_candidates_are_ranked_and_complete(models, tmp_path: Path) -> None:
    result = _screen(models, tmp_path)
    p = [c.p_topological for c in result.candidates]
    assert p == sorted(p, reverse=True)
    assert [c.rank for c in result.candidates] == list(range(1, len(p) + 1))
    assert result.run.funnel[-1].left == len(p)
    first = result.candidates[0]
    assert first.p_topological == pytest.approx(first.p_ti + first.p_tsm, abs=2e-6)
    assert first.tokens["electrons"] == first.n_electrons
    assert first.tokens["spacegroup"] == "[mask]"
    assert first.tokens["crystal_system"] == first.crystal_system
    table = CrystalTable.read_parquet(tmp_path / "candidates.parquet")
    assert table.ids == [c.crystal_id for c in result.candidates]
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["options"]["top"] == 500
    assert record["model_sha256"] == models[0].sha256
    assert len(record["funnel"]) == len(result.run.funnel)


def test_a_second_identical_run_gives_identical_bytes(models, tmp_path: Path) -> None:
    one, other = _screen(models, tmp_path / "a"), _screen(models, tmp_path / "b")
    assert (tmp_path / "a/candidates.parquet").read_bytes() == (
        tmp_path / "b/candidates.parquet"
    ).read_bytes()
    assert one.run.id == other.run.id
    assert one.candidates == other.candidates


@pytest.mark.parametrize("stage", ["standard", "score"])
def test_a_killed_run_goes_on_and_ends_alike(models, tmp_path: Path, monkeypatch, stage: str) -> None:
    monkeypatch.setattr(module, "CHUNK", 10)
    whole = _screen(models, tmp_path / "whole", keep_known=True, keep_metals=True)
    put, computed = module.Parts.put, []

    def dying(self, at: str, number: int, table) -> None:
        if at == stage and number == 2:
            raise KeyboardInterrupt
        put(self, at, number, table)

    monkeypatch.setattr(module.Parts, "put", dying)
    with pytest.raises(KeyboardInterrupt):
        _screen(models, tmp_path / "killed", keep_known=True, keep_metals=True)

    def counting(self, at: str, number: int, table) -> None:
        computed.append((at, number))
        put(self, at, number, table)

    monkeypatch.setattr(module.Parts, "put", counting)
    resumed = _screen(models, tmp_path / "killed", keep_known=True, keep_metals=True)
    assert resumed.candidates == whole.candidates
    assert (stage, 0) not in computed
    assert (stage, 2) in computed
    whole_bytes = (tmp_path / "whole/candidates.parquet").read_bytes()
    assert (tmp_path / "killed/candidates.parquet").read_bytes() == whole_bytes
    assert not (tmp_path / "killed/.parts").exists()


def test_another_filter_is_another_run(models, tmp_path: Path) -> None:
    plain = _screen(models, tmp_path)
    other = _screen(models, tmp_path, no_inversion=True)
    assert other.run.id != plain.run.id
    assert not any(c.inversion for c in other.candidates)
    assert set(pq.read_table(tmp_path / "candidates.parquet").column("run_id").to_pylist()) == {other.run.id}


def test_top_and_least_probability_cut_from_below(models, tmp_path: Path) -> None:
    everything = _screen(models, tmp_path)
    best = _screen(models, tmp_path, top=3)
    assert [c.crystal_id for c in best.candidates] == [c.crystal_id for c in everything.candidates[:3]]
    middle = everything.candidates[len(everything.candidates) // 2].p_topological
    likely = _screen(models, tmp_path, min_probability=middle)
    assert min(c.p_topological for c in likely.candidates) >= middle - 1e-6


def test_a_screen_that_leaves_nothing_is_a_result_too(models, tmp_path: Path) -> None:
    result = _screen(models, tmp_path, with_elements=("Xe", "Kr"))
    assert result.candidates == []
    assert pq.read_table(tmp_path / "candidates.parquet").num_rows == 0


def test_matching_structures_leave_the_better_ranked(models, tmp_path: Path) -> None:
    from tests.sample_crystals import disguise

    few = Few()
    table = few.open()
    rng = np.random.default_rng(0)
    twin = CrystalTable.from_crystals([disguise(table[0], rng, (1, 1, 1))])
    copy = table.slice(0, 1).arrow
    for name in ("lattice", "atomic_numbers", "frac_coords"):
        copy = copy.set_column(copy.column_names.index(name), name, twin.arrow.column(name))
    copy = copy.set_column(0, "id", pa.array(["twin"]))
    arrow = pa.concat_tables([table.arrow, copy])
    few.open = lambda: CrystalTable(arrow)  # type: ignore[method-assign]
    options = {"keep_duplicates": True, "keep_metals": True, "keep_known": True, "keep_odd": True}
    options |= {"keep_magnetic": True, "max_atoms": 0, "top": 0}
    loose = screen(few, *models, ScreenOptions(**options), tmp_path / "a", [])
    strict = screen(few, *models, ScreenOptions(**options, match_structures=True), tmp_path / "b", [])
    both = {table.ids[0], "twin"}
    assert both <= {c.crystal_id for c in loose.candidates}
    assert len(both & {c.crystal_id for c in strict.candidates}) == 1


def test_unusable_crystals_are_counted_and_named(models, tmp_path: Path) -> None:
    few = Few()
    table = few.open()
    lattices = [[0.0] * 9, *table.arrow.column("lattice").to_pylist()[1:]]
    place = table.arrow.column_names.index("lattice")
    broken = table.arrow.set_column(place, "lattice", pa.array(lattices, LATTICE))
    few.open = lambda: CrystalTable(broken)  # type: ignore[method-assign]
    result = screen(few, *models, ScreenOptions(), tmp_path, [])
    assert result.run.funnel[0].removed == 1
    assert result.run.refused[0].id == table.ids[0]
    assert result.run.refused[0].remedy
