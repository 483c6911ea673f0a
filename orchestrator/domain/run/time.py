"""The instant that means "not yet" in a run's state."""

from __future__ import annotations

from datetime import UTC, datetime

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
