"""Access to PostgreSQL: one pool, one set of time-outs, and the translation of its errors."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import psycopg
from sqlalchemy import Select, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orchestrator.ledger.book.errors import LedgerUnavailable
from orchestrator.ledger.schema.driver_pool import CHECKOUT_SECONDS, DriverPool, server_ended

LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 8_000
"""Shorter than the lock's, so that who waits for the head outlasts a holder that froze."""
TRANSACTION_TIMEOUT_MS = 8_000
"""How long one transaction of the group writer may last, the wait for the head included: the server ends it, also while
the process is stopped in the middle of a pipeline, where the time-out above never begins."""
STATEMENT_TIMEOUT_MS = 30_000
IN_USE_SECONDS = 35.0
"""Longer than a statement may take. A connection of the pool that is in use for longer went silent."""
KEEPALIVE_IDLE_SECONDS, KEEPALIVE_INTERVAL_SECONDS, KEEPALIVE_COUNT = 15, 5, 3
TCP_USER_TIMEOUT_MS = 20_000
"""At both ends: the server too drops a client whose machine is gone, and with it the client's locks, within 30 s."""
TRANSACTION_TIMEOUT_SINCE = 170000
"""The first version of PostgreSQL with `transaction_timeout`, as libpq counts versions."""
BY_INDEX = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}
"""For connections that look up rows by key: an index is used whatever the statistics say. A connection keeps the plan
that it made for a small or new table, also when the table has grown; only new statistics make PostgreSQL plan again.
Up to PostgreSQL 17 a table without a suitable index has a cost above the threshold of JIT compilation."""

_SCHEMA_IS_MISSING = ("3F000", "42P01", "42883")  # no such schema, table or function
_READ_ONLY = "25006"
_FULL = {"53100": "the disk is full", "53200": "out of memory"}
_ENDED_BY_SERVER = ("25P03", "25P04")  # idle in a transaction, or in one, for too long


