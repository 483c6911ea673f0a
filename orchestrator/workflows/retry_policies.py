"""Retry policies of activities that could not report a result: the ledger was unavailable, or a worker died. Errors
after which a workflow is started again.

What a system answered is never repeated here; the ledger records it and says when the next attempt is due.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import NondeterminismError

STARTED_AGAIN = (NondeterminismError,)
"""A workflow that does not agree with its history fails, and is started again from the ledger: decision 0069."""

UNTIL_THE_LEDGER_IS_BACK = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=10)
)
"""However long the ledger was away, each run goes on within 30 seconds after its return: docs/reliability.md."""
ADVANCE_TIMEOUT = timedelta(seconds=20)
"""It reads and appends, and no more; repeating it does no harm."""
SEARCH_TIMEOUT = timedelta(minutes=3)
"""Searches run side by side, each under its own system's deadline."""
SEARCH_TAKEN_WITHIN = timedelta(minutes=1)
"""A task queue without a worker for this long is a system that does not answer: the others do not wait for it."""
FURTHER_STEPS = timedelta(minutes=5)
"""How much longer than its own work an activity may take for the steps which that makes due."""
SILENCE = timedelta(seconds=10)
"""An activity that says nothing for so long lost its worker, and is begun elsewhere. A search only looks. A step whose
attempt is in progress is not due until its lease is over."""
AFTER_A_LOST_ACTIVITY = timedelta(seconds=10)
UNTIL_THE_MAIL_SERVER_IS_BACK = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=2)
)
NOTICES_TIMEOUT = timedelta(minutes=5)
"""The activity stops after a minute of sending, and another one continues."""
NOTICES_SILENCE = timedelta(minutes=1)
DELIVERY_TIMEOUT = timedelta(seconds=30)
"""One attempt has ten seconds for everything that happens outside of the ledger."""

WHILE_SOMEBODY_WAITS = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=5)
)
INQUIRY_TIMEOUT = timedelta(minutes=10)
"""A verification of millions of events takes minutes; everything else ends under its systems' own deadlines."""
INQUIRY_SILENCE = timedelta(seconds=4)
"""An answer whose worker stopped is begun elsewhere, while the asker still waits."""
INQUIRY_GIVEN_UP = timedelta(minutes=14)
"""Soon after that the row which it would be written into has expired."""
