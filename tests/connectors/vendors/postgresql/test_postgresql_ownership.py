"""What a role owns in two databases: shown, handed over, and in the way of dropping the role."""

from __future__ import annotations

import pytest

from connectors.abilities import Connector, Lookup
from connectors.errors import ActionRequiredError, RefusedError
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


async def owning(run: RunStatement, role: str, *databases: str) -> None:
    for database in databases:
        await run(
            "CREATE SCHEMA {role} AUTHORIZATION {role}",
            'CREATE TABLE {role}."of Ida" (n int)',
            'ALTER TABLE {role}."of Ida" OWNER TO {role}',
            database=database,
            role=role,
        )


async def test_what_it_owns_is_handed_over_in_every_database(
    run: RunStatement, postgres: PostgresServer, make: MakeRole, connector: Connector
) -> None:
    role, heir = await make(), await make()
    await owning(run, role, *DATABASES)
    account = await found(connector, role)
    seen = await look(connector, "hand_over_ownership", account)
    assert seen.outcome == "not_done"
    assert seen.evidence["owned_objects"] == dict.fromkeys(DATABASES, 2)

    detail, seen = await act(connector, "hand_over_ownership", account, to_role=heir)
    assert {each["name"] for each in detail["handed_over"]} == set(DATABASES)
    assert seen.outcome == "done"
    for database in DATABASES:
        owners = await run("SELECT tableowner FROM pg_tables WHERE tablename = 'of Ida'", database=database)
        assert (heir,) in owners
        assert (role,) not in owners
    # Our own role was a member of both for the transaction only.
    for name in (role, heir):
        assert await run("SELECT 1 WHERE NOT pg_has_role(%s, %s, 'USAGE')", values=(CREDENTIAL, name))


async def test_a_database_that_belongs_to_the_role_is_handed_over(
    run: RunStatement, postgres: PostgresServer, make: MakeRole
) -> None:
    role, heir = await make(), await make(login=False)
    await run("COMMENT ON ROLE {heir} IS 'Heir@Example.com'", heir=heir)
    await run("CREATE DATABASE {role} OWNER {role}", role=role)
    try:
        connector = connector_as(postgres, "postgres")
        account = await found(connector, role)
        snapshot = await look(connector, "snapshot_access", account)
        assert snapshot.evidence["owned_names"] == {"(server)": [f"database {role}"]}
        _, seen = await act(connector, "hand_over_ownership", account, to_email="heir@example.com")
        assert seen.outcome == "done"
    finally:
        await postgres.drop_database(role)


async def test_one_database_without_access_does_not_keep_the_others(
    run: RunStatement, make: MakeRole, connector: Connector
) -> None:
    role, heir = await make(), await make()
    await owning(run, role, *DATABASES)
    await run('REVOKE CONNECT ON DATABASE "accounts one" FROM PUBLIC')
    try:
        account = await found(connector, role)
        with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
            await act(connector, "hand_over_ownership", account, to_role=heir)
        assert "Not handed over: accounts one." in raised.value.detail
        assert "Handed over: accounts_two." in raised.value.detail
        assert raised.value.happened == "unknown"
        seen = await look(connector, "hand_over_ownership", account)
        assert (seen.outcome, seen.evidence["owned_objects"]) == ("not_done", {"accounts one": 2})
        snapshot = await look(connector, "snapshot_access", account)
        assert snapshot.evidence["databases_not_read"] == ["accounts one"]
    finally:
        await run('GRANT CONNECT ON DATABASE "accounts one" TO PUBLIC')


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"to_role": "no_such_role"}, "recipient_not_found"),
        ({"to_account": "99"}, "recipient_not_found"),
        ({"to_account": "x"}, "recipient_not_found"),
        ({"to_email": "nobody@example.com"}, "recipient_not_found"),
        ({"to_role": "postgres"}, "recipient_not_usable"),
        ({"to_role": "pg_monitor"}, "recipient_not_usable"),
        ({}, "parameter_missing"),
    ],
)
async def test_recipients_that_cannot_be(
    parameters: dict[str, str], code: str, make: MakeRole, connector: Connector
) -> None:
    role = await make()
    with pytest.raises(RefusedError, match=code) as raised:
        await act(connector, "hand_over_ownership", await found(connector, role), **parameters)
    assert raised.value.happened == "no"


