"""No task of asyncio and no thread is made beside `orchestrator/background.py`, except where its creator awaits it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from tests.structure.test_layout import PACKAGES, name_of, python_files, tree_of

MAKES_TASKS = ("create_task", "ensure_future", "TaskGroup", "Thread", "run_coroutine_threadsafe", "add_done_callback")
"""The last one, since what a callback raises is lost."""
SUPERVISED = "orchestrator/background.py"
WORKFLOWS = "orchestrator/workflows/"
"""What a workflow makes is no task of the process: Temporal reports its errors."""

AWAITED = {
    "activities/attempts/leases.py": 1,  # by all attempts that share the read
    "activities/attempts/step_group.py": 1,  # in `finish`
    "activities/heartbeats.py": 1,  # by the activity
    "activities/inquiries/account_access.py": 1,  # gathered
    "activities/inquiries/inquiries.py": 1,  # by all who asked for the verification
    "activities/inquiries/packet_system_tests.py": 1,  # in `finally`
    "connectors/vendors/postgresql/server.py": 2,  # with the deadline of the call; after that its end is discarded
    "orchestrator/demo/session.py": 1,  # the demo itself
    "orchestrator/embedded/company/company.py": 1,  # before the company is up
    "orchestrator/reconciler.py": 2,  # a task group and its tasks
    "orchestrator/web/access/provider.py": 1,  # by all sign-ins that share the request
    "orchestrator/web/api/runs/stream.py": 1,  # by the stream that waits for it
    "orchestrator/web/pages/lists/streams.py": 1,  # likewise
}
THREADS = {
    "orchestrator/cli/server/signing_in.py": 1,  # opens the browser of a command
    "orchestrator/ledger/processes.py": 1,  # ends a process with the one that started it
    "orchestrator/embedded/server_process.py": 1,  # of the embedded servers; waits for their output
    "orchestrator/telemetry/command_spans.py": 1,  # joined, with a limit, before the process ends
    "orchestrator/telemetry/telemetry.py": 1,  # joined, with a limit, when the process ends
}
"""Their errors are logged by `orchestrator/telemetry/logs.py` in processes that keep running."""


def made(tree: ast.Module) -> Iterator[str]:
    """The calls that make a task or a thread."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in MAKES_TASKS:
                yield name


def test_every_task_is_supervised_or_awaited() -> None:
    found: Counter[str] = Counter()
    for path in python_files(*PACKAGES):
        if name_of(path) != SUPERVISED and not name_of(path).startswith(WORKFLOWS):
            text = path.read_text()
            if any(name in text for name in MAKES_TASKS):
                found[name_of(path)] += sum(1 for _ in made(tree_of(path)))
    assert {name: count for name, count in found.items() if count} == AWAITED | THREADS, (
        "Use BackgroundTask of orchestrator/background.py, or await the task and list it here"
    )


def test_a_bare_task_is_found() -> None:
    text = "import asyncio\nasync def work():\n    asyncio.create_task(other())\n    Thread(target=work).start()\n"
    assert list(made(ast.parse(text))) == ["create_task", "Thread"]
