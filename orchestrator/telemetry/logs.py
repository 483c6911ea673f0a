"""Log lines that cannot name anyone: one line of JSON a record, on standard error.

    at        when, UTC
    level     as Python names it
    logger    who says it
    says      what, for our own loggers; of other people's only sentences that are known to hold nothing
    from      module, line and function that logged it, where `says` is withheld
    activity, attempt, workflow_id
              what Temporal was at
    error     type, code and place of the exception; `cause` is the one behind it

What an exception says, its arguments, and the variables of its frames are left out: a database's DETAIL, a model's
`input_value` or a URL names people. So is what libraries log in words, since it can quote any of these.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
import warnings
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from connectors.errors import ConnectorError
from orchestrator.domain.errors import Refusal

OURS = "offboard"
"""Our loggers are `offboard` and below. What they say is ids, codes and counts, by our own rule."""
OUR_PACKAGES = ("orchestrator", "activities", "connectors", "migrations")
KNOWN_SENTENCES = (
    ("temporalio", "Completing activity as failed"),
    ("temporalio", "Completing as cancelled"),
    ("temporalio", "Failed completing activity task"),
    ("temporalio", "Failed handling activation"),
    ("temporalio", "Failed activation on workflow"),
    ("asyncio", "Task exception was never retrieved"),
    ("asyncio", "Task was destroyed but it is pending!"),
    ("opentelemetry", "Failed to export"),
    ("opentelemetry", "Transient error"),
    ("sqlalchemy", "Exception terminating connection"),
    ("sqlalchemy", "Exception closing connection"),
    ("psycopg.pool", "error connecting"),
)
"""Beginnings of messages of libraries. Only these words are logged, and not the rest of the message."""
MAX_ERROR_CHAIN = 5
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}\Z")
_DETAILS = (("activity", "activity_type"), ("attempt", "attempt"), ("workflow_id", "workflow_id"))


def configure_logging(level: str = "INFO", stream: TextIO | None = None) -> logging.Handler:
    """Called by entry points: sends all log records to `stream` (default: standard error) in this format, and uncaught
    exceptions too. `level` is for our own loggers; other libraries are logged from WARNING. Raises `ValueError` for an
    unknown level. Returns the handler."""
    handler = DiscreetHandler(stream)
    handler.setFormatter(SingleLine())
    handler.addFilter(worth_hearing)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(level)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    warnings.showwarning = _warned
    return handler


def worth_hearing(record: logging.LogRecord) -> bool:
    """Whatever level a library gave its own logger: below WARNING it tells URLs, statements and payloads."""
    return is_ours(record.name) or record.levelno >= logging.WARNING


def is_ours(logger: str) -> bool:
    return logger == OURS or logger.startswith(OURS + ".")


class DiscreetHandler(logging.StreamHandler[TextIO]):
    """Where writing fails, Python's own handler would print the message and its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:
        return None


class SingleLine(logging.Formatter):
    """Usable on any handler: it needs nothing but the record."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
        }
        says = _own_words(record) if is_ours(record.name) else _known_sentence(record)
        if says is not None:
            line["says"] = says
        else:
            line["from"] = f"{record.module}:{record.lineno} {record.funcName}"
        details = getattr(record, "temporal_activity", None)
        if isinstance(details, dict):
            line |= {ours: details[name] for ours, name in _DETAILS if name in details}
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            line["error"] = describe(error)
        return json.dumps(line, ensure_ascii=True)


def describe(error: BaseException, depth: int = MAX_ERROR_CHAIN) -> dict[str, Any]:
    """Type, code and place of an exception and of those behind it; nothing that it says."""
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    }
    if (code := code_of(error)) is not None:
        described["code"] = code
    if (place := _place(error.__traceback__)) is not None:
        described["at"] = place
    if depth > 1:
        if isinstance(error, BaseExceptionGroup):
            described["all"] = [describe(one, depth - 1) for one in error.exceptions[:MAX_ERROR_CHAIN]]
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is not None:
            described["cause"] = describe(cause, depth - 1)
    return described


def code_of(error: BaseException) -> str | None:
    """A connector's or a refusal's code, or an SQLSTATE: short, stable words that were made to be counted. Other
    errors' `code` may be anything; `SystemExit`'s is a sentence."""
    code = error.code if isinstance(error, (ConnectorError, Refusal)) else getattr(error, "sqlstate", None)
    return code if isinstance(code, str) and _CODE.match(code) else None


def _place(trace: TracebackType | None) -> str | None:
    """Where it was raised, in our own code if it came through there."""
    place = ours = None
    for frame, line in traceback.walk_tb(trace):
        module = frame.f_globals.get("__name__", "?")
        place = f"{module}:{line} {frame.f_code.co_name}"
        if str(module).partition(".")[0] in OUR_PACKAGES:
            ours = place
    return ours or place


def _own_words(record: logging.LogRecord) -> str:
    """The message, with an exception among its arguments written like any other."""

    def tame(value: object) -> object:
        if not isinstance(value, BaseException):
            return value
        code = code_of(value)
        return f"{type(value).__name__}({code})" if code else type(value).__name__

    arguments = record.args
    if isinstance(record.msg, BaseException):
        return str(tame(record.msg))
    try:
        if isinstance(arguments, dict):
            return str(record.msg) % {name: tame(value) for name, value in arguments.items()}
        return str(record.msg) % tuple(tame(value) for value in arguments or ()) if arguments else str(record.msg)
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _known_sentence(record: logging.LogRecord) -> str | None:
    says = record.msg if isinstance(record.msg, str) else ""
    for logger, sentence in KNOWN_SENTENCES:
        if (record.name == logger or record.name.startswith(logger + ".")) and says.startswith(sentence):
            return sentence
    return None


# What no one caught would be printed with all that it says, past every handler.

_log = logging.getLogger(f"{OURS}.process")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    _log.critical("ended by an exception", exc_info=(kind, error, trace))


def _uncaught_in_thread(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None:
        _log.error("a thread ended by an exception", exc_info=(given.exc_type, given.exc_value, given.exc_traceback))


def _unraisable(given: Any) -> None:
    if given.exc_value is not None:
        _log.error("an exception that no code can catch", exc_info=given.exc_value)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning can quote the value that it is about; pydantic's do."""
    module = next((name for name, of in list(sys.modules.items()) if getattr(of, "__file__", None) == filename), "?")
    _log.warning("%s at %s:%d", category.__name__, module, lineno)
