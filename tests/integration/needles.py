"""Looks for people in bytes: names, addresses, account names and numbers, in every disguise that data takes on its way.

    needles = Needles(words_of(people))
    needles.in_bytes(data)              # -> [(word, disguise), …]
    needles.in_folder(path)             # every file under it, whatever it is
    await needles.in_database(conninfo) # every column of every table of every schema, as text and as bytes
    await needles.in_histories(client)  # what Temporal's API tells of every workflow

The disguises: plain (UTF-8 and Latin-1), percent-encoded, JSON-escaped, hex, base64 at all three alignments (standard
and URL-safe), UTF-16 in both byte orders. Case is ignored where the disguise leaves it visible.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import urllib.parse
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from temporalio.client import Client

from orchestrator.embedded.company.people import Employee

NOTHING = re.compile(rb"\x00{64,}")
GRAM = 4
"""Bytes of a C unsigned int, as which four bytes are compared at once."""
SHORTEST = 5
"""Words of fewer letters are found in random bytes by chance."""


def words_of(people: Iterable[Employee]) -> frozenset[str]:
    """Everything by which these people could be recognised."""
    words = set()
    for person in people:
        words |= {person.employee_number, person.given_name, person.family_name, person.name, person.email}
        words |= set(person.former_names)
        for address in (person.email, *person.former_emails):
            account = address.partition("@")[0]
            words |= {address, account, *re.split(r"[._+-]", account)}
        words |= {part for name in (person.given_name, person.family_name) for part in re.split(r"[\s-]+", name)}
    long_enough = {word for word in words if len(word) >= SHORTEST}
    # A search that finds the family name finds the address that contains it, in every disguise.
    return frozenset(
        word
        for word in long_enough
        if not any(other != word and other.casefold() in word.casefold() for other in long_enough)
        or any(other != word and other.casefold() == word.casefold() for other in long_enough)
    )


@dataclass(frozen=True, slots=True)
class Hit:
    word: str
    disguise: str
    place: str

    def __str__(self) -> str:
        return f"{self.word!r} ({self.disguise}) in {self.place}"


class Needles:
    """Looks for each disguise of each word. A needle is compared only with data in which its first and its last four
    bytes occur, wherever: of the thousands of needles these are few, and one pass over the data finds them."""

    def __init__(self, words: Iterable[str]) -> None:
        self._folded = _NeedleIndex()  # looked for in lower case
        self._exact = _NeedleIndex()
        for word in words:
            for disguise, data, exact in disguises(word):
                (self._exact if exact else self._folded).add(data if exact else data.lower(), (word, disguise))

    def in_bytes(self, data: bytes, place: str = "data") -> list[Hit]:
        data = NOTHING.sub(bytes(8), data)
        found = self._folded.found_in(data.lower()) | self._exact.found_in(data)
        return [Hit(word, disguise, place) for word, disguise in sorted(found)]

    def in_folder(self, folder: Path, leave_out: Collection[Path] = ()) -> list[Hit]:
        """In the contents and in the names of all files under a folder."""
        hits: list[Hit] = []
        for path in sorted(folder.rglob("*")):
            if any(path.is_relative_to(other) for other in leave_out):
                continue
            hits += self.in_bytes(path.name.encode(), f"the name of {path.name}")
            if path.is_file() and not path.is_symlink():
                hits += self.in_bytes(path.read_bytes(), path.name)
        return hits

    async def in_database(self, conninfo: str) -> list[Hit]:
        """Reads every value twice: as PostgreSQL shows it, and for bytea as the bytes it holds."""
        hits: list[Hit] = []
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            tables = await connection.execute(
                "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
                "AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
            )
            for schema, table in await tables.fetchall():
                columns = await connection.execute(
                    "SELECT column_name, data_type FROM information_schema.columns "
                    "WHERE table_schema = %s AND table_name = %s",
                    (schema, table),
                )
                for column, kind in await columns.fetchall():
                    wanted = sql.SQL("SELECT {}::text FROM {}.{}").format(
                        sql.Identifier(column), sql.Identifier(schema), sql.Identifier(table)
                    )
                    if kind == "bytea":
                        wanted = sql.SQL("SELECT {} FROM {}.{}").format(
                            sql.Identifier(column), sql.Identifier(schema), sql.Identifier(table)
                        )
                    values = [row[0] for row in await (await connection.execute(wanted)).fetchall()]
                    data = b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
                    hits += self.in_bytes(data, f"{schema}.{table}.{column}")
        return hits

    async def in_histories(self, client: Client, query: str | None = None) -> tuple[list[Hit], int]:
        """In the descriptions and histories of all workflows, and how many there were."""
        hits: list[Hit] = []
        count = 0
        async for execution in client.list_workflows(query):
            count += 1
            handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
            history = await handle.fetch_history()
            for event in history.events:
                hits += self.in_bytes(event.SerializeToString(), f"{execution.id}, event {event.event_id}")
            description = (await handle.describe()).raw_description
            hits += self.in_bytes(description.SerializeToString(), f"the description of {execution.id}")
        return hits, count


class _NeedleIndex:
    """Needles that are looked for in the same form of the data."""

    def __init__(self) -> None:
        self._by_head: dict[int, dict[bytes, tuple[str, str]]] = {}
        self._short: dict[bytes, tuple[str, str]] = {}  # of fewer than four bytes
        self._ends: set[int] = set()

    def add(self, needle: bytes, what: tuple[str, str]) -> None:
        if len(needle) < GRAM:
            self._short.setdefault(needle, what)
            return
        head, tail = _number(needle[:GRAM]), _number(needle[-GRAM:])
        self._by_head.setdefault(head, {}).setdefault(needle, what)
        self._ends |= {head, tail}

    def found_in(self, data: bytes) -> set[tuple[str, str]]:
        present = set[int]().union(*(self._ends.intersection(grams) for grams in _grams(data)))
        found = {what for needle, what in self._short.items() if needle in data}
        for head in present & self._by_head.keys():
            for needle, what in self._by_head[head].items():
                if _number(needle[-GRAM:]) in present and needle in data:
                    found.add(what)
        return found


def _number(four: bytes) -> int:
    return int.from_bytes(four, sys.byteorder)


def _grams(data: bytes) -> Iterator[memoryview]:
    """Every four bytes of the data that follow each other, as the numbers that they are in this machine's memory."""
    view = memoryview(data)
    for offset in range(GRAM):
        whole = max(len(data) - offset, 0) // GRAM * GRAM
        yield view[offset : offset + whole].cast("I")


