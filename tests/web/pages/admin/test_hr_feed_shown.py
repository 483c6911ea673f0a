"""The page Systems, the API and the command line show what HR's feed read last."""

from __future__ import annotations

import html

from activities.hr_feed import HrFeed
from orchestrator.embedded.stack import Stack, put_in_production
from orchestrator.reading.queries import Queries
from tests.cli.command_line import Offboard, hired
from tests.hr_feed.feeding import TITLES, csv_packet, row
from tests.hr_feed.test_feed_in_a_worker import FRIDAY
from tests.web.api.running import PACKET as STANDARD
from tests.web.conftest import Program, Visit

NAME = "feed-shown"


async def test_what_the_feed_read_is_on_the_page_in_the_api_and_at_the_terminal(
    stack: Stack, visit: Visit, program: Program
) -> None:
    actors = (await stack.services.runs.organisation()).actors
    packet = csv_packet(name=NAME, path=NAME, no_hr="auditor")
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    folder = stack.settings.secrets_folder / NAME
    folder.mkdir(parents=True)
    backend = stack.backend
    queries = Queries(backend.database, backend.ledger, backend.runs)
    feed = HrFeed(stack.services, queries, stack.connections, backend.database, NAME, every=0.0)
    hr, offboard = await program("hr"), Offboard(stack.folder)

    async def shown() -> dict[str, object]:
        found = (await hr.get("/systems", params={"packet": NAME})).json()["systems"]
        [system] = [one for one in found if one["feed"] is not None]
        assert system["system"] == "hr"
        return dict(system["feed"])

    standard = (await hr.get("/systems", params={"packet": STANDARD})).json()["systems"]
    assert {one["feed"] for one in standard} == {None}
    assert await feed.look() is None
    status = await shown()
    assert (status["code"], status["source"], status["records"]) == ("people_file_missing", None, [])
    page = html.unescape((await (await visit("hr")).get("/systems")).text)
    assert "The last look read no list" in page and "There is no CSV file at" in page

    nora = await hired(stack)
    rows = [f"{nora.employee_number},Nora,{nora.email},{FRIDAY},", row(1, "bald"), row(2, "2026-01-02"), row(3)]
    (folder / "people.csv").write_text("\n".join([TITLES, *rows]) + "\n")
    assert await feed.look() is not None
    status = await shown()
    counts = {name: status[name] for name in ("leavers", "started", "moved", "with_run", "waiting", "unreadable")}
    assert counts == {"leavers": 2, "started": 1, "moved": 0, "with_run": 0, "waiting": 1, "unreadable": 1}
    assert (status["code"], status["source"]) == (None, "people.csv") and status["read_at"] is not None
    bad, old = status["records"]  # type: ignore[misc]
    assert (bad["place"], bad["standing"], old["place"], old["standing"]) == (
        "line 3",
        "unreadable",
        "line 4",
        "left_before",
    )
    page = html.unescape((await (await visit("hr")).get("/systems")).text)
    assert "people.csv, of" in page and "2: 1 started, 0 moved, 0 with a run already" in page
    assert "line 3: Cannot be read. The row has the last day 'bald'" in page.replace("<strong>", "").replace(
        "</strong>", ""
    )
    typed = await offboard.done("systems", "--packet", NAME, as_="hr")
    said = " ".join(typed.out.split())
    assert "last list people.csv of" in said and "Started: 1. Moved: 0." in said and "Waiting for HR: 1." in said
    assert "line 4" in said

    runs = (await hr.get("/runs", params={"packet": NAME})).json()["runs"]
    [run] = [one["run_id"] for one in runs if one["packet"] == NAME]
    later = rows[0].replace("-02-26", "-03-26")
    (folder / "people.csv").write_text("\n".join([TITLES, later, *rows[1:]]) + "\n")
    assert await feed.look() is not None
    [moved] = [one for one in (await shown())["records"] if one["standing"] == "date_changed"]  # type: ignore[attr-defined]
    assert (moved["place"], moved["run_id"]) == ("line 2", run)
    [asked] = [one for one in (await hr.get(f"/runs/{run}")).json()["exceptions"] if one["kind"] == "leaving_changed"]
    assert "requester" in asked["owners"]
    page = html.unescape((await (await visit("hr")).get(f"/runs/{run}")).text)
    assert page.count("Leaving changed in HR") >= 2, "an exception, and an event with the date"
    assert "Move the cutoff, or cancel the run" in page and "Mar" in page

    (folder / "people.csv").write_text("\n".join([TITLES, later, rows[1], row(2), rows[3]]) + "\n")
    assert await feed.look() is not None
    status = await shown()
    assert (status["leavers"], status["fewer"]) == (1, 1)
    page = html.unescape((await (await visit("hr")).get("/systems")).text)
    typed = await offboard.done("systems", "--packet", NAME, as_="hr")
    for said in (page, " ".join(typed.out.split())):
        assert "ewer than in the list before" in said and "missing in a list takes no leaving back" in said

    hidden = (await (await program("auditor")).get("/systems", params={"packet": NAME})).json()["systems"]
    [feeds] = [one["feed"] for one in hidden if one["feed"] is not None]
    assert feeds["unreadable"] == 1 and feeds["records"] == [], "only those who read HR see its records"
