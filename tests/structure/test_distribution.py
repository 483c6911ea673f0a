"""Which process gets which test file (`tests/distribution.py`)."""

from __future__ import annotations

from pathlib import Path

from tests.distribution import PROCESSES, STACKS, next_file, stack_of

INBOX, RUN, SEEING, STORIES, KILLS = (
    "tests/web/pages/lists/test_inbox.py", "tests/web/pages/run/test_run.py", "tests/cli/test_seeing.py",
    "tests/web/browser/test_stories_in_a_browser.py", "tests/faults/test_killed_workers.py",
)  # fmt: skip


def test_every_beginning_is_there() -> None:
    assert all((Path(__file__).parents[2] / beginning).exists() for beginning in STACKS)
    assert {stack for stack in STACKS.values() if stack} == set(PROCESSES)


def test_a_process_continues_with_the_stack_that_it_has() -> None:
    assert next_file([KILLS, SEEING, INBOX, RUN], {"web"}, [{"web"}]) == INBOX
    assert next_file([KILLS, SEEING, INBOX], {"web", "terminal"}, [{"web", "terminal"}]) == SEEING


def test_a_process_leaves_the_stack_to_those_that_have_it() -> None:
    assert next_file([STORIES, INBOX, KILLS], set(), [{"browser"}, {"web"}, {"web"}, set()]) == KILLS
    assert next_file([STORIES, INBOX, KILLS], set(), [{"browser"}, {"web"}, set()]) == INBOX


def test_where_nothing_else_is_left_a_process_helps() -> None:
    assert next_file([STORIES, INBOX], {"terminal"}, [{"browser"}, {"web"}, {"web"}, {"terminal"}]) == STORIES


def test_files_without_a_shared_stack_keep_their_order() -> None:
    assert stack_of("tests/web/routes/test_every_route.py") is None
    assert next_file(["tests/demo/test_demo.py", KILLS, INBOX], set(), []) == "tests/demo/test_demo.py"
