"""Systems of a packet: whether each can be reached, and pausing changes in it."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.documents.account_owners import AccountOwners
from orchestrator.documents.hr_feed import FeedStatus, feed_status
from orchestrator.documents.runs.questions import CheckSystems, ListAccountOwners
from orchestrator.documents.systems.support import support_document
from orchestrator.documents.systems.system_uses import uses_of
from orchestrator.ledger.engine.hr_feeds import HrFeedRows
from orchestrator.ledger.engine.system_reports import last_reports
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import packet_names, readable
from orchestrator.web.access.read_permissions import require_looking_after
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.inquiries import InquiryWaiting, answered_or_waiting, result_at_location
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import GivenInstant, Id, InPacket, Reason, SystemName
from orchestrator.web.api.schema.support_answers import SupportDetails
from orchestrator.web.inquiries import HR_TIMEOUT_SECONDS
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["systems"], route_class=IdempotentRoute)


class FeedRecord(ResponseModel):
    place: str = Field(description="Where the record is in HR's list, such as `line 12`; empty for a record of a run")
    standing: str = Field(
        description="`unreadable`, `left_before`, `too_many`, `held`, `refused`, `changed_since`, "
        "`another_person`, `date_changed` or `taken_back`"
    )
    message: str = Field(description="The cause and what to do, if `standing` does not say it")
    run_id: str | None = None


class Feed(ResponseModel):
    """The list of leavers that the feed of this HR system read last, and what came of it."""

    checked_at: datetime | None = Field(description="When the feed last looked for a list")
    read_at: datetime | None = Field(description="When it last read one; null before the first")
    code: str | None = Field(description="Why the last look read none; null if it read one")
    detail: str | None
    source: str | None = Field(description="The list, such as a file's name")
    as_of: datetime | None = Field(description="When HR wrote the list")
    leavers: int = Field(description="People in it who leave or have left")
    fewer: int = Field(
        0, description="How many fewer than in the list before; a missing person starts nothing and takes nothing back"
    )
    started: int = Field(description="Runs that were started from it")
    moved: int = Field(description="Cutoffs that were moved to an earlier time because of it")
    with_run: int = Field(description="People whose leaving had a run already")
    waiting: int = Field(description="Records and runs that wait for a person of HR")
    unreadable: int = Field(description="Records that cannot be read")
    records: list[FeedRecord] = Field(
        description="The first of the waiting and unreadable ones, for callers who read the HR system"
    )


class SystemInUse(ResponseModel):
    """How the system answers the searches, steps and read-backs of runs; not of runs under embargo."""

    answered_at: datetime | None = Field(description="When it last responded")
    failed_at: datetime | None = Field(description="When a call last failed")
    failing_since: datetime | None = Field(description="Null if it responded to the last call")
    code: str | None = Field(description="That of the last failure")
    runs_waiting: int = Field(
        description="While it fails: the open runs, of those you can see, that wait on it. Access there was to end and "
        "has not, or the run has an open exception because the system fails"
    )


class System(ResponseModel):
    system: str
    title: str
    kind: str = Field(description="The connector")
    held: bool = Field(description="Whether changes on it are paused")
    held_until: datetime | None = Field(
        None, description="When they resume automatically; null if the pause has no end, or all systems are paused"
    )
    reachable: bool | None = Field(
        None,
        description="Result of the last check; null before it, and if only its own network can check it",
    )
    code: str | None = None
    detail: str | None = Field(None, description="The result of the last check in words")
    checked_at: datetime | None = Field(None, description="When it was last checked")
    answered_at: datetime | None = Field(None, description="When it last responded and accepted the credentials")
    in_use: SystemInUse | None = Field(None, description="Null before a run has called it")
    rate_per_second: float | None = Field(None, description="The rate limit, in requests per second")
    support: str = Field(description="The team")
    runbook: str
    support_details: SupportDetails
    feed: Feed | None = Field(None, description="For the HR system, if its records start runs")


class Systems(ResponseModel):
    packet: str
    systems: list[System] = Field(description="In the packet's order")
    all_held: bool = Field(description="Whether changes on all systems are paused")
    all_held_until: datetime | None = Field(
        None, description="When changes on all systems resume automatically; null if the pause has no end"
    )
    older_ledger: bool = Field(description="Whether they are paused because the ledger is an older copy")


class SystemsAsked(RequestModel):
    packet: Id = Field(examples=["standard-leaver"])


class Hold(RequestModel):
    packet: Id = Field(description="The packet whose permissions apply", examples=["standard-leaver"])
    reason: Reason | None = None
    until: GivenInstant | None = Field(
        None,
        description="When changes resume automatically. Null: the packet's longest time, or no end if it has none",
    )


class Release(RequestModel):
    packet: Id = Field(description="The packet whose permissions apply", examples=["standard-leaver"])


class HoldStanding(ResponseModel):
    system: str
    held: bool
    changed: bool = Field(description="False if it was already in this state")
    until: datetime | None = Field(None, description="When changes resume automatically; null if the pause has no end")


@router.get("/systems", summary="List a packet's systems", responses=problems())
async def systems(request: Request, caller: ApiCaller, packet: InPacket) -> Systems:
    web = state_of(request)
    current = await readable(web, caller, packet)
    reports = await last_reports(web.database, current.name)
    held = await web.services.runs.held_systems(current.platform.systems)
    now = await web.services.runs.ledger.now()
    feed = await feed_status(HrFeedRows(web.database, web.services.keyring), web.queries, caller.viewer, current)
    uses = await uses_of(web.database, web.queries, caller.viewer, current.name)
    return Systems(
        packet=current.name,
        all_held="*" in held,
        all_held_until=held["*"].until if "*" in held else None,
        older_ledger="*" in held and held["*"].older_ledger,
        systems=[
            System(
                system=name,
                title=spec.title,
                kind=spec.connector,
                held=name in held or "*" in held,
                held_until=held[name].until if name in held and "*" not in held else None,
                reachable=seen.reachable if (seen := reports.get(name)) is not None else None,
                code=seen.code or None if seen is not None else None,
                detail=seen.detail or None if seen is not None else None,
                checked_at=seen.checked_at if seen is not None else None,
                answered_at=seen.answered_at if seen is not None else None,
                in_use=SystemInUse(**in_use) if (in_use := uses.get(name)) is not None else None,
                rate_per_second=spec.rate_per_second,
                support=spec.support.team,
                support_details=support_document(spec.support, now),
                runbook=spec.runbook,
                feed=_feed(feed) if feed is not None and name == current.platform.hr.system else None,
            )
            for name, spec in current.platform.systems.items()
        ],
    )


def _feed(status: FeedStatus) -> Feed:
    report = status.report
    return Feed(
        checked_at=status.checked_at,
        read_at=status.read_at,
        code=status.code or None,
        detail=status.detail or None,
        source=report.source if report is not None else None,
        as_of=report.as_of if report is not None else None,
        leavers=report.leavers if report is not None else 0,
        fewer=report.fewer if report is not None else 0,
        started=report.started if report is not None else 0,
        moved=report.moved if report is not None else 0,
        with_run=report.with_run if report is not None else 0,
        waiting=report.waiting if report is not None else 0,
        unreadable=report.unreadable if report is not None else 0,
        records=[FeedRecord(**item.model_dump()) for item in report.items] if report is not None else [],
    )


@router.post("/systems/check", summary="Check a packet's systems", responses=problems_of_post(429))
async def check(request: Request, caller: ApiCaller, asked: SystemsAsked, key: IdempotencyKey = None) -> Systems:
    """For operators. A worker checks each system and changes nothing; the result is saved for all users. 503 if no
    worker responds in time."""
    web = state_of(request)
    require_looking_after(caller, await readable(web, caller, asked.packet))
    await web.inquiries.ask(caller.actor.actor_id, CheckSystems(packet=asked.packet), within=HR_TIMEOUT_SECONDS)
    return await systems(request, caller, asked.packet)


@router.post(
    "/systems/{system}/orphans",
    summary="List accounts without an owner",
    responses={
        **problems_of_post(404, 429),
        202: {"model": InquiryWaiting} | result_at_location("The lists are still being read; poll `Location`"),
    },
)
async def orphans(
    request: Request,
    caller: ApiCaller,
    system: SystemName,
    asked: SystemsAsked,
    response: Response,
    key: IdempotencyKey = None,
) -> AccountOwners | InquiryWaiting:
    """For callers with `read` on the system. A worker reads all accounts of the system and all people of HR, compares
    them by the packet's match keys, and changes nothing. Lists that were read within the last minute are used again."""
    web = state_of(request)
    await readable(web, caller, asked.packet)
    question = ListAccountOwners(packet=asked.packet, system=system)
    return await answered_or_waiting(web, caller, question, response)


@router.post("/systems/{system}/hold", summary="Pause changes on a system", responses=problems_of_post(404))
async def hold(
    request: Request, caller: ApiCaller, system: SystemName, asked: Hold, key: IdempotencyKey = None
) -> HoldStanding:
    """In all runs. The system `*` pauses all changes on all systems. With another `until`, the end of a pause is
    changed."""
    web = state_of(request)
    await readable(web, caller, asked.packet)
    names = await packet_names(web)
    changed = await commands.hold_system(
        web.services, caller.actor, system, asked.packet, names, asked.reason, asked.until
    )
    held = await web.services.runs.held_systems([system])
    return HoldStanding(system=system, held=True, changed=changed, until=held[system].until if system in held else None)


@router.post("/systems/{system}/release", summary="Resume changes on a system", responses=problems_of_post(404))
async def release(
    request: Request, caller: ApiCaller, system: SystemName, asked: Release, key: IdempotencyKey = None
) -> HoldStanding:
    web = state_of(request)
    await readable(web, caller, asked.packet)
    names = await packet_names(web)
    changed = await commands.release_system(web.services, caller.actor, system, asked.packet, names)
    return HoldStanding(system=system, held=False, changed=changed)
