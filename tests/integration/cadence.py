"""How often the relay looks in tests."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.relay import Cadence

QUICK = Cadence(follow=0.1, sweep=0.25, grace=timedelta(seconds=1))
"""Often enough that no test waits for a look. The grace is longer than the 0.5 s between two bunches of reports."""
EAGER = Cadence(follow=0.05, deciders=0.2, deciders_after_change=0.2)
"""Checks all the time whether enough people can decide."""
