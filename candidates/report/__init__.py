"""The HTML pages of a screen: one of the run and one for each candidate; none needs network or server."""

from candidates.explanation import Explanation, Neighbour
from candidates.report.candidate_page import write_candidate_page
from candidates.report.card import ModelCard
from candidates.report.page import write_report

__all__ = ["Explanation", "ModelCard", "Neighbour", "write_candidate_page", "write_report"]
