"""Directories that show less than they know, or spell it in another way: nothing is done without evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.protocols.ldap import ACTS
from tests.connectors import ldap_recordings
from tests.connectors.protocols.odd_directory import (
    BASE,
    DEFAULT,
    EVA,
    FOREIGN_SCHEMA,
    MANAGER,
    NORA,
    POLICY,
    connected,
    group,
    odd_directory,
    signs_in,
    values,
)

pytestmark = pytest.mark.usefixtures("needs_directory")

POSIX = f"""dn: cn=wheel,ou=groups,{BASE}
objectClass: posixGroup
cn: wheel
gidNumber: 10
memberUid: Nora
memberUid: ida

"""


async def nora(ldap: Connector) -> Account:
    (account,) = await ldap.find_accounts([Lookup("uid", "nora")])
    return account


@pytest.mark.parametrize(
    ("policies", "overlays", "attempt", "outcome"),
    [
        ("", "overlay ppolicy", "", "unknown"),
        (POLICY.format(name="default", locks="FALSE"), DEFAULT, "password_policy_missing", "not_done"),
        (POLICY.format(name="default", locks="TRUE"), DEFAULT, "", "done"),
        (
            POLICY.format(name="default", locks="FALSE") + POLICY.format(name="services", locks="TRUE"),
            DEFAULT,
            "",
            "unknown",
        ),
    ],
)
async def test_a_lock_is_done_only_where_a_policy_heeds_it(
    policies: str, overlays: str, attempt: str, outcome: str
) -> None:
    async with odd_directory(policies, overlays=overlays) as url, connected(url) as ldap:
        effect = Effect("lock_account", "key", await nora(ldap))
        if attempt:
            with pytest.raises(RefusedError, match=attempt):
                await ldap.attempt(effect)
        else:
            await ldap.attempt(effect)
        assert (await ldap.read_back(effect)).outcome == outcome
        assert await signs_in(url, NORA, "nora") == (outcome != "done")
        checked = await ldap.check()
        assert checked.reachable
        assert ("password_policy_missing" in checked.detail) == (outcome != "done")


async def test_the_setting_names_the_policy_where_they_differ() -> None:
    policies = POLICY.format(name="default", locks="TRUE") + POLICY.format(name="services", locks="FALSE")
    async with odd_directory(policies, overlays=DEFAULT) as url:
        async with connected(url, password_policy=f"cn=default,{BASE}") as ldap:
            effect = Effect("lock_account", "key", await nora(ldap))
            await ldap.attempt(effect)
            assert (await ldap.read_back(effect)).outcome == "done"
            assert (await nora(ldap)).active is False
        assert not await signs_in(url, NORA, "nora")


async def test_a_member_in_another_case_is_found_and_removed() -> None:
    async with odd_directory(POSIX) as url, connected(url) as ldap:
        effect = Effect("remove_from_groups", "key", await nora(ldap))
        assert (await ldap.read_back(effect)).outcome == "not_done"
        await ldap.attempt(effect)
        assert await values(url, f"cn=wheel,ou=groups,{BASE}", "memberUid") == ["ida"]
        assert (await ldap.read_back(effect)).outcome == "done"


async def test_a_group_is_named_in_any_case_and_must_exist() -> None:
    async with odd_directory(group("Payroll", NORA, MANAGER) + group("Staff", NORA, MANAGER)) as url:
        async with connected(url) as ldap:
            effect = Effect("remove_from_groups", "key", await nora(ldap), {"groups": ["payroll", "Payrol"]})
            with pytest.raises(RefusedError, match="group_not_found") as raised:
                await ldap.attempt(effect)
            assert "Payrol." in raised.value.detail and "Removed from: Payroll" in raised.value.detail
            look = await ldap.read_back(effect)
            assert (look.outcome, look.evidence["groups_not_found"]) == ("unknown", ["Payrol"])
            known = Effect("remove_from_groups", "key", effect.account, {"groups": ["payroll"]})
            assert (await ldap.read_back(known)).outcome == "done"
        assert await values(url, f"cn=Staff,ou=groups,{BASE}", "member") == [NORA, MANAGER]


async def test_a_group_that_refuses_keeps_the_entry_in_no_other() -> None:
    refuses = f'access to dn.exact="cn=b,ou=groups,{BASE}" by dn.exact="{MANAGER}" read'
    groups = "".join(group(name, NORA, MANAGER) for name in ("a", "b", "c"))
    async with odd_directory(groups, rules=refuses) as url, connected(url) as ldap:
        effect = Effect("remove_from_groups", "key", await nora(ldap))
        with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
            await ldap.attempt(effect)
        assert "Not removed from: b." in raised.value.detail and "Removed from: a, c" in raised.value.detail
        left_over = (await ldap.read_back(effect)).evidence["groups"]
        assert [each["name"] for each in left_over] == ["b"]


async def test_groups_that_are_not_shown_are_not_left() -> None:
    hidden = f'access to dn.children="ou=groups,{BASE}" by * none'
    async with odd_directory(group("a", NORA, MANAGER), rules=hidden) as url, connected(url) as ldap:
        account = await nora(ldap)
        for ability in ("remove_from_groups", "snapshot_access"):
            assert (await ldap.read_back(Effect(ability, "key", account))).outcome == "unknown"


@pytest.mark.parametrize("ability", [ability.name for ability in ACTS.abilities.values()])
async def test_a_directory_that_shows_nothing_but_the_entry_proves_nothing(ability: str) -> None:
    """Groups, policies, keys and passwords are hidden. An entry that is there is answered for as it is."""
    shown = "entry,objectClass,entryUUID,uid,cn,sn,employeeNumber"
    bases = "".join(
        f'access to dn.exact="ou={name},{BASE}" by dn.exact="{MANAGER}" search by * none\n'
        for name in ("people", "groups")
    )
    rules = (
        f'access to dn.exact="{NORA}" attrs={shown} by dn.exact="{MANAGER}" read by * none\n'
        f"{bases}access to * by anonymous auth by * none"
    )
    async with (
        odd_directory(POSIX + group("staff", NORA), rules=rules, schema=FOREIGN_SCHEMA) as url,
        connected(url) as ldap,
    ):
        account = await nora(ldap)
        assert (await ldap.read_back(Effect(ability, "key", account))).outcome != "done"


async def test_groups_by_a_uid_that_is_not_shown_are_not_left() -> None:
    rules = f'access to dn.exact="{NORA}" attrs=uid by dn.exact="{MANAGER}" search by * none'
    async with odd_directory(POSIX, rules=rules) as url, connected(url) as ldap:
        (account,) = await ldap.find_accounts([Lookup("employeeNumber", "1001")])
        assert (await ldap.read_back(Effect("remove_from_groups", "key", account))).outcome == "unknown"


async def test_an_entry_without_a_uid_is_in_no_group_that_lists_uids() -> None:
    without_uid = f"dn: cn=Eva,ou=people,{BASE}\nobjectClass: inetOrgPerson\ncn: Eva\nsn: Lind\nemployeeNumber: 7\n\n"
    async with odd_directory(POSIX + without_uid) as url, connected(url) as ldap:
        (eva,) = await ldap.find_accounts([Lookup("employeeNumber", "7")])
        assert (await ldap.read_back(Effect("remove_from_groups", "key", eva))).outcome == "done"


async def test_a_part_of_the_subtree_on_another_server_is_no_short_list() -> None:
    elsewhere = f"""dn: ou=berlin,ou=people,{BASE}
