"""The HTML report of a screen: one file that needs no network, no server and no other file."""

from candidates.report.page import write_report

__all__ = ["write_report"]
