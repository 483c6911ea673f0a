"""`offboard demo`: people leave a small company on this machine, from HR's export to the closed, checked run."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from orchestrator.cli.terminal.remedies import remedy_of
from orchestrator.cli.terminal.screen import complain
from orchestrator.demo.people import BadExport, NoLeavers, cast_from, packaged_cast
from orchestrator.domain.errors import Refusal
from orchestrator.embedded.smaller_packet import sample_packet


def run_demo(csv: Path | None = None, yes: bool = False, keep_up: bool = False, picture: Path | None = None) -> int:
    """The exit code: 0 when everything that should have been done was, 1 when not, 128 and the number of the signal
    that ended it before that. At a terminal, and with `keep_up` anywhere, all stays up at the end until Ctrl-C;
    `picture` gets the board at its fullest, as SVG."""
    packet = sample_packet()
    try:
        cast = cast_from(csv, packet) if csv is not None else packaged_cast(packet.platform.hr.export_columns)
    except BadExport as bad:
        complain(f"{csv} has {len(bad.rows)} invalid rows; nothing was started.", "Correct these lines:",
                 *(f"line {row.line} {row.message}" for row in bad.rows))  # fmt: skip
        return 1
    except NoLeavers as none_leave:
        complain(none_leave.message, "Nothing was started.")
        return 1
    except Refusal as refused:
        complain(refused.message, remedy_of(refused), "Nothing was started.")
        return 1
    # All that servers need is imported once it is clear that they are wanted.
    from orchestrator.demo.session import DemoSession, run_until_stopped

    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return asyncio.run(run_until_stopped(DemoSession(cast, terminal and not yes, keep_up or terminal, picture)))
