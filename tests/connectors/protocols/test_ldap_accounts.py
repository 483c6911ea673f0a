"""Which address of an LDAP entry is the main one, and the entry that Offboard signs in with, against slapd."""

from __future__ import annotations

import pytest

from connectors.abilities import Effect, Lookup
from connectors.errors import RefusedError
from tests.connectors.protocols.odd_directory import BASE, NORA, connected, odd_directory


async def test_one_of_several_addresses_is_not_the_main_one() -> None:
    """LDAP has no order of values: either can be the former address of another person."""
    people = "".join(
        f"dn: uid={name},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n{mail}\n"
        for name, mail in (
            ("boss", "mail: boss@example.org\nmail: gone@example.org\n"),
            ("one", "mail: one@example.org\n"),
        )
    )
    async with odd_directory(people) as url, connected(url) as ldap:
        (boss,) = await ldap.find_accounts([Lookup("mail", "gone@example.org"), Lookup("uid", "boss")])
        assert (boss.label, boss.secondary) == ("boss", {"mail"})
        (one,) = await ldap.find_accounts([Lookup("mail", "One@example.org")])
        assert (one.label, one.secondary) == ("one", frozenset())


@pytest.mark.parametrize("ability", ["lock_account", "remove_from_groups", "remove_ssh_keys", "scramble_password"])
async def test_the_account_that_offboard_signs_in_with_is_never_changed(ability: str) -> None:
    """An administrator who leaves set up the connection with the own account."""
    bind_dn = NORA.replace("uid=nora,", "UID = Nora , ")
    nora = f'by dn.exact="{NORA}" manage'
    rules = f"access to attrs=userPassword {nora} by anonymous auth by * none\naccess to * {nora} by * none"
    async with odd_directory(rules=rules) as url, connected(url, bind_dn=bind_dn, password="nora") as ldap:
        (nora,) = await ldap.find_accounts([Lookup("uid", "nora")])
        step = Effect(ability, "run-1/step-1/1", nora)
        for call in (ldap.attempt, ldap.rehearse):  # type: ignore[attr-defined]
            with pytest.raises(RefusedError, match="own_account") as refused:
                await call(step)
            assert refused.value.happened == "no" and "bind_dn" in refused.value.remedy
        assert (await ldap.read_back(Effect("snapshot_access", "run-1/step-1/1", nora))).evidence
