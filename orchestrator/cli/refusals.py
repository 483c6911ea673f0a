"""The one place where what went wrong becomes words on the terminal and an exit code.

0  done
1  refused or failed: place, cause and remedy on standard error
2  wrong usage
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import typer

from connectors.errors import ConnectorError
from orchestrator.cli.screen import complain
from orchestrator.domain.errors import Refusal
from orchestrator.embedded.server_process import EmbeddedServerError
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.errors import LedgerError, LedgerUnavailable
from orchestrator.settings import SettingMissing

T = TypeVar("T")

REFUSED = 1


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs one command's work to its end. What it refuses or fails with is told, and the command ends with 1."""
    with told():
        return asyncio.run(work)


@contextmanager
def told() -> Iterator[None]:
    try:
        yield
    except Refusal as refused:
        complain(refused.message, refused.remedy)
    except LedgerUnavailable as error:
        complain(f"{error.place}: {error.cause}", error.remedy, "Open runs go on by themselves when it is back.")
    except LedgerError as error:
        complain(f"{error.place}: {error.cause}", error.remedy)
    except ConnectorError as error:
        # Systems that fail are an answer elsewhere; only HR, who says who people are, cannot be done without.
        complain(f"The HR system cannot be asked: {error.detail or error.code}", error.remedy)
    except psycopg.OperationalError as error:
        state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
        complain(f"PostgreSQL cannot be reached or went away{state}", "See that it runs and that the address is right.")
    except OSError as error:
        complain(f"{error.filename or 'This machine'}: {error.strerror or type(error).__name__}", "")
    except (EngineUnavailable, SettingMissing, EmbeddedServerError) as error:
        complain(str(error), "")
    else:
        return
    raise typer.Exit(REFUSED)
