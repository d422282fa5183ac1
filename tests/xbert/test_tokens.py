import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sample_crystals import sample_table
from xbert.spacegroups import all_space_groups
from xbert.tokens import (
    MASK_WORD,
    MAX_ELECTRONS,
    composition,
    describe,
    electron_bits,
    vocabulary,
    words_of_groups,
)


def test_vocabulary_has_every_word_once_and_a_mask() -> None:
    words = {word for group in all_space_groups() for word in group.words}
    assert set(vocabulary()) == words | {MASK_WORD}
    assert sorted(vocabulary().values()) == list(range(len(words) + 1))
    assert len(words) == 274


def test_words_of_a_group_point_into_the_vocabulary() -> None:
    names = {index: word for word, index in vocabulary().items()}
    assert [names[i] for i in words_of_groups()[216]] == [
        "F-43m",
        "-43m",
        "cubic",
        "m-3m",
        "noncentrosymmetric",
    ]
    assert len({tuple(row) for row in words_of_groups()[1:].tolist()}) == 230


@given(st.lists(st.integers(0, MAX_ELECTRONS), min_size=1, max_size=20))
def test_bits_spell_the_electron_count(counts: list[int]) -> None:
    bits = electron_bits(np.array(counts))
    assert bits.shape == (len(counts), 14)
    assert (bits @ 2 ** np.arange(13, -1, -1)).tolist() == counts


@pytest.mark.parametrize("count", [MAX_ELECTRONS + 1, -1])
def test_a_count_beyond_fourteen_bits_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="16383"):
        electron_bits(np.array([2, count]))


def test_composition_is_the_fraction_of_each_element() -> None:
    table = sample_table()
    fractions = composition(table)
    row = table.ids.index("Bi2Se3")
    assert fractions[row, 83] == pytest.approx(0.4)
    assert fractions[row, 34] == pytest.approx(0.6)
    np.testing.assert_allclose(fractions.sum(1), 1.0, rtol=1e-6)


def test_tokens_in_words() -> None:
    seen = describe(216, 64, np.array([31, 33]))
    assert seen.words[0] == "F-43m"
    assert seen.bits == "00000001000000"
    assert seen.elements == {"Ga": 0.5, "As": 0.5}
