"""LDAP directories other than Active Directory: OpenLDAP, 389 Directory Server and FreeIPA, with groups that list their
members.

How an account is locked is in `connectors/protocols/ldap_locks.py`. A scrambled password is a salted SHA-1 value (RFC
2307 section 5.3) made from the effect key instead of from a password: no known password matches it, and a read-back can
tell that it is ours.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

from ldap3 import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE
from ldap3.utils.conv import escape_filter_chars

from connectors.abilities import Ability, Account, Effect, Lookup, ReadBack, Reply
from connectors.acts import Act, ActTable
from connectors.errors import ActionRequiredError, RefusedError
from connectors.parameters import names_of
from connectors.protocols.directory_connector import DirectoryConnector
from connectors.protocols.ldap_entries import (
    ACTIVE_DIRECTORY,
    CREDENTIALS,
    SSH_KEYS,
    is_389,
    other_credentials,
    read_server,
    require_supported,
    require_supported_people,
    same_dn,
)
from connectors.protocols.ldap_groups import LdapMemberships, join, joined, leave, memberships
from connectors.protocols.ldap_locks import LOCK_ATTRIBUTES, PERMANENTLY, AccountLock, PasswordPolicyLock, lock_of
from connectors.protocols.ldap_session import LdapEntry, LdapRefusedError, LdapSession
from connectors.protocols.ldap_settings import LdapSettings
from connectors.read_backs import none_left, seen
from connectors.removals import GroupsLeft, Removals

_READ = (
    "entryUUID", "uid", "cn", "mail", "employeeNumber", "pwdChangedTime", "pwdPolicySubentry", "nsUniqueId",
    *LOCK_ATTRIBUTES, *ACTIVE_DIRECTORY, *CREDENTIALS,
)  # fmt: skip
# RFC 4511 appendix A.1
_CONSTRAINT = 19


class LdapConnector(DirectoryConnector[LdapSettings, LdapSession, LdapEntry]):
    """Lookups take attribute names such as `uid`, `mail`, `employeeNumber`. The native id is entryUUID (RFC 4530),
    since a DN changes when a person is renamed or moved."""

    kind = "ldap"
    id_attribute = "entryUUID"
    usual_attributes = ("uid", "mail", "employeeNumber")

    @property
    def acts(self) -> LdapActs:
        return ACTS

    def __init__(self, settings: LdapSettings, *, allowed_hosts: Collection[str]) -> None:
        super().__init__(settings, allowed_hosts=allowed_hosts)
        self._server_is_389: bool | None = None  # until the server has said what it is

    def begin(self, session: LdapSession) -> LdapSession:
        if self._server_is_389 is None:
            self._server_is_389 = is_389(read_server(session))
        return session

    @property
    def account_lock(self) -> AccountLock:
        """Known once a conversation has begun."""
        return lock_of(self.settings, server_is_389=bool(self._server_is_389))

    def said(self, session: LdapSession) -> list[str]:
        for base in (self.settings.people_base, self.settings.groups_base):
            session.search(base, "(objectClass=*)", ["1.1"], scope="BASE")
        require_supported_people(session, self.settings.people_base)
        said = ["reachable, credential accepted, people_base and groups_base exist"]
        if not session.any_entry(self.settings.people_base, self._person()):
            said.append("people_base shows no entry of person_class, so no account can be found")
        elif not any(
            session.any_entry(self.settings.people_base, f"(&{self._person()}({name}=*))") for name in self._ids
        ):
            raise _ids_not_shown()
        return [*said, self.account_lock.said(session)]

    def matching(self, session: LdapSession, lookup: Lookup, attributes: Collection[str]) -> Sequence[LdapEntry]:
        wanted = f"({lookup.attribute}={escape_filter_chars(lookup.value)})"
        return session.search(self.settings.people_base, f"(&{self._person()}{wanted})", [*_READ, *attributes])

    def everyone(self, session: LdapSession, attributes: Collection[str]) -> Sequence[LdapEntry]:
        return session.search(self.settings.people_base, self._person(), [*_READ, *attributes])

    def values(self, entry: LdapEntry, attribute: str) -> Sequence[str]:
        return entry.every(attribute)

    def any_person_with(self, session: LdapSession, attribute: str) -> bool:
        require_supported_people(session, self.settings.people_base)
        return session.any_entry(self.settings.people_base, f"(&{self._person()}({attribute}=*))")

    def _person(self) -> str:
        return f"(objectClass={escape_filter_chars(self.settings.person_class)})"

    def account(self, session: LdapSession, entry: LdapEntry) -> Account:
        require_supported(entry)
        native_id = self._id(entry)
        if native_id is None:
            raise _ids_not_shown()
        shown = {name: entry.first(name) for name in ("uid", "cn", "mail", "employeeNumber")}
        lock = self.account_lock
        state = lock.state(entry)
        heeded = state == "locked" and lock.heeded(session, entry)
        groups = self._memberships(session, entry, None).found if self.settings.privileged_names else ()
        names = {name.casefold() for each in groups for name in each.group.values.get("cn", ())}
        return Account(
            native_id=native_id,
            label=entry.first("uid") or entry.first("cn") or native_id,
            attributes={name: value for name, value in shown.items() if value is not None},
            # With a temporary lock the account is neither active nor locked permanently.
            active=True if state == "open" else False if heeded else None,
            privileged=bool(names & self.settings.privileged_names),
        )

    def signs_us_in(self, session: LdapSession, entry: LdapEntry) -> bool:
        return same_dn(entry.dn, self.settings.bind_dn)

    def entry(self, session: LdapSession, native_id: str) -> LdapEntry | None:
        by_id = "".join(f"({name}={_in_form(name, native_id)})" for name in self._ids)
        entries = session.search(self.settings.people_base, f"(|{by_id})" if len(self._ids) > 1 else by_id, _READ)
        if len(entries) != 1:
            return None
        require_supported(entries[0])
        return entries[0]

    @property
    def _ids(self) -> tuple[str, ...]:
        """The attributes that can be the native id, in this order. 389 Directory Server may not have entryUUID."""
        return ("entryUUID", "nsUniqueId") if self._server_is_389 else ("entryUUID",)

    def _id(self, entry: LdapEntry) -> str | None:
        """In the form of a UUID."""
        value = next((value for name in self._ids if (value := entry.first(name)) is not None), None)
        try:
            return value and str(uuid.UUID(value))
        except ValueError:
            return None

    def _memberships(self, session: LdapSession, entry: LdapEntry, wanted: Collection[str] | None) -> LdapMemberships:
        return memberships(session, self.settings.groups_base, entry, wanted)

    def look_at_lock(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        lock = self.account_lock
        if lock.state(entry) != "locked":
            return seen(False, _state(entry))
        heeded = lock.heeded(session, entry)
        return seen(heeded, {**_state(entry), "locked_by": lock.attribute, "lock_heeded": heeded})

    def look_at_password(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        ours = session.compare(entry.dn, "userPassword", _unusable_password(effect.effect_key))
        evidence = {**_state(entry), "password_is_ours": ours}
        if ours is None:
            return ReadBack("unknown", evidence)
        locked = not _has_policy(entry) or entry.first("pwdAccountLockedTime") == PERMANENTLY
        return seen(ours and locked, evidence)

    def look_at_groups(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        groups = self._memberships(session, entry, names_of(effect, "groups"))
        evidence = {**_state(entry), "groups": groups.shown, "groups_not_found": groups.missing}
        return none_left(groups.found, evidence, shows_such=groups.members_shown and not groups.missing)

    def snapshot(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        groups = self._memberships(session, entry, names_of(effect, "groups"))
        evidence = {**_state(entry), "groups": groups.shown, "not_locked": self.account_lock.not_locked(entry)}
        return none_left((), evidence, shows_such=groups.members_shown)

    def lock(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> Reply:
        return self.account_lock.write(session, entry)

    def leave_groups(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> Reply:
        groups, left = self._memberships(session, entry, names_of(effect, "groups")), GroupsLeft()
        for membership in groups.found:
            with left.leaving({**membership.shown(), "attribute": membership.attribute}):
                leave(session, membership, self.settings.placeholder_member)
        left.not_found(groups.missing)
        return Reply(left.reply(session.happened))

    def unlock(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> Reply:
        lock = self.account_lock
        before = next((one.get("before") for one in effect.taken if one["id"] == lock.attribute), None)
        return lock.lift(session, entry, before)

    def look_at_unlocking(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        return seen(self.account_lock.lifted(session, entry), _state(entry))

    def join_groups(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> Reply:
        member_of = {one["id"] for one in self._memberships(session, entry, None).shown}
        given = Removals("joined_groups", "groups_not_joined", verb="added to")
        for group in effect.taken:
            if group["id"] not in member_of:
                with given.removing(group):
                    join(session, self.settings.groups_base, entry, group)
        return Reply(given.reply(session.happened))

    def look_at_joining(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        done, evidence = joined(session, self.settings.groups_base, entry, effect.taken)
        return seen(done, {**_state(entry), **evidence})

    def add_keys(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> Reply:
        added = {}
        for one in effect.taken:
            lacking = [key for key in one["keys"] if key not in entry.every(one["id"])]
            if lacking:
                session.modify(entry.dn, {one["id"]: [(MODIFY_ADD, lacking)]})
                added[one["id"]] = lacking
        return Reply({"added_keys": added})

    def look_at_added_keys(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        lacking = [
            key
            for one in effect.taken
            for key in one["keys"]
            if key not in entry.every(one["id"]) and not session.compare(entry.dn, one["id"], key)
        ]
        shows_such = all(session.lacks(entry.dn, name) is not None for name in SSH_KEYS)
        done = not lacking if shows_such or (effect.taken and not lacking) else None
        counted = {one["id"]: len(entry.every(one["id"])) for one in effect.taken}
        return seen(done, {**_state(entry), "ssh_keys": counted})

    def remove_keys(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> Reply:
        """The keys are public; the reply has them, so that they can be added again."""
        keys = {name: list(values) for name in SSH_KEYS if (values := entry.values.get(name.lower()))}
        if keys:
            session.modify(entry.dn, {name: [(MODIFY_DELETE, values)] for name, values in keys.items()})
        named = [{"id": name, "name": "SSH keys", "keys": values} for name, values in keys.items()]
        return Reply({"removed_keys": keys, "keys_by_attribute": named})

    def look_at_keys(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        left = {name: len(values) for name in SSH_KEYS if (values := entry.values.get(name.lower()))}
        lacks = [session.lacks(entry.dn, name) for name in SSH_KEYS]
        return none_left(left, {**_state(entry), "ssh_keys": left}, shows_such=all(lacks))

    def scramble(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> Reply:
        """A new password lifts a lock in slapd's ppolicy overlay, so the account is locked afterwards; whether it was
        before cannot be asked once that happened."""
        value = _unusable_password(effect.effect_key)
        already = bool(session.compare(entry.dn, "userPassword", value))
        if not already:  # a password history would refuse the same one again
            try:
                session.modify(entry.dn, {"userPassword": [(MODIFY_REPLACE, [value])]})
            except LdapRefusedError as error:
                if error.result_code != _CONSTRAINT:
                    raise
                raise RefusedError(
                    "password_policy_refused",
                    error.detail,
                    remedy="Allow bind_dn to set hashed passwords: pwdCheckQuality 0 or 1 in its policy; in 389 "
                    "Directory Server nsslapd-allow-hashed-passwords.",
                    happened=error.happened,
                ) from error
        now = self.entry(session, self.id_of(effect))
        if now is not None and _has_policy(now):
            PasswordPolicyLock(self.settings).write_unchecked(session, now)
        return Reply({"scrambled": True, "already": already})


LdapActs = ActTable[
    Callable[[LdapConnector, LdapSession, LdapEntry, Effect], Reply],
    Callable[[LdapConnector, LdapSession, LdapEntry, Effect], ReadBack],
]
ACTS: LdapActs = ActTable(
    "ldap",
    Act(
        Ability("snapshot_access", "read", "records the entry's lock and groups", reversible="yes"),
        look=LdapConnector.snapshot,
    ),
    Act(
        Ability(
            "lock_account",
            "change",
            "locks the entry permanently, so that no password signs it in",
            reversible="yes",
            cuts_access=True,
            cannot_end=("sessions", "kerberos_tickets"),
            undone_by="unlock_account",
            taken_as="locked",
            recorded_as="not_locked",
        ),
        LdapConnector.lock,
        LdapConnector.look_at_lock,
    ),
    Act(
        Ability("unlock_account", "change", "lifts the lock that a run set", reversible="yes", gives_access=True),
        LdapConnector.unlock,
        LdapConnector.look_at_unlocking,
    ),
    Act(
        Ability(
            "remove_from_groups",
            "change",
            "removes the entry from all groups, or from those in `groups`",
            reversible="yes",  # the groups it was in are in the reply and in the snapshot
            cuts_access=True,
            undone_by="add_to_groups",
            taken_as="left_groups",
            recorded_as="groups",
        ),
        LdapConnector.leave_groups,
        LdapConnector.look_at_groups,
    ),
    Act(
        Ability(
            "add_to_groups",
            "change",
            "adds the entry to the groups from which a run removed it",
            reversible="yes",
            gives_access=True,
        ),
        LdapConnector.join_groups,
        LdapConnector.look_at_joining,
    ),
    Act(
        Ability(
            "remove_ssh_keys",
            "change",
            "removes the entry's SSH keys",
            reversible="yes",  # the keys are in the reply
            cuts_access=True,
            tokens_last=timedelta(0),
            undone_by="add_ssh_keys",
            taken_as="keys_by_attribute",
        ),
        LdapConnector.remove_keys,
        LdapConnector.look_at_keys,
    ),
    Act(
        Ability(
            "add_ssh_keys",
            "change",
            "adds the SSH keys again that a run removed",
            reversible="yes",
            gives_access=True,
        ),
        LdapConnector.add_keys,
        LdapConnector.look_at_added_keys,
    ),
    Act(
        Ability(
            "scramble_password",
            "change",
            "replaces the password with an unknown one, and locks the account if there is a password policy",
            destroys_nothing_because="the entry and its data are kept; an administrator can set another password",
        ),
        LdapConnector.scramble,
        LdapConnector.look_at_password,
    ),
)


def _state(entry: LdapEntry) -> dict[str, Any]:
    return {
        "dn": entry.dn,
        "pwdAccountLockedTime": entry.first("pwdAccountLockedTime"),
        **{name: value for name in LOCK_ATTRIBUTES if (value := entry.first(name)) is not None},
        "pwdChangedTime": entry.first("pwdChangedTime"),
        "other_credentials": other_credentials(entry),
    }


def _ids_not_shown() -> ActionRequiredError:
    return ActionRequiredError(
        "answer_not_understood",
        "The directory does not return entryUUID (or nsUniqueId).",
        remedy="Allow bind_dn to read the operational attributes of people.",
        happened="no",
    )


def _has_policy(entry: LdapEntry) -> bool:
    """The directory keeps when the password was changed: only a password policy overlay does."""
    return entry.first("pwdChangedTime") is not None


def _unusable_password(effect_key: str) -> str:
    """`{SSHA}` with 20 bytes that are no digest of a known password, and a salt; both are made from the effect key."""
    made = hashlib.sha512(f"scramble_password\0{effect_key}".encode()).digest()
    return "{SSHA}" + base64.b64encode(made[:20] + made[20:36]).decode("ascii")


def _in_form(attribute: str, native_id: str) -> str:
    """nsUniqueId has its 32 digits in four groups."""
    if attribute != "nsUniqueId":
        return native_id
    digits = native_id.replace("-", "")
    return "-".join(digits[start : start + 8] for start in range(0, 32, 8))
