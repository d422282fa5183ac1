"""Keywords of a `.win` are changed without touching the rest."""

from discovery.verification.win import keywords, with_keywords

TEXT = """! a crystal
NUM_WANN = 16   ! spinors
dis_froz_max: 10.5
num_iter 0
write_hr=.true.
begin projections
Sb:s;p
end projections
mp_grid = 6 6 6
begin kpoints
0.0 0.0 0.0
end kpoints
"""


def test_keywords_are_read_with_every_separator_and_not_from_blocks() -> None:
    assert keywords(TEXT) == {
        "num_wann": "16",
        "dis_froz_max": "10.5",
        "num_iter": "0",
        "write_hr": ".true.",
        "mp_grid": "6 6 6",
    }


def test_keywords_are_replaced_added_and_taken_out() -> None:
    text = with_keywords(TEXT, {"dis_froz_max": 9.5, "KMESH_TOL": "1e-05", "num_iter": None})
    assert keywords(text) == {
        "num_wann": "16",
        "dis_froz_max": "9.5",
        "kmesh_tol": "1e-05",
        "write_hr": ".true.",
        "mp_grid": "6 6 6",
    }
    assert "begin projections\nSb:s;p\nend projections\n" in text
    assert text.index("kmesh_tol") < text.index("begin projections")


def test_a_text_without_blocks_is_appended_to() -> None:
    assert with_keywords("num_wann = 2\n", {"num_iter": 0}) == "num_wann = 2\nnum_iter = 0\n"
