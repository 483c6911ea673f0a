"""The demo as people start it: a process of its own, its exit code, what it prints, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from orchestrator.demo.demo import run_demo

DEMO = "import sys; from orchestrator.cli import main; sys.argv = ['offboard', 'demo', *sys.argv[1:]]; main()"
WITHIN = 180.0  # seconds
THIS_YEAR = datetime.now(UTC).year
TITLES = (
    "Employee ID,First name,Last name,Preferred name,Work email,Former emails,Department,Job title,Manager ID,Country,"
    "Time zone,Last day,Leaving time\n"
)


@dataclass
class Demo:
    """One run of the demo. `children` are all processes that were ever seen to descend from it."""

    process: subprocess.Popen[str]
    folder: Path
    output: Path
    children: dict[int, float]
    next_look: float = 0.0

    def look(self) -> None:
        """Twice a second at most, since every process of the machine is read."""
        if time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + 0.5
        try:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self.children[child.pid] = child.create_time()
        except psutil.NoSuchProcess:
            return

    def until(self, text: str) -> None:
        """Waits until this was printed."""
        deadline = time.monotonic() + WITHIN
        while text not in self.printed():
            assert self.process.poll() is None, f"it ended before {text!r} was printed:\n{self.printed()}"
            assert time.monotonic() < deadline, f"{text!r} was not printed:\n{self.printed()}"
            self.look()
            time.sleep(0.05)
        self.next_look = 0.0
        self.look()

    def end(self) -> int:
        self.next_look = 0.0
        deadline = time.monotonic() + WITHIN
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it did not end:\n{self.printed()}"
            self.look()
            time.sleep(0.05)
        return self.process.returncode

    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def left_behind(self) -> list[str]:
        """Processes that are still there (they may take a moment to be buried) and files in its temporary folder."""
        gone_by = time.monotonic() + 30
        while (alive := [pid for pid, born in self.children.items() if _is_alive(pid, born)]) and (
            time.monotonic() < gone_by
        ):
            time.sleep(0.05)
        return [f"process {pid}" for pid in alive] + [path.name for path in self.folder.iterdir()]


def _is_alive(pid: int, born: float) -> bool:
    try:
        process = psutil.Process(pid)
        return process.create_time() == born and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def demos(tmp_path: Path) -> Iterator[list[Demo]]:
    started: list[Demo] = []
    yield started
    for demo in started:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait()


@pytest.fixture
def start(tmp_path: Path, demos: list[Demo]) -> object:
    def begin(*arguments: str, out: int | None = None) -> Demo:
        folder, output = tmp_path / "tmp", tmp_path / "output.txt"
        folder.mkdir()
        folder.chmod(0o755)
        with output.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", DEMO, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file if out is None else out,
                stderr=file,
                text=True,
                env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        demos.append(Demo(process, folder, output, {}))
        return demos[-1]

    return begin


def test_it_decides_by_itself_and_ends_well(start) -> None:
    demo = start("--yes")
    demo.until("All servers are running")
    code = demo.end()
    printed = demo.printed()
    assert code == 0, printed
    assert demo.children, "its servers were seen"
    assert demo.left_behind() == []
    assert "\x1b[" not in printed, "nothing moves the cursor where nobody looks"
    for line in (
        "Okta, GitHub, Slack and BambooHR are simulations on this machine",
        "Simulated outage: GitHub refuses every connection.",
        "The steps on GitHub continue automatically.",
        "exception: GitHub: possible match: 2 accounts",
        "exception closed: account match resolved by operator",
        "Company cards responded 200 OK with an error in the body",
        "exception closed: retried by operator",
        "Evidence read back",
        "attested by Mail: ",
        "Open exposure",
        "Target: access removed within 2 h of the cutoff.",
        "Exceptions and how they were resolved",
        "Okta: the leavers had 4 accounts, 8 sessions, ",
        "GitHub: the leavers had 5 accounts, ",
        "Slack: the leavers had 4 accounts, 8 sessions, 4 tokens, ",
        "nothing of it is left",
        "The other 12 people have exactly what they had before at Okta, GitHub, Slack.",
        "Ledger verified:",
        "4 people offboarded",
        "The web pages were at http://127.0.0.1:",
    ):
        assert line in printed, line


@pytest.mark.parametrize(
    ("after", "number"),
    [
        ("Starting PostgreSQL", signal.SIGINT),
        ("Applying migrations", signal.SIGTERM),
        ("Signing the packets", signal.SIGHUP),
        ("approved by it", signal.SIGTERM),
    ],
)
def test_a_signal_leaves_nothing(start, one_leaver: Path, after: str, number: signal.Signals) -> None:
    demo = start("--yes", "--csv", str(one_leaver))
    demo.until(after)
    demo.process.send_signal(number)
    assert demo.end() == 128 + number
    assert demo.left_behind() == []


def test_a_pipe_that_is_closed_leaves_nothing(start, one_leaver: Path) -> None:
    reading, writing = os.pipe()
    demo = start("--yes", "--csv", str(one_leaver), out=writing)
    os.close(writing)
    printed = b""
    while b"All servers are running" not in printed:
        demo.look()
        printed += os.read(reading, 4096)
    os.close(reading)
    assert demo.end() != 0
    assert demo.left_behind() == []


def test_any_export_of_people(start, tmp_path: Path) -> None:
    export = tmp_path / "people.csv"
    export.write_text(
        TITLES.replace(",", ";")
        + "E-1003;Ann;O'Brien, Jr.;;ann@corp.example;;IT;Boss;;GB;Europe/London;;\n"
        + 'E-2;Bö;"Straße ""B"" [x]";;boe@corp.example;bo.old@corp.example;Sales;Rep;E-1003;DE;Europe/Berlin;'
        + f"{THIS_YEAR}-10-01;09:00\n"
        + f"77;Chi;Łódź;;chi@corp.example;;IT;Administrator;E-2;PL;Europe/Warsaw;{THIS_YEAR + 9}-02-01;\n"
        + f"1;;;;a@x.example;;;;;;Europe/Berlin;{THIS_YEAR}-10-01;\n"  # no more than a number and an address
    )
    demo = start("--yes", "--csv", str(export))
    code = demo.end()
    printed = demo.printed()
    assert code == 0, printed
    assert "Chi Łódź: cutoff changed to" in printed, "nobody waits for years"
    assert 'Bö Straße "B" [x]' in printed
    assert "GitHub: possible match: 2 accounts" in printed
    assert "3 people offboarded" in printed
    assert demo.left_behind() == []


def test_broken_rows_are_named_and_nothing_starts(start, tmp_path: Path) -> None:
    export = tmp_path / "people.csv"
    export.write_text(
        TITLES
        + "1,A,B,,a@x.example,,,,,,Europe/Berlin,30.11.2026,\n"
        + "2,C,D,,c@x.example,,,,,,Europe/Nowhere,,\n"
        + "3,E,F,,same@x.example,,,,,,,,\n"
        + "4,G,H,,same@x.example,,,,,,,,\n"
        + "5,I,J,,,,,,,,,,\n"
    )
    demo = start("--yes", "--csv", str(export))
    assert demo.end() == 1
    printed = demo.printed()
    for line in ("nothing was started", "Line 2", "Line 3", "Line 5", "Line 6"):
        assert line in printed, printed
    assert "Line 4" not in printed
    assert "Starting" not in printed
    assert demo.left_behind() == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (TITLES + "1,A,B,,a@x.example,,,,,,Europe/Berlin,,\n", "into the column 'Last day'"),
        ("Name,Mail\nA,a@x.example\n", "orchestrator/embedded/packet/platform.yaml"),
        ("", "The export is empty"),
        (None, "cannot be read"),
    ],
)
def test_an_export_that_starts_nothing_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    """In this process, which starts no other. The program's exit code is tested above."""
    export = tmp_path / "people.csv"
    if content is not None:
        export.write_text(content)
    before = psutil.Process().children()
    assert run_demo(csv=export, yes=True) == 1
    assert said in capsys.readouterr().err
    assert psutil.Process().children() == before
