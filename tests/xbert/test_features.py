from pathlib import Path

import numpy as np
import pytest

from tests.sample_crystals import features_in_standard_cells, sample_table
from xbert.features import Features, collate


@pytest.fixture(scope="module")
def features() -> Features:
    found = features_in_standard_cells(sample_table())
    assert len(found) == 8
    return found


def test_take_gathers_the_right_atoms(features: Features) -> None:
    part = features.take(np.array([5, 0]))
    first = slice(features.offsets[5], features.offsets[6])
    np.testing.assert_array_equal(part.numbers[: part.offsets[1]], features.numbers[first])
    np.testing.assert_array_equal(
        part.distances[part.offsets[1] :], features.distances[: features.offsets[1]]
    )


def test_features_survive_the_disk(features: Features, tmp_path: Path) -> None:
    features.save(tmp_path / "f.safetensors")
    again = Features.load(tmp_path / "f.safetensors")
    for name, value in vars(features).items():
        np.testing.assert_array_equal(getattr(again, name), value)


def test_concatenated_parts_equal_the_whole(features: Features) -> None:
    parts = [features.take(np.arange(3)), features.take(np.arange(3, 8))]
    joined = Features.concatenate(parts)
    for name, value in vars(features).items():
        np.testing.assert_array_equal(getattr(joined, name), value)


def test_a_batch_keeps_every_atom_with_its_own_crystal(features: Features) -> None:
    batch = collate(features, np.array([7, 2]))
    assert batch.size == 2
    assert (batch.crystal[batch.neighbours] == batch.crystal[:, None]).all()
