"""The list of PostgreSQL's accounts, for accounts without an owner: the roles that can sign in."""

from __future__ import annotations

import pytest

from connectors.abilities import Connector
from connectors.errors import RefusedError
from connectors.listing import AccountsListed, ListsAccounts
from tests.connectors.vendors.postgresql.accounts import CREDENTIAL, MakeRole, RunStatement


async def listed(connector: Connector, *attributes: str, at_most: int = 5000) -> AccountsListed:
    assert isinstance(connector, ListsAccounts)
    found = await connector.list_accounts(attributes, at_most=at_most, deadline=10.0)
    assert found is not None
    return found


async def test_roles_that_can_sign_in_are_listed_with_their_values(
    run: RunStatement, make: MakeRole, connector: Connector
) -> None:
    group, through, plain, powerful = await make(login=False), await make(login=False), await make(), await make()
    await run("COMMENT ON ROLE {name} IS ' E-77 '", name=plain)
    await run("GRANT pg_read_all_data TO {name}", name=group)
    await run("GRANT {group} TO {name}", group=group, name=through)
    await run("GRANT {group} TO {name}", group=through, name=powerful)
    found = await listed(connector, "comment", "rolname", "email_local_part", "oid")
    assert found.complete and found.local_parts == {"email_local_part"}
    by_name = {one.account.label: one for one in found.accounts}
    assert {plain, powerful, CREDENTIAL} <= set(by_name) and not {group, through} & set(by_name)
    assert not any(name.startswith("pg_") for name in by_name)
    one = by_name[plain]
    assert one.values == {
        "comment": ("E-77",),
        "rolname": (plain,),
        "email_local_part": (plain,),
        "oid": (one.account.native_id,),
    }
    assert (one.account.active, one.account.privileged) == (True, False)
    assert by_name[powerful].account.privileged and "comment" not in by_name[powerful].values
    cut = await listed(connector, "rolname", at_most=1)
    assert len(cut.accounts) == 1 and not cut.complete and not cut.local_parts


async def test_an_attribute_that_roles_do_not_have_is_refused(connector: Connector) -> None:
    with pytest.raises(RefusedError, match="unknown_attribute"):
        await listed(connector, "employeeNumber")
