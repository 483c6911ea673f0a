"""Every connector and every ability, over the wire, against the company's real servers."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from _pytest.mark.structures import ParameterSet

from connectors.abilities import Connector, Effect, Lookup
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.registry import connect, connector_kinds
from orchestrator.embedded.company.company import Company
from tests.conftest import Hire
from tests.connectors.company_settings import ADDRESS, ALLOWED, KINDS, SECRETS, SYSTEM_OF, connect_to, settings_for
from tests.connectors.contract import (
    CASES,
    CHANGES,
    HTTP_CHANGES,
    STRONG_KEY,
    TEXT_KEYS,
    Case,
    Counter,
    effect_for,
    the_account,
)
from tests.connectors.raw_servers import forwarded_to, listening

HTTP_KINDS = [kind for kind in KINDS if kind != "ldap"]
EFFECT_KEY_KINDS = {"hr", "code_hosting", "mail"}

INJECTIONS = (
    "*",
    "*)(uid=*",
    "*)(objectClass=*))(|(uid=*",
    '" or userName pr or userName eq "',
    "\\",
    "x&employee_number=",
    "../people",
    "%00",
    "' or '1'='1",
    " ",
    "",
)


def test_every_ability_has_a_case() -> None:
    declared = {(kind, name) for kind, abilities in connector_kinds().items() for name in abilities if kind in KINDS}
    assert {(case.kind, case.ability) for case in CASES} == declared


@pytest.mark.parametrize("kind", sorted(connector_kinds()))
def test_what_cannot_be_undone_says_what_it_destroys(kind: str) -> None:
    for ability in connector_kinds()[kind].values():
        if ability.level == "change" and ability.reversible == "no":
            assert ability.destroys or ability.hands_over or ability.destroys_nothing_because, ability.name
        assert not (ability.destroys and ability.destroys_nothing_because), ability.name
        assert not (ability.destroys and ability.cuts_access), f"a legal hold would keep access open: {ability.name}"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_exact_account_is_found_once(kind: str, connectors: dict[str, Connector], hire: Hire) -> None:
    (person,) = await hire(traits=["admin"])
    (neighbour,) = await hire(employee_number=person.employee_number + "9", email="x" + person.email)
    lookup = STRONG_KEY[kind](person)
    found = await connectors[kind].find_accounts([lookup, lookup])
    assert len(found) == 1
    assert found[0].native_id
    assert found[0].attributes[lookup.attribute].casefold() == lookup.value.casefold()
    both = await connectors[kind].find_accounts([lookup, STRONG_KEY[kind](neighbour)])
    assert len({account.native_id for account in both}) == 2


@pytest.mark.parametrize("kind", ["scim", "code_hosting"])
async def test_every_page_of_a_list_is_read(
    kind: str, company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    if kind == "scim":
        people = await hire(2, department="Ropewalk of " + secrets.token_hex(4))
        attribute = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"
        lookup = Lookup(attribute, people[0].department)
    else:
        (person,) = await hire(traits=["recycled_number"])  # two accounts have it
        lookup = Lookup("employee_number", person.employee_number)
    await company.break_(SYSTEM_OF[kind], "one_a_page", method="GET")
    found = await connectors[kind].find_accounts([lookup])
    assert len({account.native_id for account in found}) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_each_request_waits_for_its_turn(kind: str, connectors: dict[str, Connector], hire: Hire) -> None:
    (person,) = await hire()
    turns = 0

    async def pace() -> None:
        nonlocal turns
        turns += 1
        if turns > 1:
            raise TryAgainError("rate_kept", happened="no", retry_after=3)

    await connectors[kind].check(pace=pace)
    assert turns
    turns = 1
    with pytest.raises(TryAgainError, match="rate_kept") as raised:
        await connectors[kind].find_accounts([STRONG_KEY[kind](person)], pace=pace)
    assert (raised.value.happened, raised.value.retry_after) == ("no", 3)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_prefix_finds_nothing(kind: str, connectors: dict[str, Connector], hire: Hire) -> None:
    lookup = STRONG_KEY[kind]((await hire())[0])
    for value in (lookup.value[:-1], lookup.value + "x", lookup.value[:3] + "*"):
        assert await connectors[kind].find_accounts([Lookup(lookup.attribute, value)]) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_asked_for_and_differs_is_shown(kind: str, connectors: dict[str, Connector], hire: Hire) -> None:
    """Matching asks a person where an account that was found by mail has another person's employee number."""
    (person,) = await hire(traits=["admin"])
    account = await the_account(connectors[kind], person)
    every = await connectors[kind].find_accounts(
        [STRONG_KEY[kind](person), *(Lookup(attribute, "of-another-person") for attribute in TEXT_KEYS[kind])]
    )
    (shown,) = [found for found in every if found.native_id == account.native_id]
    for attribute in TEXT_KEYS[kind]:
        assert shown.attributes[attribute] not in ("", "of-another-person"), attribute


