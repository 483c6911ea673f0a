"""Memberships in roles, as PostgreSQL keeps them with their grantors."""

from __future__ import annotations

import pytest

from connectors.abilities import Connector, Effect
from connectors.errors import ActionRequiredError, RefusedError
from orchestrator.embedded.postgres import PostgresServer
from tests.connectors.vendors.postgresql.accounts import (
    CREDENTIAL,
    MakeRole,
    RunStatement,
    act,
    connector_as,
    found,
    look,
)


async def test_memberships_are_revoked(run: RunStatement, make: MakeRole, connector: Connector) -> None:
    role, readers, writers, outer, kept = [await make(login=not n) for n in range(5)]
    await run(
        "GRANT {outer} TO {writers}",
        "GRANT {readers}, {writers}, {kept} TO {role}",
        f"GRANT {{writers}} TO {{role}} WITH ADMIN OPTION GRANTED BY {CREDENTIAL}",  # a second grant of the same
        role=role,
        readers=readers,
        writers=writers,
        outer=outer,
        kept=kept,
    )
    account = await found(connector, role)
    seen = await look(connector, "remove_from_groups", account)
    assert [group["name"] for group in seen.evidence["groups"]] == sorted([readers, writers, writers, kept])

    # What a superuser granted, our own role may not revoke: named, and the rest is revoked.
    with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
        await act(connector, "remove_from_groups", account, keep=[kept])
    assert f"Removed from: {writers}." in raised.value.detail


async def test_a_superuser_revokes_what_others_granted(
    run: RunStatement, postgres: PostgresServer, make: MakeRole
) -> None:
    role, readers, writers, outer, kept = [await make(login=not n) for n in range(5)]
    await run(
        "GRANT {outer} TO {writers}",
        "GRANT {readers}, {writers}, {kept} TO {role}",
        f"GRANT {{writers}} TO {{role}} WITH ADMIN OPTION GRANTED BY {CREDENTIAL}",
        role=role,
        readers=readers,
        writers=writers,
        outer=outer,
        kept=kept,
    )
    connector = connector_as(postgres, "postgres")
    account = await found(connector, role)
    with pytest.raises(RefusedError, match="nested_membership"):
        await act(connector, "remove_from_groups", account, groups=[outer])
    assert (await look(connector, "remove_from_groups", account, groups=[outer])).outcome == "not_done"

    detail, seen = await act(connector, "remove_from_groups", account, keep=[kept])
    assert [group["name"] for group in detail["left_groups"]] == sorted([readers, writers, writers])
    assert seen.outcome == "done"
    assert (await look(connector, "remove_from_groups", account)).evidence["groups"][0]["name"] == kept
    with pytest.raises(RefusedError, match="group_not_found"):
        await act(connector, "remove_from_groups", account, groups=["no_such_role"])
    assert (await look(connector, "remove_from_groups", account, groups=["no_such_role"])).outcome == "unknown"


async def test_memberships_of_others_are_not_revoked_with_ones_own(
    run: RunStatement, postgres: PostgresServer, make: MakeRole
) -> None:
    role, group, other = await make(), await make(login=False), await make()
    await run(
        "GRANT {group} TO {role} WITH ADMIN OPTION",
        "GRANT {group} TO {other} GRANTED BY {role}",
        role=role,
        group=group,
        other=other,
    )
    connector = connector_as(postgres, "postgres")
    with pytest.raises(RefusedError, match="group_cannot_be_left") as raised:
        await act(connector, "remove_from_groups", await found(connector, role))
    assert "CASCADE" in raised.value.remedy
    assert await run("SELECT 1 WHERE pg_has_role(%s, %s, 'MEMBER')", values=(other, group))


async def options_of(run: RunStatement, role: str) -> dict[str, tuple[bool, bool, bool]]:
    """By role, what all grants of a membership give together: ADMIN, INHERIT, SET."""
    rows = await run(
        "SELECT roleid::regrole::text, bool_or(admin_option), bool_or(inherit_option), bool_or(set_option) "
        "FROM pg_auth_members WHERE member = %s::regrole GROUP BY 1",
        values=(role,),
    )
    return {name.strip('"'): tuple(options) for name, *options in rows}


