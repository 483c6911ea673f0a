"""The lines that `.ci/coverage` prints."""

from __future__ import annotations

from tests.branches import lines


def test_branches_are_added_up_by_package() -> None:
    counted = {
        "orchestrator/web/api/runs/inbox/gates.py": (3, 4),
        "orchestrator/web/times.py": (1, 4),
        "orchestrator/relay.py": (5, 10),
        "connectors/http/client.py": (1000, 2000),
        "connectors/__init__.py": (0, 0),
        "migrations/env.py": (0, 0),
    }
    report = {
        "files": {
            name: {"summary": {"covered_branches": reached, "num_branches": known}}
            for name, (reached, known) in counted.items()
        }
    }
    assert [" ".join(line.split()) for line in lines(report)] == [
        "connectors 1,000 of 2,000 branches 50.0 %",
        "orchestrator 5 of 10 branches 50.0 %",
        "orchestrator/web 4 of 8 branches 50.0 %",
        "all 1,009 of 2,018 branches 50.0 %",
    ]
