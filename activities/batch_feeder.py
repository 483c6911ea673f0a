"""Starts the runs of batches, at a bounded rate.

    open batches ─► in turn, one row of each ─► HR ─► the run and the row, in one append

It keeps nothing: which rows wait is read from the ledger each time, so a look can be repeated and interrupted. A hold
or a cancellation counts from its append on, since each start names the version of the batch that it rests on. One
worker at a time feeds, for all batches; if it dies, its lock ends with its connection, and the next one goes on.

Urgent runs come first: nothing is started while one that began recently has something to do. And nothing is started
while many runs search for accounts, so that systems and workers have capacity for urgent runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

from activities.connections import Connections
from activities.inquiries.hr_list import HrList
from activities.inquiries.packets import governing
from activities.inquiries.people import People
from activities.starts import Starts
from connectors.errors import ConnectorError, RefusedError
from orchestrator.commands import Services
from orchestrator.domain.batches import batch_commands
from orchestrator.domain.batches.batch import BatchRow, BatchState
from orchestrator.domain.batches.forecast import ROWS_PER_SECOND
from orchestrator.domain.errors import NotAllowed, Refusal, TooOften
from orchestrator.domain.organisation.organisation import actor_of
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.schema.database import Database
from orchestrator.reading.batches import BatchQueries
from orchestrator.reading.queries import Queries

log = logging.getLogger("offboard.batch_feeder")

MAX_SEARCHING: Final = 40
"""Runs that search for accounts, above which batches start none."""
LIST_SECONDS: Final = 30.0
"""For how long a list of HR's people is used."""
ROWS_PER_LOOK: Final = 100
WAITS: Final = frozenset({"starts_held", "too_many_dry_runs"})
"""Refusals after which the row is tried again: a limit on starts is reached, and may be released."""
OF_THE_BATCH: Final = frozenset({"packet_not_live", "unknown_packet", "packet_not_in_use", "no_dry_run"})
"""Refusals that every further row would get, beside those of the requester's account."""
NOT_NOW: Final = frozenset({"batch_not_running", "row_done"})
LATER_SECONDS: Final = 15.0
"""Until a batch whose row could not be started is tried again."""
MAX_ROW_FAILURES: Final = 3
"""Unexpected errors at one row, after which it is refused and the next one comes."""
RATE: Final = "batches:starts"
"""The name of the shared rate; no system has a colon in its name."""