async def test_a_restore_grants_the_memberships_again_with_their_options(
    run: RunStatement, postgres: PostgresServer, make: MakeRole
) -> None:
    role, readers, writers, admins, dropped, renamed = [await make(login=not n) for n in range(6)]
    await run(
        "GRANT {readers} TO {role} WITH INHERIT FALSE, SET TRUE",
        "GRANT {writers} TO {role} WITH INHERIT TRUE, SET FALSE",
        f"GRANT {{writers}} TO {{role}} WITH ADMIN OPTION GRANTED BY {CREDENTIAL}",
        "GRANT {admins}, {dropped}, {renamed} TO {role}",
        role=role,
        readers=readers,
        writers=writers,
        admins=admins,
        dropped=dropped,
        renamed=renamed,
    )
    before = await options_of(run, role)
    assert before[readers] == (False, False, True) and before[writers][0], "several grants are one membership"
    connector = connector_as(postgres, "postgres")
    account = await found(connector, role)
    recorded = (await look(connector, "snapshot_access", account)).evidence["groups"]
    detail, _ = await act(connector, "remove_from_groups", account)
    assert await options_of(run, role) == {}
    taken = {one["id"]: one for one in reversed(detail["left_groups"])}
    assert {one["id"]: one["membership"] for one in recorded} == {id_: one["membership"] for id_, one in taken.items()}
    await run(
        "DROP ROLE {dropped}",
        "ALTER ROLE {renamed} RENAME TO {other}",
        dropped=dropped,
        renamed=renamed,
        other=f"{renamed}x",
    )
    await run("GRANT {writers} TO {role}", role=role, writers=writers)

    effect = Effect("add_to_groups", "run-2/join/1", account, {}, deadline=10.0, taken=tuple(taken.values()))
    assert (await connector.read_back(effect)).outcome == "not_done"
    with pytest.raises(RefusedError, match="group_cannot_be_joined") as raised:
        await connector.attempt(effect)
    assert f"Not added to: {renamed}x." in raised.value.detail and readers in raised.value.detail
    after = await options_of(run, role)
    assert after == {name: options for name, options in before.items() if name in (readers, writers, admins)}

    await run("ALTER ROLE {other} RENAME TO {renamed}", renamed=renamed, other=f"{renamed}x")
    reply = await connector.attempt(effect)
    assert [one["name"] for one in reply.detail["joined_groups"]] == [renamed]
    assert [one["name"] for one in reply.detail["deleted_groups"]] == [dropped]
    seen = await connector.read_back(effect)
    assert seen.outcome == "done" and [one["name"] for one in seen.evidence["deleted_groups"]] == [dropped]
    assert (await connector.attempt(effect)).detail["joined_groups"] == [], "a repeat grants nothing"
    assert await options_of(run, role) == {name: options for name, options in before.items() if name != dropped}


async def test_a_membership_that_our_role_may_not_grant_is_named_and_the_others_are_granted(
    run: RunStatement, make: MakeRole, connector: Connector
) -> None:
    role, ours, others = await make(), await make(login=False), "role_of_others"
    await run("CREATE ROLE {others}", others=others)
    account = await found(connector, role)
    oids = dict(
        await run("SELECT rolname::text, oid::text FROM pg_roles WHERE rolname = ANY(%s)", values=([ours, others],))
    )
    taken = tuple({"id": oids[name], "name": name, "admin_option": False} for name in (ours, others))
    effect = Effect("add_to_groups", "run-2/join/1", account, {}, deadline=10.0, taken=taken)
    with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
        await connector.attempt(effect)
    assert f"Not added to: {others}." in raised.value.detail and f"Added to: {ours}." in raised.value.detail
    assert set(await options_of(run, role)) == {ours}
    assert (await connector.read_back(effect)).outcome == "not_done"
    await run("DROP ROLE {others}", others=others)


@pytest.mark.parametrize(
    ("ability", "catalogue"),
    [
        ("remove_from_groups", "pg_auth_members"),
        ("hand_over_ownership", "pg_shdepend"),
        ("end_sessions", "pg_stat_activity"),
        ("drop_account", "pg_roles"),
    ],
)
async def test_a_catalogue_that_may_not_be_read_is_an_error_and_not_empty(
    run: RunStatement, make: MakeRole, connector: Connector, ability: str, catalogue: str
) -> None:
    """Each session can read the catalogues unless a superuser revokes it. So an empty list of them is evidence."""
    account = await found(connector, await make())
    if ability != "drop_account":
        assert (await look(connector, ability, account)).outcome == "done"
    await run("REVOKE SELECT ON pg_catalog.{catalogue} FROM PUBLIC", catalogue=catalogue)
    try:
        with pytest.raises(ActionRequiredError):
            await look(connector, ability, account)
    finally:
        await run("GRANT SELECT ON pg_catalog.{catalogue} TO PUBLIC", catalogue=catalogue)