def disguises(word: str) -> Iterator[tuple[str, bytes, bool]]:
    """(name, bytes, whether case matters) of every disguise of a word, as often as it takes different forms."""
    # A number that could be in an id by chance (`e-1012` in a UUID, which is in lower case) is one as written only.
    like_an_id = re.fullmatch(r"[0-9a-f-]+", word.casefold()) is not None
    for spelling in {word} if like_an_id else {word, word.lower(), word.upper()}:
        plain = spelling.encode()
        yield "plain", plain, like_an_id
        yield "Latin-1", spelling.encode("latin-1", errors="replace"), like_an_id
        yield "percent-encoded", urllib.parse.quote(spelling, safe="").encode(), like_an_id
        yield "every byte percent-encoded", "".join(f"%{byte:02x}" for byte in plain).encode(), False
        yield "JSON-escaped", json.dumps(spelling)[1:-1].encode(), like_an_id
        yield "every letter JSON-escaped", _escaped(spelling), False
        yield "hex", plain.hex().encode(), False
        yield "UTF-16LE", spelling.encode("utf-16-le"), False
        yield "UTF-16BE", spelling.encode("utf-16-be"), False
        for alignment in range(3):
            part = _inner_base64(plain, alignment)
            yield f"base64 at {alignment}", part, True
            yield f"URL-safe base64 at {alignment}", part.translate(bytes.maketrans(b"+/", b"-_")), True


def _escaped(word: str) -> bytes:
    units = word.encode("utf-16-be")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2)).encode()


def _inner_base64(data: bytes, alignment: int) -> bytes:
    """What is in the base64 of anything that holds `data` at an offset of `alignment` modulo 3, whatever is around."""
    padded = base64.b64encode(bytes(alignment) + data + bytes(2))
    first = (alignment * 8 + 5) // 6
    last = (alignment + len(data)) * 8 // 6
    return padded[first:last]
