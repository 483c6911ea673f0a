"""However many workers there are, a system is not asked more often than its packet allows."""

from __future__ import annotations

import asyncio

from orchestrator.domain.run.run import RunState
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.schema.database import Database
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import exceptions_of
from tests.integration.listening import AttemptListener, listened_to
from tests.integration.packets import quick_packet


def sooner_than_allowed(moments: list[float], since: float, per_second: float) -> list[float]:
    """The moments that came before their turn: the first turn is `since` at the earliest, each next one a gap later.
    A process that waits for a processor only makes a moment later, so a busy machine adds none."""
    ordered = sorted(moments)
    return [moment for turn, moment in enumerate(ordered) if moment < since + turn / per_second]


def at_most(per_second: float) -> dict[str, str]:
    return {"title: Code": f"title: Code\n    rate_per_second: {per_second}"}


async def test_two_books_share_one_rate(database_url: str) -> None:
    moments: list[float] = []

    async def ask(rates: Rates) -> None:
        while (busy_for := await rates.wait("code", 10, at_most=0.3)) is not None:
            await asyncio.sleep(busy_for)
        moments.append(asyncio.get_running_loop().time())

    one, other = Database(database_url), Database(database_url)
    started = asyncio.get_running_loop().time()
    try:
        await asyncio.gather(*(ask(rates) for rates in (Rates(one), Rates(other)) for _ in range(10)))
    finally:
        await one.aclose()
        await other.aclose()
    assert len(moments) == 20
    assert not sooner_than_allowed(moments, started, 10), moments


async def test_two_workers_keep_a_systems_rate_in_searches_calls_and_looks(install: Install, hire: Hire) -> None:
    rate = 2
    one, other = AttemptListener(), AttemptListener()
    async with install(packet=quick_packet(changed=at_most(rate)), worker=False) as here:
        async with listened_to(here.settings, one), listened_to(here.settings, other):
            started = asyncio.get_running_loop().time()
            runs = [await here.start(person) for person in await hire(3)]
            states = await asyncio.gather(*(here.attend(run) for run in runs))
        assert [state.finish for state in states] == ["clean"] * 3
        calls = [(what, at) for system, what, at in one.calls + other.calls if system == "code"]
        assert len(calls) >= 3 * 5, "a search, and two calls with a look after each"
        assert {what for what, _ in calls} == {"find_accounts", "attempt", "read_back"}
        assert not sooner_than_allowed([at for _, at in calls], started, rate), sorted(at for _, at in calls)


async def test_a_step_whose_turn_is_far_off_is_tried_again_and_did_nothing(install: Install, hire: Hire) -> None:
    taking: list[asyncio.Task[float | None]] = []
    started = asyncio.get_running_loop().time()

    def take_the_next_turn() -> None:
        nonlocal started
        started = asyncio.get_running_loop().time()
        # The one after it is five seconds later.
        taking.append(asyncio.create_task(Rates(here.backend.database).wait("code", 0.2, at_most=1.0)))

    listener = AttemptListener(when_confirmed=take_the_next_turn)
    async with (
        install(packet=quick_packet(changed=at_most(20)), worker=False) as here,
        listened_to(here.settings, listener),
    ):
        [person] = await hire()
        run = await here.start(person)

        def kept(state: RunState) -> bool:
            return any(known.code == "rate_kept" for known in state.work.steps.values())

        await here.attend(run, until=kept)
        assert "code" not in listener.systems("attempt", "read_back"), "nothing was asked out of turn"
        assert await taking[0] is None
        state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        first = min(at for system, what, at in listener.calls if system == "code" and what == "attempt")
        assert first - started > 3.0


async def test_a_search_whose_turn_is_far_off_is_an_answer_of_its_own(install: Install, hire: Hire) -> None:
    listener = AttemptListener()
    async with install(packet=quick_packet(changed=at_most(20)), worker=False) as here:
        assert await Rates(here.backend.database).wait("code", 0.01, at_most=1.0) is None  # the next: in 100 seconds
        async with listened_to(here.settings, listener):
            [person] = await hire()
            run = await here.start(person)
            state = await here.wait_until(run, lambda s: bool(exceptions_of(s, "search_failed")), "an exception")
            [exception] = exceptions_of(state, "search_failed")
            assert (exception.opened.system, exception.opened.code) == ("code", "rate_kept")
            assert "identity" in listener.systems("find_accounts") and "code" not in listener.systems("find_accounts")