@pytest.mark.parametrize("kind", KINDS)
async def test_injected_conditions_find_nothing(kind: str, connectors: dict[str, Connector], hire: Hire) -> None:
    await hire()
    for attribute in TEXT_KEYS[kind]:
        for value in INJECTIONS:
            assert await connectors[kind].find_accounts([Lookup(attribute, value)]) == [], (attribute, value)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_injected_attribute_is_refused(kind: str, connectors: dict[str, Connector]) -> None:
    for attribute in ('userName eq "a" or userName', "uid=*)(cn", "q", "limit", "a b", ""):
        if kind == "scim" and attribute in ("q", "limit"):  # well-formed names, which the server judges
            continue
        if kind == "ldap" and attribute in ("q", "limit"):
            continue
        with pytest.raises(RefusedError, match="unknown_attribute"):
            await connectors[kind].find_accounts([Lookup(attribute, "a")])


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_attempt_then_read_back(
    case: Case, company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    connector = connectors[case.kind]
    (person,), (heir,) = await hire(traits=["admin"]), await hire()
    effect = await effect_for(case, connector, person, heir)
    counter = await Counter.start(company, case, effect)
    if case.declared.read_back and case.effects:
        assert (await connector.read_back(effect)).outcome == "not_done"
    await connector.attempt(effect)
    read_back = await connector.read_back(effect)
    assert read_back.outcome == ("done" if case.declared.read_back else "unknown")
    assert read_back.evidence or read_back.outcome == "unknown"
    assert await counter.count() == case.effects


@pytest.mark.parametrize("case", CHANGES, ids=str)
async def test_a_repeat_does_what_is_declared(
    case: Case, company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    connector = connectors[case.kind]
    (person,), (heir,) = await hire(traits=["admin"]), await hire()
    effect = await effect_for(case, connector, person, heir)
    counter = await Counter.start(company, case, effect)
    await connector.attempt(effect)
    await connector.attempt(effect)
    assert await counter.count() == case.effects + case.repeat_adds
    assert (case.repeat_adds > 0) == (case.declared.repeat == "never")
    if case.declared.read_back:
        assert (await connector.read_back(effect)).outcome == "done"


@pytest.mark.parametrize("case", CHANGES, ids=str)
async def test_someone_else_is_left_alone(
    case: Case, company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    connector = connectors[case.kind]
    (person,), (heir,) = await hire(traits=["admin"]), await hire()
    (namesake,) = await hire(given_name=person.given_name, family_name=person.family_name, traits=["admin"])
    await connector.attempt(await effect_for(case, connector, person, heir))
    if case.declared.read_back and case.declared.needs_account:
        assert (await connector.read_back(await effect_for(case, connector, namesake, heir))).outcome == "not_done"


@pytest.mark.parametrize("case", HTTP_CHANGES, ids=str)
async def test_only_systems_that_know_an_effect_key_are_sent_one(case: Case, company: Company, hire: Hire) -> None:
    """`Effect-Key` is a header of the embedded company's own interfaces, and would be noise to any other system."""
    sent = bytearray()

    async def keep(data: bytes) -> None:
        sent.extend(data.lower())

    address = urlsplit(settings_for(company, case.kind)[ADDRESS[case.kind]])
    assert address.port is not None
    (person,), (heir,) = await hire(traits=["admin"]), await hire()
    async with listening(forwarded_to(address.port, keep)) as port:
        through = address._replace(netloc=f"127.0.0.1:{port}").geturl()
        connector = connect_to(company, case.kind, **{ADDRESS[case.kind]: through})
        await connector.attempt(await effect_for(case, connector, person, heir))
        await connector.aclose()
    assert case.method.lower().encode() in sent
    assert (b"\r\neffect-key:" in sent) == (case.kind in EFFECT_KEY_KINDS)
    assert (b"\r\nidempotency-key:" in sent) == (case.declared.repeat == "keyed")


FAULTS = {
    "429": (TryAgainError, "too_many_requests", "no"),
    "503": (TryAgainError, "system_failed", "no"),
    "limited": (TryAgainError, "too_many_requests", "no"),
    "expired": (ActionRequiredError, "credential_refused", "no"),
    "fail": (TryAgainError, "system_failed", "unknown"),
    "lose_reply": (TryAgainError, "connection_lost", "unknown"),
    "nonsense": (ActionRequiredError, "answer_not_understood", "unknown"),
    "error_in_200": (RefusedError, "error_in_answer", "unknown"),
    "oversized": (ActionRequiredError, "answer_too_large", "unknown"),
}


def changes_with_faults() -> list[ParameterSet]:
    """Every change with every fault. `make test` has each change with one fault, another at each, and of every kind
    the first change with all faults; `make test-servers` has the others."""
    found, begun, modes = [], set[str](), list(FAULTS)
    for number, case in enumerate(HTTP_CHANGES):
        for mode in modes:
            short = case.kind not in begun or mode == modes[number % len(modes)]
            found.append(pytest.param(case, mode, id=f"{case}-{mode}", marks=() if short else pytest.mark.long))
        begun.add(case.kind)
    return found


@pytest.mark.parametrize(("case", "mode"), changes_with_faults())
async def test_a_fault_is_named_truthfully(
    case: Case, mode: str, company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    kind, code, happened = FAULTS[mode]
    connector = connectors[case.kind]
    (person,), (heir,) = await hire(traits=["admin"]), await hire()
    effect = await effect_for(case, connector, person, heir)
    counter = await Counter.start(company, case, effect)
    await company.break_(SYSTEM_OF[case.kind], mode, method=case.method, times=1, seconds=7)  # type: ignore[arg-type]
    with pytest.raises(ConnectorError) as raised:
        await connector.attempt(effect)
    # A group that refuses keeps the account in no other, and out of no other: the others are left or joined.
    goes_on = case.ability in ("remove_from_groups", "add_to_groups") and mode in ("expired", "error_in_200")
    assert (type(raised.value), raised.value.code) == (kind, code)
    assert raised.value.happened == ("unknown" if goes_on else happened)
    if mode in ("429", "503"):
        assert raised.value.retry_after == 7
    if mode == "limited":
        assert 6 < (raised.value.retry_after or 0) <= 8
    done = mode == "lose_reply"
    assert await counter.count() == (case.effects - 1 if goes_on else int(done))
    if case.one_request:
        assert (await connector.read_back(effect)).outcome == ("done" if done else "not_done")


@pytest.mark.parametrize("mode", FAULTS)
@pytest.mark.parametrize("kind", HTTP_KINDS)
async def test_a_fault_while_reading_changes_nothing(
    kind: str, mode: str, company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    (person,) = await hire()
    await company.break_(SYSTEM_OF[kind], mode, method="GET", times=1, seconds=7)  # type: ignore[arg-type]
    with pytest.raises(ConnectorError) as raised:
        await connectors[kind].find_accounts([STRONG_KEY[kind](person)])
    assert (type(raised.value), raised.value.code, raised.value.happened) == (*FAULTS[mode][:2], "no")


@pytest.mark.parametrize("case", HTTP_CHANGES, ids=str)
async def test_the_deadline_is_kept(case: Case, company: Company, connectors: dict[str, Connector], hire: Hire) -> None:
    connector = connectors[case.kind]
    (person,), (heir,) = await hire(traits=["admin"]), await hire()
    effect = await effect_for(case, connector, person, heir)
    await company.break_(SYSTEM_OF[case.kind], "slow", method=case.method, seconds=20)
    # On a busy machine a short deadline can be over before the request that changes something is sent.
    for deadline in (0.4, 1.5, 6.0):
        began = time.monotonic()
        hurried = replace(effect, deadline=deadline)
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await connector.attempt(hurried)
        assert deadline - 0.1 < time.monotonic() - began < deadline + 10
        if raised.value.happened == "unknown":
            return
    pytest.fail("no request was sent within the deadline")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_outage_is_worth_another_try(
    kind: str, company: Company, connectors: dict[str, Connector], hire: Hire
) -> None:
    (person,) = await hire()
    await company.stop(SYSTEM_OF[kind])
    try:
        with pytest.raises(TryAgainError, match="unreachable") as raised:
            await connectors[kind].find_accounts([STRONG_KEY[kind](person)])
        assert raised.value.happened == "no"
        assert not (await connectors[kind].check()).reachable
    finally:
        await company.restart(SYSTEM_OF[kind])
    assert await connectors[kind].find_accounts([STRONG_KEY[kind](person)])
    assert (await connectors[kind].check()).reachable


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_credential_needs_a_person(kind: str, company: Company, hire: Hire) -> None:
    (person,) = await hire()
    connector = connect_to(company, kind, **dict.fromkeys(SECRETS[kind], "not-the-one"))
    try:
        with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
            await connector.find_accounts([STRONG_KEY[kind](person)])
        assert raised.value.happened == "no"
        assert raised.value.remedy
        checked = await connector.check()
        assert not checked.reachable
        assert "credential_refused" in checked.detail
    finally:
        await connector.aclose()


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_that_is_not_allowed_is_never_spoken_to(kind: str, company: Company) -> None:
    for allowed in ((), ("elsewhere.example",), ("127.0.0.1:1", "localhost:1"), ("27.0.0.1",)):
        with pytest.raises(ActionRequiredError, match="host_not_allowed"):
            connect(kind, settings_for(company, kind), allowed_hosts=allowed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_credential_is_not_sent_in_the_clear(kind: str, company: Company) -> None:
    scheme = "ldap" if kind == "ldap" else "http"
    changed = {ADDRESS[kind]: f"{scheme}://systems.example"}
    with pytest.raises(ActionRequiredError, match="not_encrypted"):
        connect(kind, settings_for(company, kind) | changed, allowed_hosts=[*ALLOWED, "systems.example"])


@pytest.mark.parametrize("kind", KINDS)
async def test_secrets_and_addresses_stay_out_of_logs_and_errors(
    kind: str, company: Company, hire: Hire, caplog: pytest.LogCaptureFixture
) -> None:
    (person,) = await hire()
    secret = "S3cret-that-nobody-may-read"
    good = settings_for(company, kind)
    known = [good[name] for name in SECRETS[kind]]
    told = []
    with caplog.at_level(logging.DEBUG):
        for changed in ({}, dict.fromkeys(SECRETS[kind], secret), {ADDRESS[kind]: "nowhere"}):
            try:
                connector = connect(kind, good | changed, allowed_hosts=ALLOWED)
            except ConnectorError as error:
                told += [str(error), repr(error), error.detail, error.remedy]
                continue
            told += [repr(connector), str(vars(connector))]
            try:
                await connector.find_accounts([STRONG_KEY[kind](person)])
            except ConnectorError as error:
                told += [str(error), repr(error), error.detail, error.remedy]
            told.append(repr(await connector.check()))
            await connector.aclose()
    for value in (secret, *known):
        assert value not in caplog.text
        assert not any(value in text for text in told)
    assert person.email not in caplog.text
    assert person.employee_number not in caplog.text


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_ability_is_refused(kind: str, connectors: dict[str, Connector], hire: Hire) -> None:
    account = await the_account(connectors[kind], (await hire())[0])
    for act in (connectors[kind].attempt, connectors[kind].read_back):
        with pytest.raises(RefusedError, match="unknown_ability"):
            await act(Effect("paint_blue", "key", account))


@pytest.mark.parametrize("case", [case for case in CASES if case.declared.needs_account], ids=str)
async def test_nothing_is_done_without_an_account(case: Case, connectors: dict[str, Connector]) -> None:
    with pytest.raises(RefusedError, match="account_needed"):
        await connectors[case.kind].attempt(Effect(case.ability, "key", None, case.parameters))
