"""PostgreSQL accounts, in the PostgreSQL of the test session: what worked before is refused after."""

from __future__ import annotations

import asyncio
import re

import psycopg
import pytest
from psycopg import sql

from connectors.abilities import Connector, Effect, Lookup
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.registry import connect
from connectors.rehearsal import Rehearses
from orchestrator.embedded.postgres import PostgresServer
from tests.connectors.vendors.postgresql.accounts import (
    CREDENTIAL,
    DATABASES,
    MakeRole,
    RunStatement,
    act,
    connector_as,
    found,
    look,
    session,
)

ODD = """Ida "Ö'Neil" %s {x}; DROP"""
"""A role's name that is no identifier without quotes."""


@pytest.mark.parametrize("name", ["", ODD])
async def test_a_role_is_refused_and_its_sessions_end(
    name: str, postgres: PostgresServer, make: MakeRole, connector: Connector
) -> None:
    role = await make(name)
    held = [await session(postgres, role, database) for database in DATABASES]
    account = await found(connector, role)
    assert (account.label, account.active) == (role, True)
    assert (await look(connector, "disable_account", account)).outcome == "not_done"
    assert (await look(connector, "end_sessions", account)).outcome == "not_done"

    detail, seen = await act(connector, "disable_account", account)
    assert detail["can_login"] == {"before": True, "after": False}
    assert (seen.outcome, seen.evidence["open_sessions"]) == ("done", 2)
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        await session(postgres, role)
    for open_session in held:
        await open_session.execute("SELECT 1")  # NOLOGIN alone ends no session

    detail, seen = await act(connector, "end_sessions", account)
    assert (detail["ended_sessions"], detail["can_sign_in_again"]) == (2, False)
    assert seen.outcome == "done"
    for open_session in held:
        with pytest.raises(psycopg.OperationalError):
            await open_session.execute("SELECT 1")
        await open_session.close()

    assert (await act(connector, "disable_account", account))[0]["can_login"]["before"] is False
    assert (await found(connector, role)).active is False

    assert (await look(connector, "enable_account", account)).outcome == "not_done"
    detail, seen = await act(connector, "enable_account", account)
    assert (detail["can_login"], seen.outcome) == ({"before": False, "after": True}, "done")
    async with await session(postgres, role):
        assert (await act(connector, "enable_account", account))[0]["can_login"]["before"] is True


async def test_sessions_that_end_before_the_role_is_disabled_can_begin_again(
    postgres: PostgresServer, make: MakeRole, connector: Connector
) -> None:
    role = await make()
    ended = await session(postgres, role)
    detail, seen = await act(connector, "end_sessions", await found(connector, role))
    await ended.close()
    assert (detail["ended_sessions"], detail["can_sign_in_again"], seen.outcome) == (1, True, "done")
    assert seen.evidence["can_sign_in_again"]
    async with await session(postgres, role):
        assert (await look(connector, "end_sessions", await found(connector, role))).outcome == "not_done"


async def test_valid_until_is_no_lock(
    run: RunStatement, postgres: PostgresServer, make: MakeRole, connector: Connector
) -> None:
    role = await make()
    await run("ALTER ROLE {role} VALID UNTIL '2001-01-01'", role=role)
    async with await session(postgres, role):
        seen = await look(connector, "disable_account", await found(connector, role))
    assert (seen.outcome, seen.evidence["valid_until"][:10]) == ("not_done", "2001-01-01")
    await run("ALTER ROLE {role} VALID UNTIL 'infinity'", role=role)
    assert (await look(connector, "disable_account", await found(connector, role))).evidence[
        "valid_until"
    ] == "infinity"


async def test_an_oid_of_another_name_is_not_changed(run: RunStatement, make: MakeRole, connector: Connector) -> None:
    role = await make()
    account = await found(connector, role)
    await run("ALTER ROLE {role} RENAME TO {other}", role=role, other=f"{role}_other")
    try:
        with pytest.raises(RefusedError, match="changed_meanwhile"):
            await act(connector, "disable_account", account)
        assert (await found(connector, f"{role}_other")).active
    finally:
        await run("ALTER ROLE {other} RENAME TO {role}", role=role, other=f"{role}_other")


