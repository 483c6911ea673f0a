"""Memberships in roles, as PostgreSQL keeps them with their grantors."""

from __future__ import annotations

import pytest

from connectors.abilities import Connector
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