objectClass: referral
objectClass: extensibleObject
ou: berlin
ref: ldap://berlin.example/ou=berlin,ou=people,{BASE}

"""
    async with odd_directory(elsewhere) as url, connected(url) as ldap:
        with pytest.raises(ActionRequiredError, match="list_incomplete"):
            await ldap.find_accounts([Lookup("uid", "ida")])


async def test_an_attribute_that_no_one_has_proves_no_absence() -> None:
    async with odd_directory() as url, connected(url) as ldap:
        assert await ldap.find_accounts([Lookup("uid", "ida"), Lookup("employeeNumber", "7")]) == []
        with pytest.raises(ActionRequiredError, match="search_unproven") as raised:
            await ldap.find_accounts([Lookup("uid", "ida"), Lookup("mail", "ida@example.org")])
        assert "mail" in raised.value.detail
    hidden = f'access to dn.subtree="ou=people,{BASE}" attrs=employeeNumber by * none'
    async with odd_directory(rules=hidden) as url, connected(url) as ldap:
        with pytest.raises(ActionRequiredError, match="search_unproven"):
            await ldap.find_accounts([Lookup("employeeNumber", "1001")])


@pytest.mark.parametrize("attribute", ["employeeNumber", "userid"], ids=["may_not_be_read", "has_another_name"])
async def test_an_entry_that_is_found_by_what_is_not_shown_is_not_absent(attribute: str) -> None:
    searched_only = f'access to attrs=employeeNumber by dn.exact="{MANAGER}" search by * none'
    async with odd_directory(rules=searched_only) as url, connected(url) as ldap:
        value = {"employeeNumber": "1001", "userid": "nora"}[attribute]
        with pytest.raises(ActionRequiredError, match="search_unproven") as raised:
            await ldap.find_accounts([Lookup(attribute, value)])
        assert attribute in raised.value.detail


async def test_a_value_with_a_language_is_a_value() -> None:
    mail = f"dn: uid=eva,ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: eva\ncn: Eva\nsn: Lind\n{{mail}}\n"
    with_language = mail.format(mail="mail: e.lind@example.org\nmail;lang-de: eva@example.org\n")
    async with odd_directory(with_language) as url, connected(url) as ldap:
        (eva,) = await ldap.find_accounts([Lookup("mail", "eva@example.org")])
        assert (eva.label, eva.attributes["mail"]) == ("eva", "eva@example.org")


async def test_keys_that_are_left_are_in_the_evidence() -> None:
    keys = EVA.format(kind="ldapPublicKey", attribute="sshPublicKey: ssh-ed25519 AAAA eva\nsshPublicKey: ssh-rsa AAAA")
    async with odd_directory(keys, schema=FOREIGN_SCHEMA) as url, connected(url) as ldap:
        (account,) = await ldap.find_accounts([Lookup("uid", "eva")])
        for ability in ("snapshot_access", "lock_account", "scramble_password", "remove_from_groups"):
            look = await ldap.read_back(Effect(ability, "key", account))
            assert look.evidence["other_credentials"] == {"sshPublicKey": 2}


async def test_ssh_keys_are_removed_and_their_absence_is_shown() -> None:
    keys = EVA.format(kind="ldapPublicKey", attribute="sshPublicKey: ssh-ed25519 AAAA eva\nsshPublicKey: ssh-rsa AAAA")
    async with odd_directory(keys, schema=FOREIGN_SCHEMA) as url, connected(url) as ldap:
        (account,) = await ldap.find_accounts([Lookup("uid", "eva")])
        removal = Effect("remove_ssh_keys", "key", account)
        assert (await ldap.read_back(removal)).outcome == "not_done"
        reply = await ldap.attempt(removal)
        assert set(reply.detail["removed_keys"]["sshPublicKey"]) == {"ssh-ed25519 AAAA eva", "ssh-rsa AAAA"}
        assert await values(url, f"uid=eva,ou=people,{BASE}", "sshPublicKey") == []
        assert (await ldap.read_back(removal)).outcome == "done"
        assert (await ldap.attempt(removal)).detail == {"removed_keys": {}, "keys_by_attribute": []}


async def test_keys_that_are_hidden_are_not_taken_as_removed() -> None:
    keys = EVA.format(kind="ldapPublicKey", attribute="sshPublicKey: ssh-ed25519 AAAA eva")
    for rights in ("none", "compare"):
        rules = f'access to attrs=sshPublicKey by dn.exact="{MANAGER}" {rights} by * none'
        async with odd_directory(keys, schema=FOREIGN_SCHEMA, rules=rules) as url, connected(url) as ldap:
            (account,) = await ldap.find_accounts([Lookup("uid", "eva")])
            assert (await ldap.read_back(Effect("remove_ssh_keys", "key", account))).outcome == "unknown"


SHADOW = f"""dn: uid=ole,ou=people,{BASE}
objectClass: inetOrgPerson
objectClass: shadowAccount
uid: ole
cn: Ole Vik
sn: Vik
userPassword: ole