async def test_a_role_is_dropped_only_if_nothing_refers_to_it(
    run: RunStatement, postgres: PostgresServer, make: MakeRole, connector: Connector
) -> None:
    role, heir, member = await make(), await make(), await make()
    await owning(run, role, DATABASES[0])
    await run(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT SELECT ON TABLES TO {heir}",
        role=role,
        heir=heir,
        database=DATABASES[1],
    )
    await run("GRANT {role} TO {member}", role=role, member=member)
    account = await found(connector, role)

    async def refused(said: str) -> None:
        with pytest.raises(RefusedError, match="account_in_use") as raised:
            await act(connector, "drop_account", account)
        assert said in raised.value.detail
        assert (await look(connector, "drop_account", account)).outcome == "not_done"

    await refused("'owned_objects': {'accounts one': 2}")
    _, seen = await act(connector, "hand_over_ownership", account, to_role=heir)
    assert seen.outcome == "done"
    assert seen.evidence["default_privileges_and_user_mappings"] == {"accounts_two": 1}
    await refused("'default_privileges_and_user_mappings': {'accounts_two': 1}")
    await run(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {role} REVOKE SELECT ON TABLES FROM {heir}",
        role=role,
        heir=heir,
        database=DATABASES[1],
    )
    await refused(member)
    await run("REVOKE {role} FROM {member}", role=role, member=member)
    async with await session(postgres, role):
        await refused("open sessions")
    await act(connector, "end_sessions", account)

    detail, seen = await act(connector, "drop_account", account)
    assert (detail["dropped"]["rolname"], seen.outcome) == (role, "done")
    assert await connector.find_accounts([Lookup("rolname", role)]) == []
    with pytest.raises(RefusedError, match="account_gone"):
        await act(connector, "disable_account", account)
    assert (await look(connector, "disable_account", account)).outcome == "unknown"


async def test_the_snapshot_shows_what_the_role_has(
    run: RunStatement, postgres: PostgresServer, make: MakeRole
) -> None:
    role, group, outer = await make(attributes="CREATEDB REPLICATION BYPASSRLS"), await make(login=False), await make()
    await run(
        "GRANT {outer} TO {group}",
        "GRANT {group} TO {role} WITH ADMIN OPTION",
        "ALTER ROLE {role} SET work_mem = '8MB'",
        "COMMENT ON ROLE {role} IS 'E-1042'",
        role=role,
        group=group,
        outer=outer,
    )
    await owning(run, role, *DATABASES)
    await run(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT SELECT ON TABLES TO {group}",
        role=role,
        group=group,
        database=DATABASES[1],
    )
    connector = connector_as(postgres, CREDENTIAL, max_names="1")
    async with await session(postgres, role, DATABASES[0]):
        seen = await look(connector, "snapshot_access", await found(connector, role))
    evidence = seen.evidence
    assert seen.outcome == "done"
    assert evidence["attributes"] == ["createdb", "replication", "bypassrls"]
    assert (evidence["comment"], evidence["connection_limit"]) == ("E-1042", -1)
    assert evidence["settings"] == [{"database": "", "settings": "{work_mem=8MB}"}]
    assert [(each["name"], each["admin_option"]) for each in evidence["groups"]] == [(group, True)]
    assert evidence["nested_groups"] == [{"name": outer, "via": group}]
    assert evidence["owned_objects"] == dict.fromkeys(DATABASES, 2)
    assert evidence["owned_names"]["accounts_two"] == [f"default acl for role {role} on tables"]
    assert evidence["owned_names"]["accounts one"] == [f"schema {role}"]
    (default,) = evidence["default_privileges"]["accounts_two"]
    assert (default["schema"], default["objects"]) == ("", "r")
    (open_session,) = evidence["sessions"]
    assert open_session["database"] == "accounts one"
    assert evidence["prepared_transactions"] == 0
