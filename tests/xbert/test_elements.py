import json
from pathlib import Path

import numpy as np
import pytest

from xbert.elements import MAX_Z, N_FEATURES, element_facts, element_vectors, symbols


def test_every_element_has_one_row_and_a_vector() -> None:
    assert [int(row["number"]) for row in element_facts()] == list(range(1, 119))
    assert symbols()[79] == "Au"
    assert element_vectors().shape == (MAX_Z + 1, N_FEATURES)
    assert not element_vectors()[0].any()
    assert (element_vectors()[1:].sum(1) >= 6).all()


def test_all_vectors_differ_but_for_neighbouring_lanthanides_and_actinides() -> None:
    _, counts = np.unique(element_vectors()[1:57], axis=0, return_counts=True)
    assert (counts == 1).all()


def test_vectors_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        element_vectors()[1, 0] = 2.0


def test_computed_vectors_resemble_those_of_cgcnn(shared: Path) -> None:
    stored = json.loads((shared / "data" / "cgcnn" / "atom_init.json").read_text())
    theirs = np.array([stored[str(z)] for z in range(1, 101)])
    ours = element_vectors()[1:101]
    assert (ours == theirs).mean() > 0.97
    group_period_valence_ionization = [*range(26), *range(46, 68)]
    same = (ours == theirs)[:, group_period_valence_ionization]
    assert same.mean() > 0.99