async def test_superusers_and_our_own_role_are_refused(
    run: RunStatement, postgres: PostgresServer, make: MakeRole, connector: Connector
) -> None:
    role = await make(attributes="SUPERUSER")
    account = await found(connector, role)
    assert account.privileged
    for ability in ("disable_account", "enable_account", "end_sessions", "remove_from_groups", "drop_account"):
        with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
            await act(connector, ability, account)
        assert "is a superuser" in raised.value.detail
    assert (await act(connector_as(postgres, "postgres"), "disable_account", account))[1].outcome == "done"
    with pytest.raises(RefusedError, match="own_account"):
        await act(connector, "disable_account", await found(connector, CREDENTIAL))


async def test_accounts_are_found_by_name_comment_and_local_part(
    run: RunStatement, make: MakeRole, connector: Connector
) -> None:
    role = await make("Vera.Find")
    await make("vera.find.other")
    await run("COMMENT ON ROLE {role} IS 'E-77'", role=role)
    for attribute, value in (
        ("rolname", "vera.find"),
        ("comment", "e-77"),
        ("email_local_part", "Vera.Find@example.com"),
    ):
        (account,) = await connector.find_accounts([Lookup(attribute, value)])
        assert account.attributes["rolname"] == role
        assert account.secondary == (frozenset({attribute}) if attribute == "email_local_part" else frozenset())
    assert account.attributes["email_local_part"] == "Vera.Find@example.com"
    assert account.native_id == str((await run("SELECT oid FROM pg_roles WHERE rolname = 'Vera.Find'"))[0][0])
    (account,) = await connector.find_accounts([Lookup("oid", account.native_id), Lookup("rolname", "vera.find")])
    for value in ("vera", "vera.fin_", "%", "pg_monitor", "'"):
        assert await connector.find_accounts([Lookup("rolname", value)]) == []
    assert await connector.find_accounts([Lookup("comment", "E-7"), Lookup("oid", "x")]) == []
    with pytest.raises(RefusedError, match="unknown_attribute"):
        await connector.find_accounts([Lookup("mail", "x")])


async def test_a_search_by_comment_needs_a_comment(connector: Connector, run: RunStatement, make: MakeRole) -> None:
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await connector.find_accounts([Lookup("comment", "E-1")])
    await run("COMMENT ON ROLE {role} IS 'E-2'", role=await make())
    assert await connector.find_accounts([Lookup("comment", "E-1")]) == []


async def test_members_of_powerful_roles_are_privileged(
    run: RunStatement, postgres: PostgresServer, make: MakeRole
) -> None:
    plain, reader, owner, group = await make(), await make(), await make(), await make(login=False)
    await run(
        "GRANT pg_read_server_files TO {group}",
        "GRANT {group} TO {reader}",
        "GRANT {plain} TO {owner}",
        group=group,
        reader=reader,
        plain=plain,
        owner=owner,
    )
    connector = connector_as(postgres, CREDENTIAL, privileged=f" {plain},x")
    assert [(await found(connector, role)).privileged for role in (plain, reader, owner)] == [False, True, True]


async def test_a_server_that_never_answers_ends_with_the_deadline(postgres: PostgresServer) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = str(server.sockets[0].getsockname()[1])
        started = asyncio.get_running_loop().time()
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            mute = connector_as(postgres, CREDENTIAL, host="127.0.0.1", port=port)
            await mute.find_accounts([Lookup("rolname", "x")], deadline=0.3)
        assert asyncio.get_running_loop().time() - started < 2.0
    assert raised.value.happened == "no"


async def test_a_check_names_the_rights_that_are_missing(
    run: RunStatement, postgres: PostgresServer, make: MakeRole, connector: Connector
) -> None:
    await make()
    weak = await make()
    said = await connector_as(postgres, weak).check()
    assert said.reachable
    for lacking in ("CREATEROLE", "pg_signal_backend", "pg_read_all_stats"):
        assert lacking in said.detail
    with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
        await act(connector_as(postgres, weak), "disable_account", await found(connector, CREDENTIAL))
    assert raised.value.happened == "no"

    await run("CREATE ROLE not_ours LOGIN")
    try:
        said = await connector.check()
        assert "roles that can sign in: our role has no ADMIN OPTION on them" in said.detail
        assert "CREATEROLE" not in said.detail
        assert "not_ours" not in said.detail
        with pytest.raises(ActionRequiredError, match="rights_missing"):
            await act(connector, "disable_account", await found(connector, "not_ours"))
    finally:
        await run("DROP ROLE not_ours")
    assert "superuser" in (await connector_as(postgres, "postgres").check()).detail


