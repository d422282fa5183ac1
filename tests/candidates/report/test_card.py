"""The card says how far a probability can be trusted."""

from candidates.report.card import TRANSFER, Bin, ModelCard, ScoreRow, ScoreTable

ROW = ScoreRow(against="majority", n=2261, accuracy=0.918, f1=0.917, calibration_error=0.022)


def card(*bins: Bin) -> ModelCard:
    table = ScoreTable(title="Held-out formulas", what="w", rows=(ROW,), bins=bins, bins_against="majority")
    return ModelCard(name="discovery", purpose="p", tables=(table,))


def test_the_nearest_bin_speaks() -> None:
    text = card(Bin(predicted=0.2, observed=0.1, n=9), Bin(predicted=0.85, observed=0.87, n=120)).context(0.8)
    assert text.startswith("Of 120 held-out crystals given about 0.85, 87% carried")


def test_without_bins_the_error_speaks() -> None:
    assert "off by 0.022 on average" in card().context(0.8)
    assert card().calibration() is None


def test_a_card_without_scores_is_silent() -> None:
    assert ModelCard(name="n", purpose="p").context(0.5) == ""


def test_unseen_symmetry_classes_have_a_sentence_of_their_own() -> None:
    other = ScoreTable(title=TRANSFER, what="w", rows=(ROW.model_copy(update={"calibration_error": 0.13}),))
    assert card().transfer() == ""
    told = card().model_copy(update={"tables": (*card().tables, other)})
    assert "never saw, probabilities were off by 0.13" in told.transfer()