class Database:
    """A pool of connections to one PostgreSQL database.

    `url` is `postgresql://…` or `postgresql+psycopg://…`; a unix socket is given as `?host=/folder`, several hosts as
    `?host=a:5432&host=b:5432`. `role`, where
    given, is taken on by every connection (`SET ROLE`): the application's role on an owner's login. Nothing is
    connected before the first use.
    """

    def __init__(self, url: str, *, pool_size: int = 12, role: str | None = None) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() != "postgresql":
            raise ValueError("database URL: the ledger needs PostgreSQL. Give a URL that starts with postgresql://")
        self._url = parsed.set(drivername="postgresql+psycopg")
        query_host = parsed.query.get("host")
        if isinstance(query_host, tuple):
            where = ",".join(query_host)  # with their ports
        else:
            where = f"{parsed.host or query_host or 'local socket'}:{parsed.port or parsed.query.get('port') or 5432}"
        self.place = f"PostgreSQL at {where}/{parsed.database or ''}"
        options = {
            "lock_timeout": LOCK_TIMEOUT_MS,
            "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT_MS,
            "statement_timeout": STATEMENT_TIMEOUT_MS,
            "tcp_keepalives_idle": KEEPALIVE_IDLE_SECONDS,
            "tcp_keepalives_interval": KEEPALIVE_INTERVAL_SECONDS,
            "tcp_keepalives_count": KEEPALIVE_COUNT,
            "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
            "timezone": "UTC",
        } | ({"role": role} if role else {})
        self._options = options
        self._connect_args: dict[str, Any] = {
            "options": _as_options(options),
            "application_name": "offboard",
            "connect_timeout": 10,
            "keepalives_idle": KEEPALIVE_IDLE_SECONDS,
            "keepalives_interval": KEEPALIVE_INTERVAL_SECONDS,
            "keepalives_count": KEEPALIVE_COUNT,
            "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
        }
        # Reading needs no BEGIN and no ROLLBACK, which are round trips: autocommit unless a transaction is asked for.
        self._engine = create_async_engine(
            self._url,
            pool_size=pool_size,
            max_overflow=0,  # connections beyond the pool's would be opened and closed again for one statement each
            pool_timeout=CHECKOUT_SECONDS,
            pool_use_lifo=True,
            isolation_level="AUTOCOMMIT",
            connect_args=self._connect_args,
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_ended)
        event.listen(self._engine.sync_engine, "do_connect", self._named)
        self._pool_size = pool_size
        self._drivers: DriverPool | None = None
        self._transactions = self._engine.execution_options(isolation_level="READ COMMITTED")

    def __repr__(self) -> str:
        return f"Database({self.place})"

    def name_connections(self, name: str) -> None:
        """What the server calls the connections that are opened from now on (`pg_stat_activity.application_name`)."""
        self._connect_args["application_name"] = name

    def _named(self, dialect: object, record: object, arguments: object, keywords: dict[str, Any]) -> None:
        keywords["application_name"] = self._connect_args["application_name"]

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection in autocommit, for reading. Raises `LedgerUnavailable`."""
        with self.errors():
            async with self._engine.connect() as connection:
                with hung_up_late((await connection.get_raw_connection()).driver_connection):
                    yield connection

    async def rows(self, query: Select[Any]) -> list[Mapping[str, Any]]:
        """The rows of one query, by the names of its columns. Raises `LedgerUnavailable`."""
        async with self.connect() as connection:
            return list((await connection.execute(query)).mappings())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction (READ COMMITTED), committed when the block ends well. Raises `LedgerUnavailable`."""
        with self.errors():
            async with self._transactions.connect() as connection:
                with hung_up_late((await connection.get_raw_connection()).driver_connection):
                    async with connection.begin():
                        yield connection

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """psycopg's own connection in autocommit, for the paths that every step takes: a checkout from psycopg's pool
        costs a tenth of one through SQLAlchemy's. It is planned `BY_INDEX`: statements that read most of a table belong
        on `connect()`. Thrown away if the block raises."""
        with self.errors():
            pool = await self._driver_pool()
            async with pool.connection() as connection:
                with hung_up_late(connection):
                    yield connection

    async def _driver_pool(self) -> DriverPool:
        if self._drivers is None:
            self._drivers = DriverPool(self._arguments(by_index=True), self._pool_size)
            await self._drivers.open()
        return self._drivers

    async def dedicated(self, *, bounded: bool = False, by_index: bool = False) -> psycopg.AsyncConnection[Any]:
        """A new psycopg connection outside the pool, in autocommit. The caller closes it. `bounded`: where the server
        can, it ends every transaction of this connection after `TRANSACTION_TIMEOUT_MS`. `by_index`: `BY_INDEX`."""
        with self.errors():
            connection = await psycopg.AsyncConnection.connect(**self._arguments(by_index=by_index), autocommit=True)
            if bounded and ends_transactions(connection):
                await connection.execute(f"SET transaction_timeout = {TRANSACTION_TIMEOUT_MS}".encode())
            return connection

    def _arguments(self, *, by_index: bool) -> dict[str, Any]:
        """For psycopg's own connect."""
        _, keywords = self._engine.dialect.create_connect_args(self._url)
        arguments = dict(keywords) | self._connect_args
        return arguments | {"options": _as_options(self._options | BY_INDEX)} if by_index else arguments

    def connection_arguments(self) -> dict[str, Any]:
        """What psycopg connects with, in a process of its own. The password is among them."""
        # SQLAlchemy's own adapters cannot be given to another process.
        return {name: value for name, value in self._arguments(by_index=False).items() if name != "context"}

    async def aclose(self) -> None:
        if self._drivers is not None:
            await self._drivers.aclose()
        await self._engine.dispose()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns whatever says "the database cannot serve us now" into `LedgerUnavailable`."""
        try:
            yield
        except psycopg.Error as error:
            if (ours := self.unavailable(error)) is not None:
                raise ours from error
            raise
        except PoolTimeout as error:
            raise LedgerUnavailable(
                self.place, "all connections of this process are in use", "Try again, or raise the pool's size"
            ) from error
        except (OperationalError, InterfaceError) as error:
            ours = self.unavailable(error.orig) if isinstance(error.orig, psycopg.Error) else None
            raise ours or self._cannot_reach(error.orig) from error
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.Error) and (ours := self.unavailable(error.orig)) is not None:
                raise ours from error
            raise
        except OSError as error:
            raise self._cannot_reach(error) from error

    def unavailable(self, error: psycopg.Error) -> LedgerUnavailable | None:
        """The error as ours if it will pass or an administrator must act; None if it is a fault of the statement."""
        if error.sqlstate in _SCHEMA_IS_MISSING:
            return LedgerUnavailable(
                self.place, "the ledger's tables do not exist", "Run the migrations: offboard ledger migrate"
            )
        if error.sqlstate == _READ_ONLY:
            return LedgerUnavailable(
                self.place,
                "it accepts reads only (SQLSTATE 25006)",
                "Wait until the failover is over, or check default_transaction_read_only and that this is the primary",
            )
        if error.sqlstate in _FULL:
            return LedgerUnavailable(
                self.place,
                f"its server has no space or memory left: {_FULL[error.sqlstate]} (SQLSTATE {error.sqlstate})",
                "Free space on the server's disk, or give it more. No data was lost",
            )
        if error.sqlstate in _ENDED_BY_SERVER:
            return LedgerUnavailable(
                self.place,
                f"the server ended a transaction that took too long (SQLSTATE {error.sqlstate})",
                "Try again; a process that was stopped or paused causes this",
            )
        if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
            return self._cannot_reach(error)
        return None

    def _cannot_reach(self, error: BaseException | None) -> LedgerUnavailable:
        state = getattr(error, "sqlstate", None)
        if isinstance(error, (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)):
            return LedgerUnavailable(
                self.place,
                f"it took too long (SQLSTATE {state})",
                "Try again; pg_stat_activity shows which session holds the lock",
            )
        cause = f"SQLSTATE {state}" if state else type(error).__name__
        return LedgerUnavailable(
            self.place,
            f"it cannot be reached, or closed the connection ({cause})",
            "Check that PostgreSQL is running and that the address and credentials are correct. No data was lost",
        )


def _as_options(settings: Mapping[str, object]) -> str:
    """libpq's `options`: settings of the server for one connection."""
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


@contextmanager
def hung_up_late(connection: psycopg.AsyncConnection[Any] | None) -> Iterator[None]:
    """Ends the connection if it is in use for longer than `IN_USE_SECONDS`: a caller that waits for an answer gets an
    error as if the server had closed it. The server's time-outs and TCP's do not help where something between the two
    accepts what is sent and passes nothing on."""
    if connection is None:
        yield
        return
    ending = asyncio.get_running_loop().call_later(IN_USE_SECONDS, _hang_up, connection)
    try:
        yield
    finally:
        ending.cancel()


def _hang_up(connection: psycopg.AsyncConnection[Any]) -> None:
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _refuse_ended(connection: Any, record: object, proxy: object) -> None:
    """Called by SQLAlchemy's pool, which then replaces every connection that is as old."""
    if server_ended(connection.driver_connection):
        raise InvalidatePoolError


def ends_transactions(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether the server has `transaction_timeout`, which ends a transaction whatever its client is doing."""
    return connection.info.server_version >= TRANSACTION_TIMEOUT_SINCE
