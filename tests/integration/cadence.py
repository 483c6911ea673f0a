"""How often the relay looks in tests."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.relay import Cadence

QUICK = Cadence(follow=0.2, sweep=0.5, grace=timedelta(seconds=1))
"""Often enough that no test waits long for a look; every look takes processor time from the tests. The grace is longer
than the 0.5 s between two bunches of reports."""
EAGER = Cadence(follow=0.05, deciders=0.2, deciders_after_change=0.2)
"""Checks all the time whether enough people can decide."""
