"""On a machine without slapd everything else is done, and what was left out is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.smaller_packet import without_systems

DEMO = """
import os, sys
from pathlib import Path
from orchestrator.embedded.company import directory
found = directory._program
directory._program = lambda name: None if name == "slapd" else found(name)
from orchestrator.demo.demo import run_demo
code = run_demo(csv=Path(sys.argv[1]), yes=True)
sys.stdout.flush()
os._exit(code)
"""


def test_the_demo_without_slapd(one_leaver: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEMO, str(one_leaver)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Skipped: all steps on the directory" in done.stdout
    assert "Lock the directory account" not in done.stdout


def test_a_packet_without_a_system_keeps_the_rest() -> None:
    whole = starter_packet("standard-leaver")
    smaller = without_systems(whole, {"directory"})
    assert "directory" not in smaller.platform.systems
    gone = {step.name for step in whole.workflow.steps if step.system == "directory"}
    assert [step.name for step in smaller.workflow.steps] == [
        step.name for step in whole.workflow.steps if step.name not in gone
    ]
    assert not any(set(step.needs) & gone for step in smaller.workflow.steps)
    assert smaller.version != whole.version
    assert without_systems(whole, {"telephone"}) is whole
