"""One run's page: where it stands, what can be changed about it, and what no one hears who does not see it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from orchestrator.web.pages.run import run as run_page
from orchestrator.web.pages.run.cards import anchor
from tests.cli.command_line import StartRun
from tests.web.api.running import FUTURE, PAST, until
from tests.web.conftest import Program, Visit
from tests.web.pages.pressing import ParsedPage, press
from tests.web.visitor import Visitor

WITHIN = 60.0  # seconds

NAMED = ["it", "finance", "operator", "safety-owner"]
CHANGES = ("hold", "release", "reschedule", "end", "replan", "retry", "skip", "settle", "accept", "embargo")


async def run_of(program: Program, run_id: str) -> Any:
    return (await (await program("auditor")).get(f"/runs/{run_id}")).json()


async def test_one_look_answers_where_a_run_stands(visit: Visit, started: StartRun) -> None:
    run_id = await started()

    answer = await (await visit("auditor")).get(f"/runs/{run_id}")

    said = ParsedPage(answer.text).text
    for words in (
        "Miravelda",
        "Access ends",
        "5 Jan 2026",
        "18:00 in Berlin",
        "Torvandil Maskeliung",
        "still open",
        "Whole run",
        "Remove access",
        "Wendelgard Oxtomiro",
        "can approve",
        "Run requested",
        "Plan created",
    ):
        assert words in said, words
    assert 'class="plan-graph"' in answer.text
    assert f'action="/runs/{run_id}' not in answer.text  # an auditor changes nothing


async def test_a_run_is_held_released_moved_and_ended_from_its_page(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short(asked={"cutoff": FUTURE})
    operator, path = await visit("operator"), f"/runs/{run_id}"

    held = await press(operator, path, "Pause", fill={"reason": "HR asked for a day"})
    assert "The run is paused" in ParsedPage(held.text).text
    assert (await run_of(program, run_id))["held"] is True
    hr_page = ParsedPage((await (await visit("hr")).get(path)).text)
    assert hr_page.has_button("Resume") and not hr_page.has_button("Pause"), "it is paused already"
    assert hr_page.has_button("Take over pause") and "The run stays paused. After this, only" in hr_page.text
    released = await press(operator, path, "Resume")
    assert "The run is resumed." in ParsedPage(released.text).text
    hr = await visit("hr")
    moved = await press(hr, path, "Change cutoff", fill={"cutoff": "2031-11-27T09:30", "zone": "America/New_York"})
    assert "The cutoff is now 27 Nov 2031, 09:30 EST." in ParsedPage(moved.text).text
    assert (await run_of(program, run_id))["zone"] == "America/New_York"
    ended = await press(hr, path, "Cancel run", fill={"reason": "They stay after all"})
    assert "The run is cancelled." in ParsedPage(ended.text).text
    assert (await run_of(program, run_id))["state"] == "ended"
    assert "“They stay after all”" in ParsedPage(ended.text).text
    too_late = await operator.submit(f"{path}/hold", {"back": path})
    assert too_late.status_code == 409
    assert re.search(r"This run finished at .*: cancelled\.", ParsedPage(too_late.text).text)


async def test_a_later_cutoff_shows_the_added_exposure_before_it_is_confirmed(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short("code_admin", asked={"cutoff": FUTURE})
    hr, path = await visit("hr"), f"/runs/{run_id}"
    later = {"cutoff": "2031-12-01T09:30", "zone": "America/New_York"}
    added = (await (await program("hr")).get(f"/runs/{run_id}/exposure", params=later)).json()

    shown = await press(hr, path, "Change cutoff", fill=later)
    assert shown.status_code == 422 and added["added_seconds"] == 70.5 * 3600
    said = ParsedPage(shown.text).text
    assert "Access stays open 70.5 hours longer." in said and "The cutoff is not changed yet." in said
    task = "Change shared passwords and keys"
    assert added["tasks"] == [task] and "rotate_shared_secrets" not in added["systems"]
    assert f"Until these tasks are completed: {task}." in said
    assert task not in said.partition("Access stays open")[2].partition("Until these tasks")[0], "a task is no system"
    assert f"and until these tasks are completed: {task}" in ParsedPage((await hr.get(path)).text).text
    assert f"privileged accounts: {added['privileged_accounts']}." in said
    assert f'data-form-place="{path}#change-cutoff"' in shown.text and 'id="change-cutoff" open' in shown.text
    before = await run_of(program, run_id)
    assert before["zone"] == "Europe/Berlin"

    form, _ = ParsedPage(shown.text).button("Move the cutoff to 1 Dec 2031, 09:30 EST")
    data = {one.name: one.value for one in form.fields}
    other = await hr.submit(f"{path}/reschedule", data | {"cutoff": "2032-12-01T09:30"})
    assert other.status_code == 422 and "hours longer." in other.text, "another cutoff is shown first"
    moved = await hr.submit(f"{path}/reschedule", data)
    assert "The cutoff is now 1 Dec 2031, 09:30 EST." in ParsedPage(moved.text).text
    assert (await run_of(program, run_id))["zone"] == "America/New_York"
    refused = await (await visit("it")).submit(f"{path}/reschedule", {**later, "cutoff": "2033-01-01T09:30"})
    assert refused.status_code == 403 and "hours longer." not in refused.text


async def test_approvals_are_drawn_before_the_cutoff_unless_they_come_after_it(
    visit: Visit, started_short: StartRun
) -> None:
    it = await visit("it")
    for cutoff, order in ((FUTURE, "Approved Cutoff"), (PAST, "Cutoff Approved")):
        run_id = await started_short(asked={"cutoff": cutoff})
        text = (await it.get(f"/runs/{run_id}")).text
        head = ParsedPage(text[text.index('<table class="clock') :]).text
        assert f"System Known {order} Executed Verified" in " ".join(head.split()), cutoff


async def test_the_review_of_an_urgent_start_lists_what_was_removed(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short(asked={"cutoff": None, "urgent": True, "zone": None})
    run = await until(
        await program("auditor"),
        run_id,
        lambda run: any(one["name"] == "disable_identity" and one["status"] == "verified" for one in run["steps"]),
    )
    review = next(one for one in run["exceptions"] if one["kind"] == "urgent_review")
    text = (await (await visit("safety-owner")).get(f"/runs/{run_id}")).text
    card = text[text.index(f'id="{anchor(run_id, review["exception_id"])}"') :]
    said = " ".join(ParsedPage(card[: card.index("</li>\n</ul>")]).text.split())
    assert "Steps that ran before approval:" in said and "Disable the sign-in account" in said
    assert "Transfer repositories" not in said, "it waits for its approval"


async def test_a_cutoff_that_cannot_be_is_refused_on_the_runs_own_page(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short(asked={"cutoff": FUTURE})
    hr, path = await visit("hr"), f"/runs/{run_id}"

    nowhere = await press(hr, path, "Change cutoff", fill={"zone": "Europe/Berlim"})
    gap = await press(hr, path, "Change cutoff", fill={"cutoff": "2031-03-30T02:30"})

    assert (nowhere.status_code, gap.status_code) == (422, 422)
    assert "Did you mean Europe/Berlin?" in ParsedPage(nowhere.text).text
    assert "does not exist in Europe/Berlin" in ParsedPage(gap.text).text
    assert ParsedPage(gap.text).has_button("Change cutoff")
    assert (await run_of(program, run_id))["cutoff"].startswith("2031-11-28")


async def test_an_ending_without_a_reason_is_refused(visit: Visit, started_short: StartRun, program: Program) -> None:
    run_id = await started_short(asked={"cutoff": FUTURE})
    answer = await press(await visit("hr"), f"/runs/{run_id}", "Cancel run")
    assert answer.status_code == 422
    assert "Enter a reason and submit again." in ParsedPage(answer.text).text
    assert (await run_of(program, run_id))["finished_at"] is None


async def test_what_is_not_offered_is_refused_all_the_same(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short(asked={"cutoff": FUTURE})
    auditor = await visit("auditor")
    for change in ("hold", "end", "replan"):
        answer = await auditor.submit(f"/runs/{run_id}/{change}", {"reason": "because", "back": f"/runs/{run_id}"})
        assert answer.status_code == 403, change
    run = await run_of(program, run_id)
    assert (run["held"], run["finished_at"]) == (False, None)


async def test_a_run_that_is_not_there_is_the_same_on_every_route(visit: Visit) -> None:
    operator = await visit("operator")
    missing = "r0123456789abcdef"
    page = await operator.get(f"/runs/{missing}")
    stream = await operator.get(f"/runs/{missing}/stream")
    file = await operator.get(f"/runs/{missing}/files/{'0' * 64}")
    answers = [page, stream, file]
    for change in (*CHANGES, "gates/g-access-1", "tasks/t-1"):
        fields = {
            "reason": "x",
            "verdict": "approve",
            "outcome": "done",
            "note": "x",
            "cutoff": FUTURE,
            "zone": "Europe/Berlin",
            "over": "yes",
            "none": "yes",
            "system": "code",
        }
        answers.append(await operator.submit(f"/runs/{missing}/{change}", fields))
    for answer in answers:
        assert answer.status_code == 404, (answer.request.url.path, answer.text[:400])
        assert f"There is no run {missing}." in answer.text
        assert "Open a run from the list of runs, or search for it." in answer.text


async def test_under_an_embargo_a_run_is_found_by_no_one_who_is_not_named(
    visit: Visit, started_short: StartRun
) -> None:
    run_id = await started_hidden(started_short, NAMED)
    operator, auditor = await visit("operator"), await visit("auditor")

    shown = await operator.get(f"/runs/{run_id}")
    hidden = await auditor.get(f"/runs/{run_id}")
    unknown = await auditor.get("/runs/r0123456789abcdef")

    assert "Under embargo until" in shown.text
    assert hidden.status_code == 404
    assert hidden.text.replace(run_id, "r0123456789abcdef") == unknown.text
    for path in ("/runs", "/?show=all", "/exceptions?standing=all"):
        assert run_id not in (await auditor.get(path)).text
    await end_embargo(operator, run_id)
    assert (await auditor.get(f"/runs/{run_id}")).status_code == 200


async def test_a_long_timeline_is_read_page_by_page(visit: Visit, started_short: StartRun) -> None:
    run_id = await started_short()
    it, operator = await visit("it"), await visit("operator")
    await press(it, f"/runs/{run_id}", "Approve all", inside=anchor(run_id, "g-access-1"))
    for _ in range(15):
        await operator.submit(f"/runs/{run_id}/hold")
        await operator.submit(f"/runs/{run_id}/release")

    seen: list[int] = []
    path: str | None = f"/runs/{run_id}"
    for _ in range(10):
        text = (await operator.get(path)).text
        seen += [int(number) for number in re.findall(r'id="event-(\d+)"', text)]
        older = re.search(r'href="(/runs/[^"]+\?before=\d+)#happened"', text)
        path = older[1] if older is not None else None
        if path is None:
            break

    assert seen == list(range(seen[0], 0, -1))
    assert len(seen) > 50


async def test_a_stream_tells_of_a_decision_within_a_second(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    """The fastest of a few: on a busy machine any of them can be slow."""
    hr, it, auditor = await visit("hr"), await visit("it"), await program("auditor")
    times: list[float] = []
    while len(times) < 4 and min(times, default=1.0) >= 1.0:
        run_id = await started_short()
        async with listening(hr, f"/runs/{run_id}/stream") as told:
            await told.beyond(0)  # where it stands now
            await it.submit(f"/runs/{run_id}/gates/g-access-1", {"verdict": "approve"})
            decided = asyncio.get_running_loop().time()
            happened = (await auditor.get(f"/runs/{run_id}/events", params={"limit": 500})).json()["events"]
            vote = next(event["version"] for event in happened if event["type"] == "GateVoted")
            times.append(await told.beyond(vote - 1) - decided)
    assert min(times) < 1, times


async def test_a_stream_is_for_browsers_without_buffers(visit: Visit, started_short: StartRun) -> None:
    run_id = await started_short()
    auditor = await visit("auditor")
    for path in (f"/runs/{run_id}/stream", "/runs/stream", "/inbox/stream", "/exceptions/stream"):
        async with auditor.stream("GET", path, headers={"accept": "text/event-stream"}) as answer:
            assert answer.status_code == 200, path
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["x-accel-buffering"] == "no"
            assert answer.headers["cache-control"] == "no-store"


async def test_a_stream_ends_with_the_session(visit: Visit, started_short: StartRun) -> None:
    run_id = await started_short()
    hr, it = await visit("hr"), await visit("it")
    async with listening(hr, f"/runs/{run_id}/stream") as told:
        await told.beyond(0)
        await hr.submit("/sign-out")
        await it.submit(f"/runs/{run_id}/gates/g-access-1", {"verdict": "approve"})
        await asyncio.wait_for(told.ended, WITHIN)


async def test_no_one_listens_without_a_session(visit: Visit, started_short: StartRun) -> None:
    run_id = await started_short()
    nobody = await visit()
    answer = await nobody.get(f"/runs/{run_id}/stream", headers={"accept": "text/event-stream"})
    assert answer.status_code == 401


async def test_a_list_hears_of_what_comes_and_not_of_what_is_hidden(visit: Visit, started_short: StartRun) -> None:
    auditor = await visit("auditor")
    async with listening(auditor, "/inbox/stream?show=all&kind=review") as told:
        await told.beyond(-1)
        hidden = await started_hidden(started_short, NAMED, urgent=True, cutoff=None, zone=None)
        assert told.numbers == [0]
        await started_short(asked={"urgent": True, "cutoff": None, "zone": None})
        await told.beyond(0)
    await end_embargo(await visit("operator"), hidden)


async def started_hidden(started: StartRun, named: list[str], **asked: Any) -> str:
    until = (datetime.now(UTC) + timedelta(days=90)).isoformat()
    return await started(asked={"embargo": {"until": until, "named": named}, **asked})


async def end_embargo(visitor: Visitor, run_id: str) -> None:
    answer = await press(visitor, f"/runs/{run_id}", "End embargo now")
    assert "The embargo has ended" in ParsedPage(answer.text).text


class StreamedNumbers:
    """The numbers that a stream of events has sent, and whether it is over."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._more = asyncio.Condition()

    async def read(self, answer: httpx.Response) -> None:
        with contextlib.suppress(httpx.RemoteProtocolError):  # the server ends it so
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    async with self._more:
                        self.numbers.append(int(line.removeprefix("data: ")))
                        self._more.notify_all()
        self.ended.set_result(None)

    async def beyond(self, number: int) -> float:
        """When a number beyond this one has come."""
        async with self._more:
            await asyncio.wait_for(self._more.wait_for(lambda: max(self.numbers, default=-1) > number), WITHIN)
        return asyncio.get_running_loop().time()


