"""The master key is replaced: what was written before opens, the former key can be removed, and an interruption costs
nothing."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from orchestrator.deciding.master_keys import record_start, require_current_key
from orchestrator.deciding.runs import RUN_EVENT_TYPES
from orchestrator.domain.events.event import Draft
from orchestrator.ledger.access import answers, sessions
from orchestrator.ledger.access.answers import ClaimedKey, StoredResponse, StoredResponses
from orchestrator.ledger.access.sessions import SessionLimits, Sessions
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.errors import PersonErased, UnreadableEvent, WrongMasterKey
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.engine import hr_feeds, inquiries, webhooks
from orchestrator.ledger.engine.inquiries import InquiryRows
from orchestrator.ledger.engine.webhooks import Webhooks
from orchestrator.ledger.persons.keys import Keyring, load_master_keys, next_master_key
from orchestrator.ledger.persons.rewrapping import rewrap
from orchestrator.ledger.proofs.verification import verify_database
from orchestrator.ledger.schema.database import Database
from orchestrator.settings import PREFIX
from orchestrator.web.parts import Parts
from tests.cli.command_line import CommandResult, Offboard
from tests.integration.signed_databases import conninfo
from tests.ledger.conftest import MASTER_KEY
from tests.ledger.sample_events import EVENT_TYPES, Noted

OLD = base64.b64encode(MASTER_KEY).decode()
SEALED = (*webhooks.SEALED, *sessions.SEALED, *answers.SEALED, *inquiries.SEALED, *hr_feeds.SEALED)
Administer = Callable[..., Awaitable[CommandResult]]


class _ReadOnly(Keyring):
    """As if another process sealed each value again right after this one."""

    def sealed_again(self, context: str, sealed: bytes) -> bytes | None:
        return None


class Interrupted(Exception):
    """As if the process died."""


@pytest_asyncio.fixture
async def people(ledger: Ledger, keyring: Keyring) -> list[str]:
    """Five, each with an event."""
    found = [str(await keyring.person_for("employee", f"E-{number}")) for number in range(5)]
    for number, person in enumerate(found):
        event = Noted(by="a_1", name=f"Zoë Quux {number}")
        await ledger.append([StreamAppend(f"run:{number}", 0, [Draft(key="k", event=event, subject=person)])])
    return found


async def read(database: Database, *keys: bytes) -> list[str | None]:
    """The names in the events, as a process with these keys reads them."""
    ledger = Ledger(database, Keyring(database, *keys), EventCodec(EVENT_TYPES))
    page = await ledger.read({f"run:{number}": 0 for number in range(5)})
    return [getattr(page.events[f"run:{number}"][0].event, "name", None) for number in range(5)]


NAMES = [f"Zoë Quux {number}" for number in range(5)]


@pytest.fixture
def administer(url: str, tmp_path: Path) -> Administer:
    """`await administer(keys, words…)`: on the server, with these keys as its setting."""
    offboard = Offboard(tmp_path)

    async def command(keys: str, *words: str) -> CommandResult:
        env = {"DATABASE_URL": url, "MASTER_KEY": keys, "TEMPORAL_ADDRESS": "127.0.0.1:1"}
        env |= {"PUBLIC_URL": "http://127.0.0.1:1"}
        return await offboard(*words, env={PREFIX + name: value for name, value in env.items()})

    return command


async def test_an_administrator_replaces_the_master_key(
    people: list[str], database: Database, ledger: Ledger, url: str, administer: Administer, tmp_path: Path
) -> None:
    file = tmp_path / "new"
    made = await administer(OLD, "ledger", "new-master-key", "--out", str(file))
    assert made.code == 0, made.err
    new = file.read_text().strip()
    assert file.stat().st_mode & 0o077 == 0 and new not in made.out + made.err
    assert (await administer(OLD, "ledger", "new-master-key", "--out", str(file))).code == 1, "nothing is written over"
    with pytest.raises(WrongMasterKey, match="another master key"):
        await read(database, *load_master_keys(new))

    both = f"{new}\n{OLD}\n"
    assert (
        await read(database, *load_master_keys(both))
        == await read(database, *load_master_keys(f"{OLD} {new}"))
        == NAMES
    )
    done = await administer(both, "ledger", "rewrap")
    assert done.code == 1 and "Nothing was changed: other processes" in done.err, "this process has connections"
    assert await read(database, MASTER_KEY) == NAMES, "it has the former key only, and still reads everything"
    assert not (await ledger.read({"keyring": 0})).events["keyring"], "no replacement has begun"
    await ledger.aclose()
    await database.aclose()
    database = Database(url)
    done = await administer(both, "ledger", "rewrap")
    assert done.code == 0, done.err
    assert "the keys of 5 people" in done.out and "the former master key is not needed any more" in done.out
    assert "the keys of 0 people" in (await administer(both, "ledger", "rewrap")).out
    newer, former = Keyring(database, *load_master_keys(both)), Keyring(database, MASTER_KEY, load_master_keys(new)[0])
    book = Ledger(database, newer, EventCodec(RUN_EVENT_TYPES))
    events = [one.event.model_dump() for one in (await book.read({"keyring": 0})).events["keyring"]]
    assert [one.type for one in (await book.read({"keyring": 0})).events["keyring"]] == [
        "MasterKeyReplacementStarted",
        "MasterKeyReplaced",
    ], "each once, however often it is run"
    assert all(one["key_id"] == newer.key_id and one["former_key_ids"] == (former.key_id,) for one in events)
    await require_current_key(book, newer)
    refused = await administer(f"{OLD} {new}", "ledger", "rewrap")
    assert refused.code == 1 and "was replaced by another one" in refused.err
    for process in ("worker", "relay", "web"):
        refused = await administer(f"{OLD} {new}", process)
        assert refused.code == 1 and "was replaced by another one" in refused.err, (process, refused.err)
    former.require_current = partial(require_current_key, book, former)
    for make in (former.create_person(), former.person_for("employee", "E-77")):
        with pytest.raises(WrongMasterKey, match="was replaced by another one"):
            await make
    assert await former.find_person("employee", "E-77") is None
    await book.aclose()

    assert await read(database, *load_master_keys(new)) == NAMES
    with pytest.raises(WrongMasterKey):
        await read(database, MASTER_KEY)
    ring = Keyring(database, *load_master_keys(new))
    assert [await ring.find_person("employee", f"E-{number}") for number in range(5)] == people
    assert ring.lookup_tag("actor", "x") == Keyring(database, MASTER_KEY).lookup_tag("actor", "x")
    verified = await administer(new, "ledger", "verify")
    assert verified.code == 0 and "no tampering found: 7 events" in verified.out and verify_database(url).ok
    # Once more: the next key has the same hashes, too.
    third = next_master_key(*load_master_keys(new))
    assert Keyring(database, third).lookup_tag("actor", "x") == ring.lookup_tag("actor", "x")
    await database.aclose()


async def test_a_process_without_the_new_key_is_refused_while_the_master_key_is_replaced(
    people: list[str], database: Database, ledger: Ledger, url: str, administer: Administer
) -> None:
    """From the start of the replacement on: it could not read what is encrypted again."""
    new = next_master_key(MASTER_KEY)
    both, former = Keyring(database, new, MASTER_KEY), Keyring(database, MASTER_KEY)
    book = Ledger(database, both, EventCodec(RUN_EVENT_TYPES))
    await require_current_key(book, former)
    await record_start(book, both)
    for known in (both, Keyring(database, MASTER_KEY, new)):
        await require_current_key(book, known)
    with pytest.raises(WrongMasterKey, match="which this process does not have"):
        await require_current_key(book, former)
    parts = {part.name: part for part in await Parts(database, book, former, None).look()}
    assert parts["ledger"].up is False and "Put the new key first" in parts["ledger"].cause
    assert next(part for part in await Parts(database, book, both, None).look() if part.name == "ledger").up
    await book.aclose()
    for process in ("worker", "relay", "web"):
        refused = await administer(OLD, process)
        assert refused.code == 1 and "which this process does not have" in refused.err, (process, refused.err)


async def test_an_interruption_leaves_everything_readable_and_is_repeated(
    people: list[str], keyring: Keyring, database: Database, url: str
) -> None:
    new = next_master_key(MASTER_KEY)
    both = Keyring(database, new, MASTER_KEY)

    def stop(so_far: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        await rewrap(database, both, SEALED, batch=2, after_batch=stop)
    assert await read(database, new, MASTER_KEY) == NAMES
    for one in (new, MASTER_KEY):
        with pytest.raises(WrongMasterKey):  # two are encrypted with the new key, three with the former one
            await read(database, one)
    erased = sorted(people)[-1]
    await keyring.erase_person(erased)
    of_former = await keyring.create_person()
    rest = await rewrap(database, both, SEALED, batch=2)
    assert (rest.people, rest.people_left) == (3, 0)
    only = Keyring(database, new)
    assert (await only.person_key(of_former)).person_id == of_former
    with pytest.raises(PersonErased):
        await only.person_key(erased)
    assert verify_database(url).ok


async def test_an_erasure_between_reading_and_writing_stays(people: list[str], database: Database, url: str) -> None:
    class Erasing(Keyring):
        def wrapped_again(self, person_id: str, wrapped: bytes) -> bytes:
            if person_id == people[0]:
                with psycopg.connect(conninfo(url), autocommit=True) as other:
                    other.execute("UPDATE keyring.person_keys SET wrapped = NULL WHERE person_id = %s", (person_id,))
            return super().wrapped_again(person_id, wrapped)

    done = await rewrap(database, Erasing(database, next_master_key(MASTER_KEY), MASTER_KEY), SEALED)
    assert (done.people, done.people_left) == (4, 0)
    with pytest.raises(PersonErased):
        await Keyring(database, MASTER_KEY).person_key(people[0])


async def test_secrets_of_webhooks_sessions_and_stored_responses_stay(database: Database, ledger: Ledger) -> None:
    new = next_master_key(MASTER_KEY)
    rings = [Keyring(database, MASTER_KEY), Keyring(database, new, MASTER_KEY), Keyring(database, new)]
    hooks = [Webhooks(database, ring, Ledger(database, ring, EventCodec(RUN_EVENT_TYPES))) for ring in rings]
    hook, _ = await hooks[0].add("https://hooks.example.com/in", ("hooks.example.com",), "safety")
    await hooks[0].replace_secret(hook.hook_id)
    secrets = await hooks[0].secrets_of(hook.hook_id)
    response = StoredResponse(201, {"location": "/api/v1/runs/r1"}, "{}")
    assert isinstance(await StoredResponses(database, rings[0]).claim("hr", "key", b"\0" * 32), ClaimedKey)
    await StoredResponses(database, rings[0]).keep("hr", "key", response)
    await InquiryRows(database, rings[0]).put("q1", "people", "hr", b"who?")
    limits = SessionLimits()
    session = await Sessions(database, rings[0], limits).open("hr", name="Hanna")

    with pytest.raises(UnreadableEvent):
        await hooks[2].secrets_of(hook.hook_id)
    assert await hooks[1].secrets_of(hook.hook_id) == secrets
    done = await rewrap(database, rings[1], SEALED)
    assert done.sealed == 5, "two secrets of a webhook among them"
    found = await Sessions(database, rings[2], limits).find(session)
    assert found is not None and found.name == "Hanna"
    assert await hooks[2].secrets_of(hook.hook_id) == secrets
    assert await StoredResponses(database, rings[2]).claim("hr", "key", b"\0" * 32) == response
    assert await InquiryRows(database, rings[2]).asked("q1", "hr") == b"who?"


async def test_what_an_older_process_encrypts_meanwhile_is_counted_and_ends_the_run_unfinished(
    database: Database, administer: Administer
) -> None:
    new = next_master_key(MASTER_KEY)
    both = f"{base64.b64encode(new).decode()} {OLD}"
    ring, limits = Keyring(database, new, MASTER_KEY), SessionLimits()
    older = Keyring(database, MASTER_KEY)
    await Sessions(database, older, limits).open("hr", name="Hanna")
    first = await rewrap(database, ring, sessions.SEALED)
    assert (first.sealed, first.sealed_left, first.people_left) == (1, 0, 0)
    await Sessions(database, older, limits).open("it", name="Ivo")
    counted = await rewrap(database, _ReadOnly(database, new, MASTER_KEY), sessions.SEALED)
    assert (counted.sealed, counted.sealed_left, counted.finished) == (0, 1, False)
    refused = await administer(both, "ledger", "rewrap")
    assert refused.code == 1 and "Restart all processes" in refused.err, refused.out
    await database.aclose()
    done = await administer(both, "ledger", "rewrap")
    assert done.code == 0 and "the keys of 0 people, and 0 other values" in done.out, done.err


async def test_a_key_that_was_not_made_from_the_other_is_refused(
    people: list[str], database: Database, administer: Administer
) -> None:
    foreign = base64.b64encode(bytes([7]) * 32).decode()
    refused = await administer(f"{foreign} {OLD}", "ledger", "rewrap")
    assert refused.code == 1 and "offboard ledger new-master-key" in refused.err
    assert foreign not in refused.err and OLD not in refused.err
    assert await read(database, MASTER_KEY) == NAMES
