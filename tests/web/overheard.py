"""What answers and log lines of a session hold, to be searched for what must be in none of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from orchestrator.settings import Settings

CANARY = "zq7canary"
"""Put it into a query: no answer and no log line repeats it."""
_INTERNALS = (
    re.compile(r"Traceback \(most recent call last\)"),
    re.compile(r'File "[^"]+", line \d+'),
    re.compile(r"\b(?:SELECT\s.{1,200}?\sFROM|INSERT INTO|UPDATE\s\w+\sSET|DELETE FROM)\b", re.DOTALL),
    re.compile(r"postgres(?:ql)?(?:\+\w+)?://"),
)
_LIBRARIES = ("site-packages", "sqlalchemy", "psycopg", "temporalio", "starlette.", "pydantic_core")
"""In upper or lower case. Searched as words: a pattern takes ten times as long."""
_QUERY = re.compile(r"/[a-z][a-z/_{}-]*\?[a-z_]+=")
_SECRET_NAME = re.compile(r"(?:TOKEN|PASSWORD|KEY|SECRET)$")


@dataclass
class Overheard(logging.Handler):
    """`answers` by where they came from; `lines` of the log; `secrets` by what each is. `discreet` are words that
    answers may say and the log may not: the secret of someone's forms, people's names."""

    answers: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    discreet: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    __hash__ = object.__hash__

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def answer(self, where: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        """A cookie is set in a header of its own, for one client."""
        shown = "\n".join(f"{name}: {value}" for name, value in (headers or {}).items() if name != "set-cookie")
        self.answers.append((where, f"{shown}\n\n{text}"))

    def of_installation(self, settings: Settings) -> None:
        """Its master key, the ledger's password and the credentials of every system."""
        self.secrets["the master key"] = settings.master_key
        for name, value in settings.environment.items():
            if _SECRET_NAME.search(name) and len(value) >= 8:
                self.secrets[name] = value
        if password := urlsplit(settings.database_url).password:
            self.secrets["the ledger's password"] = password

    def leaks(self) -> list[str]:
        """Each by its kind and place; the secret itself is not repeated."""
        found = [f"{what} in {where}" for where, text in self.answers for what in self._in(text)]
        for line in self.lines:
            found += [f"{what} in the log: {line[:200]}" for what in self._in(line)]
            found += [f"{what} in the log: {line[:200]}" for what, word in self.discreet.items() if word in line]
            found += [f"a query string in the log: {line[:200]}"] * bool(_QUERY.search(line))
        return found

    def _in(self, text: str) -> Iterator[str]:
        for what, value in self.secrets.items():
            if value in text:
                yield what
        for pattern in _INTERNALS:
            if hit := pattern.search(text):
                yield f"internals ({hit[0][:60]!r})"
        lower = text.lower()
        yield from (f"internals ({word!r})" for word in _LIBRARIES if word in lower)
        if CANARY in text:
            yield "what a query said"


@contextmanager
def overhearing(settings: Settings) -> Iterator[Overheard]:
    """Every line of ours and of the server, from now on."""
    heard = Overheard()
    heard.of_installation(settings)
    loggers = [logging.getLogger(name) for name in ("offboard", "uvicorn", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(heard)
        logger.setLevel(logging.INFO)
    try:
        yield heard
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(heard)
            logger.setLevel(level)
