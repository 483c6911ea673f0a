"""The order of test files when several processes share them (`make test`): the longest first, so that no process is
left with one of them when the others have ended. Long waits (demo, deaths of processes, outages) alternate with files
that keep a processor busy."""

from __future__ import annotations

from typing import Final

import pytest

LONG_FILES: Final = (
    "tests/web/browser/test_every_page_looks.py", "tests/demo/test_demo.py", "tests/web/routes/test_every_route.py",
    "tests/demo/test_terminal.py", "tests/web/browser/test_stories_in_a_browser.py",
    "tests/faults/test_killed_workers.py", "tests/web/pages/lists/test_inbox.py",
    "tests/production/test_processes.py", "tests/web/pages/run/test_run.py",
    "tests/web/requests/test_second_person_entry_points.py", "tests/web/test_rendering.py",
    "tests/integration/privacy/test_privacy.py", "tests/web/requests/test_adversary_bounds.py",
    "tests/integration/faults/test_outages.py", "tests/web/requests/test_delay_entry_points.py",
    "tests/cli/commands/test_administration.py", "tests/web/api/test_api_described.py",
    "tests/webhooks/test_webhooks.py", "tests/web/pages/new_run/test_new_run.py", "tests/inquiries/test_starts.py",
    "tests/web/pages/lists/test_runs.py", "tests/compatibility/test_open_runs.py",
    "tests/web/pages/lists/test_exceptions.py", "tests/workflows/test_offboarding.py",
    "tests/notices/test_notices.py", "tests/integration/faults/test_background_tasks.py",
    "tests/web/routes/test_read_by_system.py", "tests/integration/systems/test_rates.py",
)  # fmt: skip
"""More than 25 s each, of 885 s in all (2026-11-30). A file that is not here keeps its place behind them."""
_RANKS: Final = {path: rank for rank, path in enumerate(LONG_FILES)}


def longest_first(items: list[pytest.Item]) -> None:
    """Within a file the tests keep their order."""
    items.sort(key=lambda item: _RANKS.get(item.nodeid.partition("::")[0], len(_RANKS)))
