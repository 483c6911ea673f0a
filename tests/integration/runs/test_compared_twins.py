"""The dry run beside a run is read by workers on the real servers of the company, and compared with what was done."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx

from orchestrator import commands
from orchestrator.deciding.runs import RUN_EVENT_TYPES
from orchestrator.domain import events as e
from orchestrator.domain.measures.shadow_figures import shadow_figures
from orchestrator.domain.packet.packet import WORKFLOW_FILE, Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.run.comparison.reads import shown_of
from orchestrator.domain.run.comparison.results import change_results, step_results
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.stack import adopt_by_owners
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.rebuild import rebuild
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import Installation, open_kinds
from tests.integration.packets import quick_packet

TOKENS = b"  - {name: revoke_code_tokens, title: Tokens, system: code, ability: revoke_tokens, at: cutoff, gate: all}\n"
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NEWER = quick_packet()


def without_tokens() -> Packet:
    """The version in production, which has no step for tokens."""
    text = NEWER.files[WORKFLOW_FILE]
    assert TOKENS in text
    return parse_packet({**NEWER.files, WORKFLOW_FILE: text.replace(TOKENS, b"")})


async def into_shadow(here: Installation) -> None:
    value, safety = here.actors["value-owner"], here.actors["safety-owner"]
    version = await adopt_by_owners(here.services, NEWER, value, safety)
    for owner in (value, safety):
        await commands.sign_packet(here.services, owner, NEWER.name, version, "shadow", [])
    await commands.move_packet(here.services, value, NEWER.name, version, "shadow", [])


def outcomes(twin: RunState, read: e.ComparisonRead) -> dict[str, str]:
    """By the name of the step."""
    return {
        step.name: shown_of(twin, step)[read].outcome
        for step in twin.plan.steps.values()
        if read in shown_of(twin, step)
    }


def results(twin: RunState) -> dict[str, str]:
    return {twin.plan.steps[id_].name: result for id_, result in step_results(twin).items()}


async def test_a_dry_run_beside_a_run_is_compared_with_what_was_done(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with install(packet=without_tokens()) as here:
        await into_shadow(here)
        ends = await here.backend.ledger.now() + 2 * HOUR
        real = await here.start(person, cutoff=cutoff(ends))
        twin = (await here.state(real)).asked.twin
        assert twin is not None
        before = await here.wait_until(twin, lambda state: len(outcomes(state, "plan")) == 5, "the first read", 90)
        assert set(outcomes(before, "plan")) == {
            "record_leaving",
            "disable_identity",
            "suspend_code",
            "revoke_code_tokens",
            "forward_mail",
        }
        assert set(outcomes(before, "plan").values()) == {"not_done"}, await here.story(twin)
        changes = {system: len(await here.company.effects(system)) for system in ("code", "identity")}
        assert set(results(before).values()) <= {"not_read", "not_compared"}

        # The run removes the access at its cutoff; no one removes the tokens. The card is closed by hand.
        await here.set_clock_ahead((2 * HOUR + MINUTE).total_seconds())
        done = await here.attend(real)
        assert done.finish == "clean", await here.story(real)
        await here.set_clock_ahead((3 * HOUR + 2 * MINUTE).total_seconds())
        hour = await here.wait_until(twin, lambda state: len(outcomes(state, "hour")) == 5, "the read of the hour", 90)
        assert not hour.comparison.day_read and hour.blind

        # A system that is down is no agreement. It is read again.
        await here.company.stop("identity")
        await here.set_clock_ahead((DAY + 2 * HOUR + 2 * MINUTE).total_seconds())
        day = await here.wait_until(twin, lambda state: len(outcomes(state, "day")) == 5, "the read of the day", 90)
        shown = outcomes(day, "day")
        assert (shown["disable_identity"], shown["suspend_code"]) == ("unknown", "done"), await here.story(twin)
        assert results(day)["suspend_code"] == "agreed"
        assert results(day)["revoke_code_tokens"] == "unjudged"
        assert results(day)["disable_identity"] == "agreed", "the read of the hour said so"
        state = await here.wait_until(real, lambda state: bool(open_kinds(state)), "the exception of the run", 30)
        [opened] = state.work.open_exceptions()
        assert (opened.opened.kind, opened.opened.system, opened.opened.code) == (
            "left_open",
            "code",
            "revoke_code_tokens",
        )
        assert not (await here.state(twin)).work.exceptions

        await here.company.restart("identity")
        await here.set_clock_ahead((DAY + 4 * HOUR).total_seconds())
        again = await here.wait_until(
            twin, lambda state: outcomes(state, "day")["disable_identity"] == "done", "the system is read again", 90
        )
        assert again.finish is None

        # An operator removes the tokens. What is done after the report is no agreement.
        [account] = again.accounts.of("code") or ()
        await remove_tokens(here, again.accounts.details[account]["native_id"])
        await here.set_clock_ahead((7 * DAY + 3 * HOUR).total_seconds())
        week = await here.wait_until(twin, lambda state: state.finished, "the last read", 90)
        assert results(week)["revoke_code_tokens"] == "unjudged"
        state = await here.wait_until(real, lambda state: not open_kinds(state), "the exception is overcome", 30)
        assert week.finish == "shadow" and not change_results(week)
        after = {system: len(await here.company.effects(system)) for system in changes}
        assert after == {"code": changes["code"] + 2, "identity": changes["identity"] + 1}, "the twin changed nothing"
        figures = shadow_figures([week], NEWER.name, NEWER.version, await here.backend.ledger.now())
        assert (figures.people, figures.agreed, figures.unjudged_steps) == (1, 4, 1)
        made = await rebuild(here.backend.database, EventCodec(RUN_EVENT_TYPES))
        assert made["runs"].differed == 0
        await here.verify()


def cutoff(instant: datetime) -> Cutoff:
    return Cutoff(instant=instant, zone="Europe/Berlin", local=instant.strftime("%Y-%m-%dT%H:%M"))


async def remove_tokens(here: Installation, native_id: str) -> None:
    connections = here.company.connections
    headers = {"Authorization": f"Bearer {connections['CODE_TOKEN']}"}
    async with httpx.AsyncClient(base_url=connections["CODE_URL"], headers=headers) as code:
        (await code.delete(f"/accounts/{native_id}/tokens")).raise_for_status()


async def test_the_dry_run_beside_a_run_ends_with_the_erasure_of_the_person(install: Install, hire: Hire) -> None:
    """Nothing of the person can be read any more, and nothing is recorded as an agreement."""
    [person] = await hire()
    async with install(packet=without_tokens()) as here:
        await into_shadow(here)
        real = await here.start(person)
        state = await here.attend(real)
        twin = state.asked.twin
        assert state.finish == "clean" and twin is not None, await here.story(real)
        open_twin = await here.wait_until(twin, lambda state: len(outcomes(state, "plan")) == 5, "the first read", 90)
        assert not open_twin.finished
        await here.backend.keyring.erase_person(state.asked.person_id)
        await here.set_clock_ahead((HOUR + 5 * MINUTE).total_seconds())
        ended = await here.wait_until(twin, lambda state: state.finished, "the end of the dry run", 90)
        assert ended.finish == "ended" and "hour" not in {
            read for step in ended.comparison.steps.values() for read in step.shown
        }
        await here.verify()
