"""Which tests are `long` because of the place they are in: `make test-servers` runs them, `make test` does not.

Of each file in `LONG`, `make test` keeps the first test that starts a server, with its first parameters, and those in
`KEPT`; of a file in `LONG_AS_A_WHOLE`, only what needs no server. Where a command names a file or a folder, as `pytest
tests/web/requests`, these tables do not apply: all of its tests run. What else is `long` says so by its own mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

LONG: Final = (
    # Faults in processes and servers, time that passes, many at once, and systems: each with whole runs.
    "tests/integration/faults/", "tests/integration/runs/", "tests/integration/systems/", "tests/demo/",
    "tests/production/test_processes.py", "tests/faults/",
    # One command at each entry point, again for each case of its rule.
    "tests/web/requests/",
    # Each page, component and route, one after the other.
    "tests/web/browser/", "tests/web/test_rendering.py", "tests/web/routes/",
    # Pages, commands, resources of the API, mails, questions to workers and files of HR: a run or an installation for
    # each test. `make test` has all tests of what they call, in tests/domain, tests/deciding and tests/ledger.
    "tests/web/pages/", "tests/web/api/", "tests/cli/commands/", "tests/cli/server/", "tests/notices/",
    "tests/inquiries/", "tests/hr_feed/", "tests/webhooks/test_webhooks.py",
    # Files of more than 5 s.
    "tests/reading/test_hidden_runs.py", "tests/reading/test_outcomes.py", "tests/reading/test_staff.py",
    "tests/cli/terminal/test_watching.py", "tests/embedded/test_embedded_postgres.py",
)  # fmt: skip
"""The beginnings of paths."""
LONG_AS_A_WHOLE: Final = (
    # Its tests share what takes long.
    "tests/compatibility/test_open_runs.py",
    # Trials of 21 to 70 s each, measured on 2026-11-30. Of these faults `make test` has: a stopped worker in
    # tests/integration/faults/test_frozen_workers.py, forged signals in tests/workflows/test_offboarding.py, and
    # PostgreSQL that cannot write in tests/faults/test_database_deaths.py.
    "tests/faults/test_full_disk.py", "tests/faults/test_shifted_clocks.py", "tests/faults/test_stopped_workers.py",
    "tests/faults/test_forged_signals.py",
    # Whole runs and tables of 8 to 40 processor seconds, measured on 2026-12-01. Of these `make test` has: a demo in
    # tests/demo/test_demo.py, all routes in tests/web/routes, the outage of Temporal in tests/integration/faults, the
    # trace of a run in tests/telemetry/test_observed_run.py, axe on every component in tests/web/test_rendering.py, a
    # story in a browser, and many votes at one gate in tests/faults/test_votes_that_do_not_count.py.
    "tests/demo/test_terminal.py", "tests/web/api/test_api_described.py", "tests/cli/test_commands_in_outages.py",
    "tests/telemetry/test_every_process.py", "tests/web/browser/test_every_page_looks.py",
    "tests/web/browser/test_outage_in_a_browser.py", "tests/web/requests/test_crowd.py",
    "tests/integration/faults/test_restored_erasures.py",
)  # fmt: skip
"""Files."""
KEPT: Final = (
    # Every starter packet and every entry point has a whole run.
    "tests/integration/runs/test_starter_runs.py::test_a_run_of_a_starter_packet",
    "tests/integration/runs/test_replay.py::test_fresh_histories_replay",
    "tests/production/test_processes.py::test_a_whole_run_by_the_containers_commands",
    # Who may do what, and what is hidden from whom.
    "tests/web/routes/test_every_route.py::test_a_route_answers_each_as_the_table_says",
    "tests/web/routes/test_every_route.py::test_nothing_anywhere_tells_of_a_run_under_embargo",
    "tests/web/routes/test_routes_table.py::",
    "tests/reading/test_hidden_runs.py::test_every_command_is_refused_as_if_there_were_no_such_run",
    "tests/web/api/test_api_programs.py::test_an_assistant_with_every_permission_reads_and_changes_nothing",
    "tests/web/api/test_api_programs.py::test_a_service_has_only_what_is_granted_to_services",
    "tests/embedded/test_embedded_postgres.py::test_it_never_runs_as_root_and_its_socket_is_private",
    # They take less than 2 s.
    "tests/faults/test_tampering.py::",
    "tests/cli/commands/test_administration.py::test_a_server_command_names_the_setting_that_is_missing",
    "tests/cli/commands/test_administration.py::test_a_broken_packet_is_reported_by_file_line_and_field",
    "tests/cli/commands/test_administration.py::test_every_command_says_what_it_does",
    "tests/demo/test_compared_systems.py::", "tests/demo/test_without_directory.py::",
    "tests/demo/test_demo.py::test_an_export_that_starts_nothing_says_what_to_do",
    "tests/web/test_rendering.py::test_every_word_of_the_domain_has_words_on_pages",
    "tests/web/test_rendering.py::test_every_event_and_exception_has_words_and_a_shape",
    "tests/web/test_rendering.py::test_states_of_one_kind_are_distinguished_by_their_shapes",
    "tests/web/test_rendering.py::test_a_code_that_is_new_is_shown_as_it_is",
    "tests/web/test_rendering.py::test_lengths_of_time_have_their_two_largest_parts",
    "tests/web/test_rendering.py::test_instants_are_in_the_readers_zone_with_the_persons_beside_it",
    "tests/web/test_rendering.py::test_what_is_due_is_described_by_the_time_that_is_left",
    "tests/web/test_rendering.py::test_names_are_escaped_and_a_name_that_a_page_lacks_is_an_error",
    "tests/web/test_rendering.py::test_an_erased_person_is_still_called_something",
    "tests/web/test_rendering.py::test_addresses_of_static_files_change_with_their_content",
)  # fmt: skip
"""The beginnings of node ids."""
TESTS: Final = Path(__file__).parent


def whole_suite(arguments: Sequence[str]) -> bool:
    """Whether these arguments of pytest name all tests, as in `make test` and `make test-servers`."""
    return bool(arguments) and all(Path(argument).resolve() == TESTS for argument in arguments)


OTHER_TARGETS: Final = ("faults", "servers")
"""Marks of tests that another command runs."""


def mark_long(items: Sequence[pytest.Item], with_servers: frozenset[str]) -> None:
    """Marks tests of a whole suite; `with_servers` has the node ids of those that start a server."""
    begun = set[str]()
    for item in items:
        file = item.nodeid.partition("::")[0]
        if item.nodeid not in with_servers or not is_listed(file) or any(map(item.get_closest_marker, OTHER_TARGETS)):
            continue
        kept = item.nodeid.startswith(KEPT) or (file not in begun and file not in LONG_AS_A_WHOLE)
        if item.get_closest_marker("long") is None:
            begun.add(file)
            if not kept:
                item.add_marker("long")


def is_listed(file: str) -> bool:
    return file.startswith(LONG) or file in LONG_AS_A_WHOLE
