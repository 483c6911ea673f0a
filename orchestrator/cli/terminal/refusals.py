"""The one place that turns errors into text on the terminal and an exit code.

0   done
1   refused or failed: place, cause and remedy on standard error
2   wrong usage
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import typer

from orchestrator.cli.terminal.remedies import remedy_of
from orchestrator.cli.terminal.screen import complain
from orchestrator.domain.errors import Refusal

T = TypeVar("T")

REFUSED = 1
RUNS_GO_ON = "Open runs continue automatically once it is back."


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs one command's work to its end. Its refusal or failure is printed, and the command ends with 1."""
    with reporting_refusals():
        return asyncio.run(work)


@contextmanager
def reporting_refusals() -> Iterator[None]:
    try:
        yield
    except Refusal as refused:
        complain(refused.message, remedy_of(refused), *_further(refused))
    except (typer.Exit, typer.BadParameter):
        raise
    except OSError as error:
        complain(f"{error.filename or 'This machine'}: {error.strerror or type(error).__name__}", "")
    except Exception as error:
        words = _beside_the_database(error)
        if words is None:
            raise
        complain(*words)
    else:
        return
    raise typer.Exit(REFUSED)


def _further(refused: Refusal) -> tuple[str, ...]:
    match refused.code:
        case "ledger_unavailable":
            return (RUNS_GO_ON,)
    return ()


def _beside_the_database(error: Exception) -> tuple[str, ...] | None:
    """What administrators' commands fail with. Their libraries are loaded here and not before, since people's commands
    need none of them."""
    import psycopg

    from connectors.errors import ConnectorError
    from orchestrator.embedded.server_process import EmbeddedServerError
    from orchestrator.engine import EngineUnavailable
    from orchestrator.ledger.book.errors import LedgerError, LedgerUnavailable
    from orchestrator.settings import SettingMissing

    match error:
        case LedgerUnavailable():
            return f"{error.place}: {error.cause}", error.remedy, RUNS_GO_ON
        case LedgerError():
            return f"{error.place}: {error.cause}", error.remedy
        case ConnectorError():
            return error.detail or error.code, error.remedy
        case psycopg.OperationalError():
            state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
            cause = f"PostgreSQL cannot be reached{state}"
            return cause, "Check that it is running and that the address is correct."
        case EngineUnavailable() | SettingMissing() | EmbeddedServerError():
            return str(error), ""
    return None
