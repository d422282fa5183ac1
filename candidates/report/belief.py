"""Whether a number about a candidate can be believed, and why not, in words."""

from candidates.records import Candidate

MEANT = {
    "topological": "called topological",
    "trivial": "called trivial",
    "abstain": "no call: it cannot tell",
}


def call(c: Candidate) -> str:
    """Return what the model calls it at which error rate; empty for a model that makes no calls."""
    if c.call is None or c.error_rate is None:
        return ""
    return f"{MEANT[c.call]} at an error rate of {100 * c.error_rate:g} %"


def rate(c: Candidate) -> str:
    """Say what the error rate is a rate of, and whether that was tested; empty without a call."""
    if c.call is None or c.error_rate is None:
        return ""
    bound = (
        f"at most {100 * c.error_rate:g} % of the topological ones called trivial, and the other way round"
    )
    if c.covered:
        return f"Tested on crystals of its kind whose formulas the model never saw: {bound}."
    return f"Not tested for a crystal like this one. Where it was: {bound}."


def gap(c: Candidate) -> str:
    """Return the band gap and where it comes from."""
    if c.band_gap is not None:
        return f"{c.band_gap:.3f} eV"
    return predicted_gap(c) or "unknown"


def predicted_gap(c: Candidate) -> str:
    """Return the gap by the model with its uncertainty; empty where it predicts none."""
    if c.predicted_gap is None:
        return ""
    return f"predicted {c.predicted_gap:.2f} ± {c.predicted_gap_uncertainty or 0.0:.2f} eV"


def metal(c: Candidate) -> str:
    """Return the probability of a metal, by the model; empty where it predicts none."""
    return "" if c.p_metal is None else f"P(metal) {c.p_metal:.2f}"
