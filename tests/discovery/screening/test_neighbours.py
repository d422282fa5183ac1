"""The labelled crystals nearest to a candidate: of other formulas, each kind once, kept for the next time."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from discovery.databases.facts import database_info
from discovery.databases.info import Database, conform
from discovery.screening import neighbours as module
from discovery.screening.labelled import Labelled, place_of, read, write
from discovery.screening.neighbours import neighbours, place
from tests.sample_crystals import sample_table
from xbert.crystals import CrystalTable
from xbert.features import Features
from xbert.predict import Predictor
from xbert.scoring import prepare

LABELS = {"Si": "LCEBR", "GaAs": "Unknown", "W": "ES", "ZnO": "LCEBR", "SiO2": "NLC", "TiO2": "LCEBR"}


class Judged(Database):
    """Small crystals, most with a class; Bi2Se3 has none but the literature's."""

    def __init__(self) -> None:
        self.info = database_info("topoB")

    def is_ready(self) -> bool:
        return True

    def open(self) -> CrystalTable:
        table = sample_table()
        # Each twice: a database often holds a crystal under several ids.
        both = table.take(np.repeat(np.arange(len(table)), 2))
        labels = pa.array([LABELS.get(id) for id in both.ids], pa.string())
        return conform(both.with_columns({"label_tqc": labels}))

    def fingerprint(self) -> str:
        return "0" * 64


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor("discovery")


@pytest.fixture(scope="module")
def features() -> Features:
    return prepare(sample_table())[1]


@pytest.fixture(scope="module")
def labelled(predictor: Predictor) -> Labelled:
    return place(Judged(), predictor)


def test_those_with_a_class_are_placed(labelled: Labelled, predictor: Predictor, features: Features) -> None:
    assert sorted(set(labelled.ids)) == ["Bi2Se3", "Si", "SiO2", "TiO2", "W", "ZnO"]
    assert labelled.total == len(labelled) == 12
    classes = dict(zip(labelled.ids, labelled.classes, strict=True))
    assert classes["Si"] == {"tqc": "LCEBR"}
    assert classes["Bi2Se3"] == {"literature": "strong TI"}
    p = dict(zip(sample_table().ids, predictor(features).topological, strict=True))
    assert labelled.p_topological == pytest.approx([p[id] for id in labelled.ids], abs=1e-5)


def test_neighbours_are_of_other_formulas_and_each_kind_once(
    labelled: Labelled, predictor: Predictor, features: Features
) -> None:
    ids = sample_table().ids
    silicon, gallium = (features.take(np.array([ids.index(name)])) for name in ("Si", "GaAs"))
    [(closest, meaning)] = neighbours(predictor, silicon, ["Si4"], labelled)
    assert sorted(n.formula for n in closest) == ["Bi2Se3", "SiO2", "TiO2", "W", "ZnO"]
    distances = [n.distance for n in closest]
    assert distances == sorted(distances)
    assert 0 < distances[0] < distances[-1] < 2
    assert "half of the 12 labelled crystals of topoB" in meaning
    [(closest, _)] = neighbours(predictor, gallium, ["GaAs"], labelled)
    found = next(n for n in closest[:2] if n.crystal_id == "Si")
    assert (found.spacegroup, found.spacegroup_symbol) == (227, "Fd-3m")
    assert len({n.formula for n in closest}) == 5


def test_a_database_without_labels_has_none(predictor: Predictor, features: Features) -> None:
    class Bare(Judged):
        def open(self) -> CrystalTable:
            return conform(sample_table().take(np.array([0, 3])))

    found = place(Bare(), predictor)
    assert len(found) == 0
    assert neighbours(predictor, features.take(np.array([0])), ["Si"], found) == [((), "")]


def test_a_large_database_is_sampled_evenly(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 4)
    seen: list[tuple[int, int]] = []
    found = place(Judged(), predictor, on_progress=lambda done, whole: seen.append((done, whole)))
    assert len(found) == 4
    assert found.total == 14  # GaAs among them: what "Unknown" says is known only when it is read
    assert found.ids[0] == "Si"
    assert found.ids[-1] == "Bi2Se3"
    assert seen[-1] == (4, 4)


def test_what_was_placed_is_kept(labelled: Labelled, tmp_path: Path) -> None:
    kept = place_of(tmp_path, "database", "model")
    assert read(kept) is None
    write(labelled, kept)
    assert sorted(path.suffix for path in kept.parent.iterdir()) == [".json", ".safetensors"]
    again = read(kept)
    assert again is not None
    assert again.classes == labelled.classes
    np.testing.assert_array_equal(again.vectors, labelled.vectors)
    others = {place_of(tmp_path, "database", "another"), place_of(tmp_path, "another", "model"), kept}
    assert len(others) == 3
    kept.with_suffix(".safetensors").write_bytes(b"damaged")
    assert read(kept) is None
    (tmp_path / "file").write_text("")
    write(labelled, place_of(tmp_path / "file", "database", "model"))  # no folder can be made there


def test_half_precision_moves_no_neighbour(
    labelled: Labelled, predictor: Predictor, features: Features
) -> None:
    from xbert.embedding import embed

    assert labelled.vectors.dtype == np.float16
    whole = embed(predictor.members, features)
    row = sample_table().ids.index("Si")
    assert float(whole[row] @ labelled.vectors[0].astype(np.float32)) == pytest.approx(1.0, abs=2e-4)
