"""What a run removed in an LDAP directory is given back, and what the directory hides is not taken as given back."""

from __future__ import annotations

import pytest

from connectors.abilities import Effect, Lookup
from tests.connectors.protocols.odd_directory import (
    BASE,
    DEFAULT,
    EVA,
    FOREIGN_SCHEMA,
    MANAGER,
    POLICY,
    connected,
    group,
    odd_directory,
    signs_in,
    values,
)

pytestmark = pytest.mark.usefixtures("needs_directory")

GROUP_ID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"  # of no group
RESTORED = (
    ("lock_account", "locked", "unlock_account"),
    ("remove_from_groups", "left_groups", "add_to_groups"),
    ("remove_ssh_keys", "keys_by_attribute", "add_ssh_keys"),
)


async def test_what_a_run_removed_is_given_back() -> None:
    keys = EVA.format(kind="ldapPublicKey", attribute="sshPublicKey: ssh-ed25519 AAAA eva\nsshPublicKey: ssh-rsa AAAA")
    locks, dn = POLICY.format(name="default", locks="TRUE"), f"uid=eva,ou=people,{BASE}"
    entries = locks + keys + group("staff", dn, MANAGER) + group("sales", dn, MANAGER)
    async with odd_directory(entries, overlays=DEFAULT, schema=FOREIGN_SCHEMA) as url, connected(url) as ldap:
        (eva,) = await ldap.find_accounts([Lookup("uid", "eva")])
        for removal, taken_as, restore in RESTORED:
            reply = await ldap.attempt(Effect(removal, "key", eva))
            effect = Effect(restore, "key", eva, taken=tuple(reply.detail[taken_as]))
            assert effect.taken and (await ldap.read_back(effect)).outcome == "not_done"
            await ldap.attempt(effect)
            assert (await ldap.read_back(effect)).outcome == "done"
            assert (await ldap.read_back(Effect(removal, "key", eva))).outcome == "not_done"
        assert await signs_in(url, dn, "eva")
        assert sorted(await values(url, dn, "sshPublicKey")) == ["ssh-ed25519 AAAA eva", "ssh-rsa AAAA"]
        assert await values(url, f"cn=staff,ou=groups,{BASE}", "member") == [MANAGER, dn]


@pytest.mark.parametrize(
    ("ability", "hidden", "taken"),
    [
        ("unlock_account", "attrs=pwdAccountLockedTime", {"id": "pwdAccountLockedTime", "before": None}),
        ("add_ssh_keys", "attrs=sshPublicKey", {"id": "sshPublicKey", "keys": ["ssh-ed25519 AAAA eva"]}),
        ("add_to_groups", "attrs=member", {"id": GROUP_ID, "name": "staff"}),
        ("add_to_groups", f'dn.subtree="ou=groups,{BASE}" attrs=entryUUID', {"id": GROUP_ID, "name": "staff"}),
    ],
)
async def test_what_is_hidden_is_not_taken_as_given_back(ability: str, hidden: str, taken: dict[str, object]) -> None:
    entries = POLICY.format(name="default", locks="TRUE") + EVA.format(kind="ldapPublicKey", attribute="mail: e@x.org")
    rules = f'access to {hidden} by dn.exact="{MANAGER}" none by * none'
    async with (
        odd_directory(entries + group("staff", MANAGER), overlays=DEFAULT, schema=FOREIGN_SCHEMA, rules=rules) as url,
        connected(url) as ldap,
    ):
        (eva,) = await ldap.find_accounts([Lookup("uid", "eva")])
        assert (await ldap.read_back(Effect(ability, "key", eva, taken=(taken,)))).outcome == "unknown"


async def test_a_group_that_was_deleted_does_not_keep_a_restore_open() -> None:
    async with odd_directory(group("staff", MANAGER)) as url, connected(url) as ldap:
        (nora,) = await ldap.find_accounts([Lookup("uid", "nora")])
        deleted = {"id": GROUP_ID, "name": "sales"}
        look = await ldap.read_back(Effect("add_to_groups", "key", nora, taken=(deleted,)))
        assert (look.outcome, look.evidence["deleted_groups"]) == ("done", [deleted])
