import logging

import pytest

from discovery.verification.local import Event, watched


def test_events_come_through_a_host_program_that_disables_loggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """``logging.config.dictConfig`` does so; jobs know by events that their time is over."""
    logger = logging.getLogger("discovery.verification")
    monkeypatch.setattr(logger, "disabled", True)
    heard: list[Event] = []
    event = Event("0" * 12, "static", "waiting", None, "the time is over", False, {})
    with watched(heard.append):
        logger.info("a step", extra=vars(event))
    assert heard == [event]
    assert logger.disabled
