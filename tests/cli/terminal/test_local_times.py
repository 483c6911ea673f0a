"""Times at a terminal are in its own time zone, with its name, and with the person's time beside them."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.cli.command_line import NewLeaver, Offboard

ENDS = {
    "America/New_York": "2031-11-28 11:00 EST (17:00 in Europe/Berlin)",
    "Asia/Kolkata": "2031-11-28 21:30 IST (17:00 in Europe/Berlin)",
}


async def test_times_are_shown_in_the_zone_of_the_terminal(offboard: Offboard, leaver: NewLeaver) -> None:
    """A cutoff without `--zone` is a time on the person's clock, as HR has it, and not on the terminal's."""
    person = await leaver()
    zones = iter(ENDS)
    first = next(zones)
    words = ("start", person.employee_number, "--cutoff", "2031-11-28T17:00")
    started = await offboard.beside(*words, as_="hr", env={"TZ": first})
    assert started.code == 0, started.err
    assert f"Access ends {ENDS[first]}." in started.out
    run_id = re.findall(r"Run (r[0-9a-f]{16}) started", started.out)[0]
    run = (await offboard.done("show", run_id, "--json", as_="hr")).json
    asked = datetime.fromisoformat(run["requested_at"])
    for zone, ends in ENDS.items():
        shown = await offboard.beside("show", run_id, as_="hr", env={"TZ": zone, "COLUMNS": "120"})
        assert ends in shown.out
        assert f"Requested  hr, {asked.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}" in shown.out
    listed = await offboard.beside("runs", as_="hr", env={"TZ": "Asia/Kolkata", "COLUMNS": "200"})
    [line] = [line for line in listed.out.splitlines() if run_id in line]
    assert ENDS["Asia/Kolkata"] in line
    moved = await offboard.beside(
        "reschedule", run_id, "--cutoff", "2031-07-01T17:00", as_="hr", env={"TZ": "America/New_York"}
    )
    assert "access ends 2031-07-01 11:00 EDT (17:00 in Europe/Berlin)." in moved.out, "the run's zone is the default"


async def test_a_cutoff_needs_a_zone_and_a_time_of_day(offboard: Offboard, leaver: NewLeaver) -> None:
    nowhere, person = await leaver(time_zone=""), await leaver()
    said = await offboard.refused("start", nowhere.employee_number, "--cutoff", "2031-11-28T17:00", as_="hr")
    assert "The cutoff has no time zone." in said and "such as Europe/Berlin" in said
    said = await offboard.refused("start", person.employee_number, "--cutoff", "2031-11-28", as_="hr")
    assert "The cutoff '2031-11-28' has no time of day." in said
