"""A batch at the terminal, with a worker that starts its runs."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.command_line import NewLeaver, Offboard
from tests.cli.commands.test_csv import NEXT_YEAR, export

UNKNOWN = f"X-1,No,Body,,no.body@wolkenmuehle.example,,A,B,E-1010,DE,Europe/Berlin,Leaving,{NEXT_YEAR}-02-26,17:00"


async def test_hr_starts_a_batch_at_the_terminal(offboard: Offboard, leaver: NewLeaver, tmp_path: Path) -> None:
    people = [await leaver(), await leaver()]
    path = export(tmp_path / "leavers.csv", people, UNKNOWN, "short,row")
    error = await offboard.refused("batches", "propose", str(path), as_="hr")
    assert "line 4: No one in HR matches" in error and "line 5: has 2 fields" in error
    assert "Nothing was recorded: 2 rows" in error and "--skip-bad" in error
    checked = await offboard.done("batches", "propose", str(path), "--check", "--json", as_="hr")
    assert (checked.json["batch_id"], checked.json["people"], len(checked.json["broken"])) == (None, 2, 2)
    said = (await offboard.done("batches", "propose", str(path), "--skip-bad", as_="hr")).out
    found = re.search(r"Batch (b[0-9a-f]{16}): 2 runs", said)
    assert found is not None and "Can't be undone:" in said, said
    batch_id = found[1]
    assert "has 2 runs, not 3" in await offboard.refused("batches", "start", batch_id, "--confirm", "3", as_="hr")
    assert "is paused" in (await offboard.done("batches", "hold", batch_id, as_="hr")).out
    await offboard.done("batches", "start", batch_id, "--confirm", "2", as_="hr")
    shown = await offboard.done("batches", "show", batch_id, "--json", as_="hr")
    assert (shown.json["status"], shown.json["started"], shown.json["waits_for"]["what"]) == ("held", 0, "resume")
    await offboard.done("batches", "resume", batch_id, as_="hr")
    whole = (await offboard.done("batches", "show", batch_id, "--watch", as_="hr")).out
    assert whole.count("Run started") == 2 and "All runs started" in whole
    assert batch_id in (await offboard.done("batches", as_="safety-owner")).out
    runs = (await offboard.done("runs", as_="hr")).out
    assert all(person.employee_number in runs for person in people)
    again = await offboard.refused("batches", "propose", str(path), as_="hr")
    assert "line 2: This person already has an open run: r" in again
    assert "There is no batch" in await offboard.refused("batches", "show", "b0", as_="hr")
    ended = await offboard.refused("batches", "cancel", batch_id, "--reason", "Too late.", as_="hr")
    assert "has ended" in ended
