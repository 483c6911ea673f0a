"""What happened in each recorded run, up to where it was left. See `record_database.py`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from orchestrator.documents.document import Document
from tests.compatibility import product
from tests.compatibility.people_at_work import StaffAtWork, has_open_gate, is_finished, open_kinds, open_tasks, statuses
from tests.compatibility.small_company import SmallCompany

PAST = "2026-01-05T18:00"
RecordStory = Callable[[StaffAtWork, SmallCompany, str, product.Running, Document], Awaitable[str]]


async def start(staff: StaffAtWork, number: str, packet: str = "recorded-leaver", **more: object) -> str:
    asked = {"person": number, "packet": packet, "cutoff": PAST, "reason": "They leave.", **more}
    if asked["cutoff"] is None:
        del asked["cutoff"]
    return str((await staff.post("hr", "/runs", asked))["run_id"])


async def at_gate(staff: StaffAtWork, number: str, packet: str = "recorded-leaver", **more: object) -> str:
    run = await start(staff, number, packet, **more)
    await staff.wait(run, has_open_gate, "an open gate")
    return run


async def complete_tasks(staff: StaffAtWork, run: str, **more: object) -> None:
    for task in open_tasks(await staff.run(run)):
        await staff.post(
            "operator", f"/runs/{run}/tasks/{task['task_id']}/completion", {"outcome": "done", "note": "Done.", **more}
        )


def only_the_task_is_left(run: Document) -> bool:
    return [name for name, status in statuses(run).items() if status not in ("verified", "attested")] == [
        "collect_equipment"
    ] and bool(open_tasks(run))


def only_the_card_is_left(run: Document) -> bool:
    left = {name for name, status in statuses(run).items() if status not in ("verified", "attested")}
    return left == {"close_card", "collect_equipment"}


async def clean(staff: StaffAtWork, company: SmallCompany, number: str, up: product.Running, kept: Document) -> str:
    """Started with an idempotency key, and its task was completed with a file."""
    asked = {"person": number, "packet": "recorded-leaver", "cutoff": PAST, "reason": "They leave."}
    answered = await staff.post("hr", "/runs", asked, **{"Idempotency-Key": "recorded-start-0001"})
    body = json.dumps(asked, separators=(",", ":"))
    kept["idempotent"] = {"key": "recorded-start-0001", "body": body, "answer": answered}
    run = str(answered["run_id"])
    await staff.wait(run, has_open_gate, "an open gate")
    await staff.approve(run, "it", "finance")
    state = await staff.wait(run, only_the_task_is_left, "the task")
    [task] = open_tasks(state)
    content = b"Receipt: one laptop, one key.\n"
    uploaded = await staff["operator"].post(
        f"/runs/{run}/tasks/{task['task_id']}/files", files={"file": ("receipt.txt", content, "text/plain")}
    )
    assert uploaded.status_code == 201, uploaded.text
    stored = uploaded.json()["stored"]
    await complete_tasks(staff, run, files=[{"stored": stored, "name": "receipt.txt"}])
    await staff.wait(run, is_finished, "the end")
    events = await staff.get("hr", f"/runs/{run}/events")
    [attested] = [event for event in events["events"] if event["type"] == "TaskCompleted"]
    [file] = attested["data"]["evidence"]["attachments"]
    kept["file"] = {"run": "clean", "stored": file["stored"], "content": content.decode()}
    return run


async def with_exceptions(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    """A step failed for good and was skipped."""
    run = await at_gate(staff, number)
    company.break_("cards", "POST", "/close", "error_in_200", 1)
    await staff.approve(run, "it", "finance")
    await staff.wait(run, lambda state: "step_failed" in open_kinds(state), "the failed step")
    await staff.post("operator", f"/runs/{run}/steps/close_card/skip", {"reason": "Closed by telephone."})
    await staff.wait(run, lambda state: bool(open_tasks(state)), "the task")
    await complete_tasks(staff, run)
    await staff.wait(run, is_finished, "the end")
    return run


async def ended(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    run = await at_gate(staff, number)
    await staff.post("hr", f"/runs/{run}/end", {"reason": "They stay after all."})
    await staff.wait(run, is_finished, "the end")
    return run


async def scheduled(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    """Everything is decided, and the cutoff is two days ahead."""
    cutoff = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT18:00")
    run = await at_gate(staff, number, "standard-leaver", cutoff=cutoff)
    await staff.approve(run, "it", gates=lambda name: name in ("access", "deletion"))
    await staff.approve(run, "finance", gates=lambda name: name == "money")
    await staff.wait(run, lambda state: not has_open_gate(state), "the decisions")
    await staff.wait(
        run, lambda s: statuses(s)["hand_over_repositories"] == "verified", "what is due before the cutoff"
    )
    return run


async def one_of_two_votes(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    run = await at_gate(staff, number)
    await staff.approve(run, "it")
    return run


async def several_gates(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    return await at_gate(staff, number, "standard-leaver")


async def parked(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    """One step failed for good; the others are done, and the task is open."""
    run = await at_gate(staff, number)
    company.break_("cards", "POST", "/close", "error_in_200", 1)
    await staff.approve(run, "it", "finance")
    await staff.wait(
        run, lambda state: "step_failed" in open_kinds(state) and bool(open_tasks(state)), "the failed step"
    )
    await staff.wait(run, only_the_card_is_left, "the other steps")
    return run


async def held(staff: StaffAtWork, company: SmallCompany, number: str, up: product.Running, kept: Document) -> str:
    """Decided by the finance approver and, for the identity lead who is away, by the operator; then held."""
    run = await at_gate(staff, number)
    await staff.post("operator", f"/runs/{run}/hold", {"reason": "A question for HR."})
    until = (datetime.now(UTC) + timedelta(days=20)).isoformat()
    kept["delegation"] = await staff.post(
        "it", "/delegations", {"to": "operator", "until": until, "reason": "Away for three weeks."}
    )
    await staff.approve(run, "operator", "finance")
    return run


async def match_question(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    run = await start(staff, number)
    await staff.wait(run, lambda state: "ambiguous_match" in open_kinds(state), "the question")
    await staff.wait(run, has_open_gate, "the gate for the rest")
    return run


async def closing(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    """Only the task is left."""
    run = await at_gate(staff, number)
    await staff.approve(run, "it", "finance")
    await staff.wait(run, only_the_task_is_left, "the task")
    return run


async def embargoed(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    until = (datetime.now(UTC) + timedelta(days=10)).isoformat()
    embargo = {"until": until, "named": ["it", "finance", "operator", "safety-owner"]}
    return await at_gate(staff, number, embargo=embargo)


async def rejected(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    run = await at_gate(staff, number)
    [gate] = (await staff.run(run))["gates"]
    path = f"/runs/{run}/gates/{gate['gate_id']}/decision"
    await staff.post("finance", path, {"verdict": "reject", "reason": "The pay is not settled."})
    await staff.wait(run, lambda state: "gate_rejected" in open_kinds(state), "the rejection's exception")
    return run


async def urgent(staff: StaffAtWork, company: SmallCompany, number: str, *rest: object) -> str:
    """Access is cut before any decision; the review and the gates are open."""
    run = await start(staff, number, "standard-leaver", cutoff=None, urgent=True)
    await staff.wait(run, lambda state: statuses(state).get("suspend_code") == "verified", "what is cut at once")
    await staff.wait(run, lambda state: "urgent_review" in open_kinds(state) and has_open_gate(state), "the review")
    return run


async def erased(staff: StaffAtWork, company: SmallCompany, number: str, up: product.Running, kept: Document) -> str:
    """The person's key is destroyed, as `docs/operations.md` says. A hold was placed and lifted, a token was made."""
    run = await at_gate(staff, number)
    await staff.post("hr", f"/runs/{run}/end", {"reason": "They stay after all."})
    async with up.books.database.driver() as connection:
        row = await (await connection.execute("SELECT person_id FROM read.runs WHERE run_id = %s", (run,))).fetchone()
    assert row is not None
    await up.books.keyring.erase_person(row[0])
    await staff.post("operator", "/systems/cards/hold", {"packet": "recorded-leaver", "reason": "Under repair."})
    await staff.post("operator", "/systems/cards/release", {"packet": "recorded-leaver"})
    kept["program"] = await staff.post(
        "safety-owner",
        "/tokens",
        {"name": "Nightly report", "kind": "service", "roles": ["reporting"], "up_to": "read", "lasts_days": 300},
    )
    kept["preview"] = await staff.post(
        "hr", "/previews", {"person": "R-0018", "packet": "standard-leaver", "cutoff": PAST}
    )
    return run


async def killed(staff: StaffAtWork, number: str) -> str:
    run = await at_gate(staff, number)
    await staff.approve(run, "safety-owner", "finance")
    return run


STORIES: dict[str, RecordStory] = {
    "clean": clean, "with_exceptions": with_exceptions, "ended": ended, "scheduled": scheduled,
    "one_of_two_votes": one_of_two_votes, "several_gates": several_gates, "parked": parked, "held": held,
    "match_question": match_question, "closing": closing, "embargoed": embargoed, "rejected": rejected,
    "urgent": urgent, "erased": erased,
}  # fmt: skip