class BatchFeeder:
    """`every` is in seconds. `failed` counts an error that was not expected."""

    def __init__(
        self,
        services: Services,
        queries: Queries,
        connections: Connections,
        database: Database,
        *,
        every: float = 1.0,
        failed: Callable[[str], None] = lambda task: None,
    ) -> None:
        self._services = services
        self._queries = queries
        self._batches = BatchQueries(database, queries)
        self._connections = connections
        self._starts = Starts(services, queries, connections)
        self._rates = Rates(database)
        self._every = every
        self._failed = failed
        self._stopped = asyncio.Event()
        self._turns: list[str] = []
        self._later: dict[str, float] = {}
        self._failures: dict[tuple[str, int], int] = {}
        self._lists: dict[str, tuple[float, HrList]] = {}

    def stop(self) -> None:
        """Ends `run` after the row that is in progress: a cancelled query may leave its connection unreturned."""
        self._stopped.set()

    async def run(self) -> None:
        """Until `stop`. Survives every error: the next look repeats what failed."""
        while not self._stopped.is_set():
            done = 0
            with self._surviving():
                done = await self.look()
            if not done:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), self._every)

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        """An error is logged without its message, which may name a person."""
        try:
            yield
        except LedgerError as error:
            log.warning("the feeder of batches paused, retrying: %s", type(error).__name__)
        except Exception as error:
            log.error("the feeder of batches failed, retrying: %s", type(error).__name__)
            self._failed("batches")

    async def look(self) -> int:
        """Starts rows of all open batches in turn, and returns how many are done. 0 where none waits, another worker
        feeds, or other runs come first."""
        if not (await self._services.runs.batches.listed()).open:
            return 0
        done = 0
        async with self._rates.one_at_a_time(RATE, at_most=0.5) as alone:
            while alone and done < ROWS_PER_LOOK and not self._stopped.is_set():
                if await self._others_first():
                    break
                turn = await self._next()
                if turn is None or await self._rates.wait(RATE, ROWS_PER_SECOND, at_most=5.0) is not None:
                    break
                done += await self._feed(*turn)
        return done

    async def _others_first(self) -> bool:
        load = await self._batches.load()
        if load.searching >= MAX_SEARCHING:
            return True
        urgent = (await self._services.runs.load_many(load.urgent)).values() if load.urgent else ()
        return any(run.progress.search or run.progress.steps for run in urgent)

    async def _next(self) -> tuple[BatchState, BatchRow] | None:
        """The next row of the batch that was served longest ago."""
        batches, clock = self._services.runs.batches, asyncio.get_running_loop().time()
        opened = (await batches.listed()).open
        self._turns = [one for one in self._turns if one in opened]
        self._turns = [*(one for one in opened if one not in self._turns), *self._turns]
        for batch_id in self._turns:
            if self._later.get(batch_id, 0.0) > clock:
                continue
            state = await batches.load(batch_id)
            rows = state.next_rows(1) if state.status == "running" else []
            if rows:
                self._turns = [*(one for one in self._turns if one != batch_id), batch_id]
                return state, rows[0]
        return None

    async def _feed(self, state: BatchState, row: BatchRow) -> int:
        """Starts the run of one row. 1 if the row is done, with a run or without."""
        batch_id, number = state.asked.batch_id, row.proposed.row
        try:
            actor = actor_of(await self._services.runs.organisation(), state.asked.by)
            await self._starts.start_row(actor, state, row.proposed, await self._hr(state))
        except Refusal as refused:
            return await self._refused(batch_id, number, refused)
        except ConnectorError as error:
            if isinstance(error, RefusedError) or error.code == "person_unreadable":
                return await self._record(batch_id, number, error.code)
            log.warning("a batch waits for HR: %s", error.code)
            self._wait(batch_id)
            return 0
        except LedgerError:
            raise
        except Exception as error:
            # A row that fails each time would keep the rows after it from their start.
            failures = self._failures[batch_id, number] = self._failures.get((batch_id, number), 0) + 1
            if failures < MAX_ROW_FAILURES:
                raise
            del self._failures[batch_id, number]
            log.error("a row of a batch failed %d times: %s", failures, type(error).__name__)
            return await self._record(batch_id, number, "unexpected")
        return 1

    async def _refused(self, batch_id: str, number: int, refused: Refusal) -> int:
        if refused.code in NOT_NOW:
            return 0
        if refused.code in WAITS or isinstance(refused, TooOften):
            self._wait(batch_id)
            return 0
        about_all = isinstance(refused, NotAllowed) and refused.code != "own_run"
        if about_all or refused.code in OF_THE_BATCH:
            batches, organisation = self._services.runs.batches, self._services.runs.organisation
            await batches.decide(
                batch_id, organisation, lambda people, state: batch_commands.hold_for(state, refused.code)
            )
            return 0
        return await self._record(batch_id, number, refused.code)

    async def _record(self, batch_id: str, number: int, code: str) -> int:
        batches, organisation = self._services.runs.batches, self._services.runs.organisation
        try:
            await batches.decide(
                batch_id, organisation, lambda people, state: batch_commands.row_refused(state, number, code)
            )
        except Refusal as refused:
            if refused.code not in NOT_NOW:
                raise
            return 0
        return 1

    def _wait(self, batch_id: str) -> None:
        self._later[batch_id] = asyncio.get_running_loop().time() + LATER_SECONDS

    async def _hr(self, state: BatchState) -> HrList:
        """HR's people, read again after `LIST_SECONDS`."""
        name, clock = state.asked.packet, asyncio.get_running_loop().time()
        known = self._lists.get(name)
        if known is None or clock - known[0] > LIST_SECONDS:
            _, packet = await governing(self._services.runs, self._queries, name, None)
            people = People(self._connections, packet, self._services.keyring)
            known = (clock, await HrList.read(people, state.waiting))
            self._lists = {**self._lists, name: known}
        return known[1]
