"""What a new installation still needs before its first run: sign-in, HR, a system, mail and a packet.

A step is done because of a fact that is recorded, such as a system that responded. No click makes it done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.packet.packet import Packet
from orchestrator.ledger.engine.notices import NoticeBook
from orchestrator.ledger.engine.system_reports import last_reports
from orchestrator.ledger.engine.system_uses import last_uses
from orchestrator.ledger.schema.database import Database
from orchestrator.reading.queries import Queries
from orchestrator.reading.visibility import Viewer

IN_USE = ("shadow", "pilot", "production")
StepName = Literal["sign_in", "hr", "system", "mail", "packet"]


class ChecklistStep(BaseModel):
    """`fact` is what is recorded. `next` says what to do, `test` how to see whether it works: at this entry point."""

    model_config = ConfigDict(frozen=True)

    step: StepName
    title: str
    done: bool
    since: datetime | None = Field(None, description="When the fact was last seen, if it has a time")
    fact: str
    next: str = Field("", description="What to do; empty if the step is done")
    test: str = Field("", description="The request that tests it; empty if there is none")
    page: str = Field("", description="The page about it; empty if the account cannot open it")
    system: str = Field("", description="The system that responded; empty if none has")
    packet: str = Field("", description="The packet of that system, or one that is adopted; empty if there is none")


class Checklist(BaseModel):
    model_config = ConfigDict(frozen=True)

    done: bool = Field(description="Whether every step is done")
    steps: tuple[ChecklistStep, ...] = Field(description="In the order in which they are best done")


async def checklist(database: Database, queries: Queries, viewer: Viewer, tests: Mapping[StepName, str]) -> Checklist:
    """For accounts with a role, from what they may read. `tests` has the entry point's words for the test of a step,
    with `{system}` and `{packet}`. Raises `NotAllowed`, `LedgerUnavailable`."""
    if not viewer.actor.roles:
        raise NotAllowed("nothing_granted", "Only accounts with a role can read the checklist.")
    packets = await queries.readable_packets(viewer)
    answered = await responding(database, packets)
    hr = {(packet.name, packet.platform.hr.system) for packet in packets}
    steps = (
        await _sign_in(queries, viewer, packets),
        _system("hr", "HR", answered, hr, packets, "Connect the HR system, or a folder with its CSV exports"),
        _system(
            "system",
            "First system",
            answered,
            {place for place in answered if place not in hr},
            packets,
            "Connect a system in which people have accounts",
        ),
        await _mail(database),
        await _packet(queries),
    )
    shown = tuple(step.model_copy(update={"test": _test(step, tests.get(step.step, ""))}) for step in steps)
    return Checklist(done=all(step.done for step in steps), steps=shown)


def _test(step: ChecklistStep, words: str) -> str:
    return words.format(system=step.system or "SYSTEM", packet=step.packet or "PACKET")


async def responding(database: Database, packets: Sequence[Packet]) -> dict[tuple[str, str], datetime]:
    """By packet and system: when the system responded and accepted the credential, for systems that did so last. What
    is later decides: a check or test, or the calls of runs."""
    found: dict[tuple[str, str], datetime] = {}
    for packet in packets:
        reports = await last_reports(database, packet.name)
        for name, report in reports.items():
            if report.reachable and report.answered_at is not None:
                found[packet.name, name] = report.answered_at
        for name, use in (await last_uses(database, packet.name)).items():
            used_at = use.answered_at if use.failing_since is None else use.failed_at
            if used_at is None or (name in reports and used_at <= reports[name].checked_at):
                continue
            if use.failing_since is None:
                found[packet.name, name] = used_at
            else:
                found.pop((packet.name, name), None)
    return found


async def _sign_in(queries: Queries, viewer: Viewer, packets: Sequence[Packet]) -> ChecklistStep:
    """Its page is for the safety owner of a packet that is in use."""
    owns = any(packet.platform.safety_owner in viewer.actor.roles for packet in packets)
    actors = (await queries.organisation_snapshot()).organisation.actors.values()
    people = [actor for actor in actors if actor.kind == "person" and actor.roles]
    known = [actor for actor in people if actor.human is not None]
    if known:
        fact = f"{_people(len(known))} with a role signed in, and HR knows them."
    elif people:
        fact = f"{_people(len(people))} with a role signed in, but HR does not know them."
    else:
        fact = "No person with a role has signed in."
    return ChecklistStep(
        step="sign_in",
        title="Sign-in",
        done=bool(known),
        fact=fact,
        page="/staff" if owns else "",
        next=""
        if known
        else "Set the OpenID provider and which of its groups have which role (OFFBOARD_OIDC_ISSUER, "
        "OFFBOARD_OIDC_ROLES), and the claim by which HR knows people. Then sign in.",
    )


def _system(
    step: Literal["hr", "system"],
    title: str,
    answered: dict[tuple[str, str], datetime],
    places: set[tuple[str, str]],
    packets: Sequence[Packet],
    what: str,
) -> ChecklistStep:
    seen = {place: answered[place] for place in places if place in answered}
    if seen:
        packet, system = max(seen, key=lambda place: seen[place])
        title_of = next(one for one in packets if one.name == packet).platform.systems.get(system)
        named = title_of.title if title_of is not None else system
        fact = f"{named} responds and accepts the credential (packet {packet})."
        return ChecklistStep(
            step=step,
            title=title,
            done=True,
            since=seen[packet, system],
            fact=fact,
            page="/systems",
            system=system,
            packet=packet,
        )
    fact = "No such system has responded to a check, a test or a run."
    then = f"{what}: add its lines to platform.yaml, and test it."
    return ChecklistStep(step=step, title=title, done=False, fact=fact, next=then, page="/systems")


async def _mail(database: Database) -> ChecklistStep:
    sent = await NoticeBook(database).any_sent()
    accepted = "a notice" if sent else "no notice"
    return ChecklistStep(
        step="mail",
        title="Mail",
        done=sent,
        fact=f"The mail server has accepted {accepted} in the last 30 days.",
        next=""
        if sent
        else "Set OFFBOARD_MAIL_HOST, OFFBOARD_MAIL_SENDER and OFFBOARD_PUBLIC_URL for the worker. The "
        "first notice is sent when something waits for a person, such as an approval; no mail "
        "is sent about a dry run.",
    )


async def _packet(queries: Queries) -> ChecklistStep:
    lines = await queries.packets()
    used = [line for line in lines if line.phase in IN_USE]
    if used:
        fact = f"{_packets(len(used))} in use."
        then = ""
    elif lines:
        fact = f"{_packets(len(lines))} adopted, and none in use."
        then = "Let both owners sign it."
    else:
        fact, then = "No packet is adopted.", "Check the files in your packet's folder, then let both owners sign it."
    return ChecklistStep(
        step="packet",
        title="Packet",
        done=bool(used),
        fact=fact,
        next=then,
        page="/packets",
        packet=(used or lines)[0].name if lines else "",
    )


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _packets(number: int) -> str:
    return "1 packet" if number == 1 else f"{number} packets"