@asynccontextmanager
async def listening(visitor: Visitor, path: str) -> AsyncIterator[StreamedNumbers]:
    told = StreamedNumbers()
    async with visitor.stream("GET", path, headers={"accept": "text/event-stream"}) as answer:
        assert answer.status_code == 200, answer.status_code
        reading = asyncio.create_task(told.read(answer))
        try:
            yield told
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading


async def test_the_page_of_a_long_run_shows_a_bounded_number_of_items(
    visit: Visit, started_short: StartRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not shown is counted; the activity, in pages, has it all."""
    run_id = await started_short()
    it, operator = await visit("it"), await visit("operator")
    await press(it, f"/runs/{run_id}", "Approve all", inside=anchor(run_id, "g-access-1"))

    async def page() -> tuple[str, int]:
        """The page, and how many open items it shows."""
        text = (await operator.get(f"/runs/{run_id}")).text
        shown = text[text.index('id="run-waiting"') : text.index('id="run-plan"')]
        return text, shown.count('<li class="card') + shown.count('<li class="other"')

    async with asyncio.timeout(WITHIN):
        while True:  # the run continues after the approval: compare two pages of the same state
            whole, items = await page()
            with monkeypatch.context() as bounds:
                bounds.setattr(run_page, "MAX_CARDS", 1)
                bounds.setattr(run_page, "MAX_DRAWN_STEPS", 3)
                bounded, shown = await page()
            if (await page())[1] == items > 1:
                break
    waiting = re.search(r"(\d+) more open items? appear", bounded)
    assert shown == 1 and waiting is not None and int(waiting[1]) == items - 1
    assert "Plan graph" in whole and "Plan graph" not in bounded and len(bounded) < len(whole)