async def test_a_check_counts_the_memberships_that_our_role_may_not_revoke(
    run: RunStatement, make: MakeRole, connector: Connector
) -> None:
    role, ours, foreign = await make(), await make(login=False), "not_ours_group"
    await run("CREATE ROLE {foreign}", foreign=foreign)

    async def counted() -> int:
        found = re.search(r"remove_from_groups not possible for (\d+) memberships", (await connector.check()).detail)
        return int(found[1]) if found else 0

    try:
        before = await counted()
        await run(f"GRANT {{ours}} TO {{role}} GRANTED BY {CREDENTIAL}", ours=ours, role=role)
        assert await counted() == before
        assert (await act(connector, "remove_from_groups", await found(connector, role)))[1].outcome == "done"
        for group in (foreign, ours):  # no ADMIN OPTION; and granted by a superuser
            await run("GRANT {group} TO {role}", group=group, role=role)
            with pytest.raises(ActionRequiredError, match="rights_missing"):
                await act(connector, "remove_from_groups", await found(connector, role))
        assert await counted() == before + 2
        assert any("memberships" in word for word in (await connector.check()).lacking)
    finally:
        await run("DROP ROLE {foreign}", foreign=foreign)


async def test_credentials_and_databases_that_are_refused(
    postgres: PostgresServer, run: RunStatement, make: MakeRole
) -> None:
    role = await make(login=False)
    for user in ("no_such_role", role):
        said = await connector_as(postgres, user).check()
        assert (said.reachable, said.detail.split(".")[0]) == (False, "credential_refused")
    said = await connector_as(postgres, CREDENTIAL, database="no_such_database").check()
    assert (said.reachable, said.detail.split(".")[0]) == (False, "rights_missing")
    with pytest.raises(TryAgainError, match="unreachable") as raised:
        await found(connector_as(postgres, CREDENTIAL, port="1"), role)
    assert "s3cret" not in raised.value.detail + raised.value.remedy


async def test_a_lock_or_a_deadline_ends_an_attempt(
    run: RunStatement, postgres: PostgresServer, make: MakeRole
) -> None:
    role = await make()
    connector = connector_as(postgres, "postgres")
    account = await found(connector, role)
    async with await psycopg.AsyncConnection.connect(postgres.conninfo("postgres")) as blocking:
        await blocking.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 7").format(sql.Identifier(role)))
        started = asyncio.get_running_loop().time()
        with pytest.raises(TryAgainError) as raised:
            await connector.attempt(Effect("disable_account", "run-1/lock/1", account, deadline=1.0))
        assert asyncio.get_running_loop().time() - started < 2.0
        assert raised.value.code in ("system_failed", "deadline_over")
        assert raised.value.happened == "no"
        await blocking.rollback()
    assert (await look(connector, "disable_account", account)).outcome == "not_done"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ca_file": ""}, "setting_missing"),
        ({"ca_file": "/no/such/file"}, "setting_invalid"),
        ({"host": "db.example,evil.example"}, "host_not_allowed"),
        ({"host": "elsewhere.example"}, "host_not_allowed"),
        ({"port": "0"}, "setting_invalid"),
    ],
)
def test_a_server_elsewhere_is_verified(changed: dict[str, str], code: str) -> None:
    given = {"host": "db.example", "user": "offboard", "password": "s3cret-word"} | changed
    with pytest.raises(ConnectorError, match=code) as raised:
        connect("postgresql", given, allowed_hosts=["db.example:5432"])
    assert "s3cret" not in raised.value.detail


async def test_a_rehearsal_names_the_statements_and_changes_nothing(
    run: RunStatement, postgres: PostgresServer, make: MakeRole, connector: Connector
) -> None:
    assert isinstance(connector, Rehearses)
    role, group = await make(), await make(login=False)
    await run("GRANT {group} TO {role}", group=group, role=role)
    account = await found(connector, role)
    async with await session(postgres, role) as theirs:
        said = {
            ability: await connector.rehearse(Effect(ability, "run-1/step-1/1", account, deadline=10.0))
            for ability in ("disable_account", "end_sessions", "remove_from_groups", "snapshot_access")
        }
        await theirs.execute("SELECT 1")
    statements = {ability: [one.path for one in found_.requests] for ability, found_ in said.items() if found_}
    assert statements["disable_account"] == ["ALTER ROLE {} NOLOGIN"]
    assert "pg_terminate_backend" in statements["end_sessions"][0]
    assert statements["remove_from_groups"][0].startswith("REVOKE {} FROM {}")
    assert role not in str(said)
    assert (await found(connector, role)).active
    assert (await look(connector, "remove_from_groups", account)).outcome == "not_done"