"""


async def test_a_lock_for_login_programs_is_set_and_said_to_be_one() -> None:
    async with odd_directory(SHADOW) as url, connected(url, lock="shadow_expire") as ldap:
        assert "the directory itself still accepts the password" in (await ldap.check()).detail
        (ole,) = await ldap.find_accounts([Lookup("uid", "ole")])
        lock = Effect("lock_account", "key", ole)
        assert ole.active is True and (await ldap.read_back(lock)).outcome == "not_done"
        await ldap.attempt(lock)
        assert await values(url, f"uid=ole,ou=people,{BASE}", "shadowExpire") == ["1"]
        look = await ldap.read_back(lock)
        assert look.outcome == "done" and look.evidence["locked_by"] == "shadowExpire"
        assert (await ldap.find_accounts([Lookup("uid", "ole")]))[0].active is False
        with pytest.raises(RefusedError, match="lock_not_possible"):
            await ldap.attempt(Effect("lock_account", "key", await nora(ldap)))


async def test_without_a_way_to_lock_the_check_says_it() -> None:
    async with odd_directory(without_module="ppolicy") as url:
        async with connected(url) as ldap:
            assert "password_policy_missing" in (await ldap.check()).detail
            with pytest.raises(RefusedError, match="password_policy_missing") as raised:
                await ldap.attempt(Effect("lock_account", "key", await nora(ldap)))
            assert "set lock to another method" in raised.value.remedy
        async with connected(url, lock="none") as ldap:
            assert "lock_not_possible" in (await ldap.check()).detail
            with pytest.raises(RefusedError, match="lock_not_possible"):
                await ldap.attempt(Effect("lock_account", "key", await nora(ldap)))
        async with connected(url, lock="ns_account_lock") as ldap:
            assert "lock_account cannot be confirmed" in (await ldap.check()).detail
            with pytest.raises(RefusedError, match="lock_not_possible"):
                await ldap.attempt(Effect("lock_account", "key", await nora(ldap)))
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        async with connected(url, lock="ldap"):
            pass


@pytest.mark.parametrize("code", [32, 50])
async def test_a_server_that_hides_what_it_is_can_be_used(code: int) -> None:
    find = ldap_recordings.read(RECORDINGS_389 / "find.json")
    uid = find[-1]["response"][0]["raw_attributes"]["uid"][0]
    refused = {"result": {"result": code, "description": "refused", "message": ""}, "response": []}
    root = {"request": ["search", "", "(objectClass=*)", "BASE"], **refused}
    sign_in, *others = _without_root(find)
    async with connected("ldap://127.0.0.1:1") as ldap:
        with ldap_recordings.replaying(sign_in, root, *others):
            (account,) = await ldap.find_accounts([Lookup("uid", uid)])
    assert account.label == uid


async def test_389_directory_server_is_locked_by_its_own_attribute() -> None:
    """With exchanges that tests/connectors/protocols/test_ldap_389.py recorded from a real one."""
    check, find, lock, locked = (
        ldap_recordings.read(RECORDINGS_389 / f"{name}.json") for name in ("check", "find", "lock", "locked")
    )
    async with connected("ldap://127.0.0.1:1") as ldap:
        with ldap_recordings.replaying(*check):
            assert "accounts are locked by nsAccountLock" in (await ldap.check()).detail
        uid = find[-1]["response"][0]["raw_attributes"]["uid"][0]
        with ldap_recordings.replaying(*_without_root(find)):
            (account,) = await ldap.find_accounts([Lookup("uid", uid)])
        effect = Effect("lock_account", "key", account)
        with ldap_recordings.replaying(*_without_root(lock)):
            assert (await ldap.attempt(effect)).detail["nsAccountLock"] == {"before": None, "after": "true"}
        with ldap_recordings.replaying(*_without_root(locked)):
            assert (await ldap.read_back(effect)).outcome == "done"


RECORDINGS_389 = Path(__file__).parent / "recordings" / "389"


def _without_root(exchanges: list[ldap_recordings.Exchange]) -> list[ldap_recordings.Exchange]:
    """The root entry is read once for each connector."""
    return [each for each in exchanges if each["request"][1:2] != [""]]


async def test_active_directory_is_refused_in_words() -> None:
    entry = EVA.format(kind="adUser", attribute="userAccountControl: 512")
    async with odd_directory(entry, schema=FOREIGN_SCHEMA) as url, connected(url) as ldap:
        checked = await ldap.check()
        assert not checked.reachable and "Set connector to active_directory" in checked.detail
        for wanted in ("eva", "no-such-user"):
            with pytest.raises(ActionRequiredError, match="active_directory_unsupported"):
                await ldap.find_accounts([Lookup("uid", wanted)])
        native_id = (await values(url, f"uid=eva,ou=people,{BASE}", "entryUUID"))[0]
        for ability in ("lock_account", "scramble_password"):
            effect = Effect(ability, "key", Account(native_id, "eva"))
            with pytest.raises(ActionRequiredError, match="active_directory_unsupported"):
                await ldap.attempt(effect)
            with pytest.raises(ActionRequiredError, match="active_directory_unsupported"):
                await ldap.read_back(effect)
        assert await signs_in(url, f"uid=eva,ou=people,{BASE}", "eva")


@pytest.mark.parametrize(
    ("settings", "rules", "said"),
    [
        ({"people_base": f"ou=peple,{BASE}"}, "", "Correct people_base"),
        ({"person_class": "posixAccount"}, "", "people_base shows no entry of person_class"),
        ({}, "require SASL\n", "TLS"),
        ({}, "access to attrs=entryUUID by * none", "Allow bind_dn to read the operational attributes"),
    ],
)
async def test_the_check_says_what_to_correct(settings: dict[str, str], rules: str, said: str) -> None:
    async with odd_directory(rules=rules) as url, connected(url, **settings) as ldap:
        assert said in (await ldap.check()).detail


async def test_a_directory_that_is_down_is_named_without_the_socket() -> None:
    async with connected("ldap://127.0.0.1:1") as ldap:
        with pytest.raises(TryAgainError, match="unreachable") as raised:
            await ldap.find_accounts([Lookup("uid", "nora")])
    assert raised.value.detail == "No connection to 127.0.0.1:1."
