"""The search for people finds what was planted, in every disguise; otherwise its silence would prove nothing."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from orchestrator.embedded.company.people import default_people
from tests.integration.installation import conninfo
from tests.integration.needles import Needles, words_of

WORDS = words_of(default_people())
PLANTED: dict[str, Callable[[str], bytes]] = {
    "plain": lambda word: f"…{word}…".encode(),
    "other case": lambda word: word.upper().encode(),
    "latin-1": lambda word: word.encode("latin-1", errors="ignore"),
    "percent": lambda word: f"https://x.example/?q={urllib.parse.quote(word)}&a=1".encode(),
    "json": lambda word: json.dumps({"said": f"<{word}>"}).encode(),
    "json, all of it": lambda word: "".join(f"\\u{ord(letter):04X}" for letter in word).encode(),
    "hex": lambda word: b"\\x00" + f"ab{word}".encode().hex().encode(),
    "upper hex": lambda word: word.encode().hex().upper().encode(),
    "base64, 0": lambda word: base64.b64encode(f"abc{word}!".encode()),
    "base64, 1": lambda word: base64.b64encode(f"abcd{word}!!".encode()),
    "base64, 2": lambda word: base64.b64encode(f"abcde{word}".encode()),
    "base64 for URLs": lambda word: base64.urlsafe_b64encode(f"\xff\xfe{word}?".encode()),
    "utf-16-le": lambda word: f"x{word}".encode("utf-16-le"),
    "utf-16-be": lambda word: b"\x01" + word.encode("utf-16-be"),
}


@pytest.fixture(scope="module")
def needles() -> Needles:
    return Needles(WORDS)


@pytest.mark.parametrize("disguise", PLANTED)
def test_every_word_is_found_in_every_disguise(needles: Needles, disguise: str) -> None:
    for word in WORDS:
        if disguise == "latin-1" and not word.isascii():
            continue
        found = needles.in_bytes(b"\x00\x93" + PLANTED[disguise](word) + b"\xfe")
        # A longer word with this one in it may be what is reported.
        assert found, f"{word!r} was not found: {disguise}"


def test_nothing_is_found_where_there_is_nothing(needles: Needles) -> None:
    assert needles.in_bytes(Path(__file__).parents[3].joinpath("pyproject.toml").read_bytes()) == []
    assert needles.in_bytes(bytes(range(256)) * 64) == []


def test_words_of_any_length_are_found_at_either_end_of_the_data() -> None:
    for word in ("Bo", "Ada", "Lena", "Lenas"):
        needles = Needles([word])
        for data in (word, f"{word}.", f".{word}", f"....{word}..."):
            assert {hit.word for hit in needles.in_bytes(data.encode())} == {word}, data
        assert needles.in_bytes(word[:-1].encode()) == needles.in_bytes(b"") == []


async def test_what_is_planted_in_a_folder_and_in_a_database_is_found(
    needles: Needles, tmp_path: Path, database_url: str
) -> None:
    assert needles.in_folder(tmp_path) == [] and await needles.in_database(conninfo(database_url)) == []
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "engine.db-wal").write_bytes(bytes(5000) + "Umbelgaard".encode("utf-16-le"))
    (tmp_path / "lindaroza.umbelgaard.txt").touch()
    assert {hit.place for hit in needles.in_folder(tmp_path)} == {
        "engine.db-wal",
        "the name of lindaroza.umbelgaard.txt",
    }
    async with await psycopg.AsyncConnection.connect(conninfo(database_url), autocommit=True) as connection:
        await connection.execute("CREATE SCHEMA odd")
        await connection.execute("CREATE TABLE odd.one (a bytea, b jsonb, c text[])")
        await connection.execute(
            "INSERT INTO odd.one VALUES (%s, %s, %s)",
            (b"\x01Umbelgaard", json.dumps({"x": ["E-1012"]}), [base64.b64encode(b"..Quastelbach..").decode()]),
        )
    assert {hit.place for hit in await needles.in_database(conninfo(database_url))} == {
        "odd.one.a",
        "odd.one.b",
        "odd.one.c",
    }
