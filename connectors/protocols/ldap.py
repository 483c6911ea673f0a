"""LDAP directories in the OpenLDAP style: password policy overlay, entryUUID, groups that list their members.

A lock is `pwdAccountLockedTime` with the value of a permanent lock (draft-behera-ldap-password-policy-11 section
5.3.3). A scrambled password is a salted SHA-1 value (RFC 2307 section 5.3) made from the effect key instead of from a
password: no known password matches it, and a read-back can tell that it is ours.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ldap3 import MODIFY_REPLACE
from ldap3.utils.conv import escape_filter_chars

from connectors.abilities import Ability, Account, Effect, Lookup, ReadBack, Reply
from connectors.acts import Act, ActTable
from connectors.errors import ActionRequiredError, RefusedError
from connectors.parameters import names_of
from connectors.protocols.directory import DirectoryConnector
from connectors.protocols.ldap_entries import (
    ACTIVE_DIRECTORY,
    CREDENTIALS,
    other_credentials,
    require_supported,
    require_supported_people,
    require_supported_server,
)
from connectors.protocols.ldap_groups import LdapMemberships, leave, memberships
from connectors.protocols.ldap_policy import lock_is_heeded
from connectors.protocols.ldap_session import LdapEntry, LdapRefusedError, LdapSession
from connectors.protocols.ldap_settings import LdapSettings
from connectors.read_backs import none_left, seen
from connectors.removals import GroupsLeft

_LOCKED_PERMANENTLY = "000001010000Z"
_READ = (
    "entryUUID", "uid", "cn", "mail", "employeeNumber", "pwdAccountLockedTime", "pwdChangedTime", "pwdPolicySubentry",
    *ACTIVE_DIRECTORY, *CREDENTIALS,
)  # fmt: skip
# RFC 4511 appendix A.1
_UNDEFINED_ATTRIBUTE, _CONSTRAINT = 17, 19


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
        self._supported = False  # until the server has said what it is

    def begin(self, session: LdapSession) -> LdapSession:
        if not self._supported:
            require_supported_server(session)
            self._supported = True
        return session

    def said(self, session: LdapSession) -> list[str]:
        for base in (self.settings.people_base, self.settings.groups_base):
            session.search(base, "(objectClass=*)", ["1.1"], scope="BASE")
        require_supported_people(session, self.settings.people_base)
        said = ["reachable, credential accepted, people_base and groups_base exist"]
        if not session.any_entry(self.settings.people_base, self._person()):
            said.append("people_base shows no entry of person_class, so no account can be found")
        elif not session.any_entry(self.settings.people_base, f"(&{self._person()}(entryUUID=*))"):
            raise _ids_not_shown()
        if not self._lock_is_heeded(session, None):
            said.append("lock_account not possible: no policy with pwdLockout is shown (password_policy_missing)")
        return said

    def matching(self, session: LdapSession, lookup: Lookup, attributes: Collection[str]) -> Sequence[LdapEntry]:
        wanted = f"({lookup.attribute}={escape_filter_chars(lookup.value)})"
        return session.search(self.settings.people_base, f"(&{self._person()}{wanted})", [*_READ, *attributes])

    def values(self, entry: LdapEntry, attribute: str) -> Sequence[str]:
        return entry.values.get(attribute.lower(), ())

    def any_person_with(self, session: LdapSession, attribute: str) -> bool:
        require_supported_people(session, self.settings.people_base)
        return session.any_entry(self.settings.people_base, f"(&{self._person()}({attribute}=*))")

    def _person(self) -> str:
        return f"(objectClass={escape_filter_chars(self.settings.person_class)})"

    def account(self, session: LdapSession, entry: LdapEntry) -> Account:
        require_supported(entry)
        native_id = entry.first("entryUUID")
        if native_id is None:
            raise _ids_not_shown()
        shown = {name: entry.first(name) for name in ("uid", "cn", "mail", "employeeNumber")}
        lock = entry.first("pwdAccountLockedTime")
        heeded = lock is not None and self._lock_is_heeded(session, entry)
        groups = self._memberships(session, entry, None).found if self.settings.privileged_names else ()
        names = {name.casefold() for each in groups for name in each.group.values.get("cn", ())}
        return Account(
            native_id=native_id,
            label=entry.first("uid") or entry.first("cn") or native_id,
            attributes={name: value for name, value in shown.items() if value is not None},
            # Any other value is a temporary lock: the account is neither active nor locked permanently.
            active=True if lock is None else False if lock == _LOCKED_PERMANENTLY and heeded else None,
            privileged=bool(names & self.settings.privileged_names),
        )

    def entry(self, session: LdapSession, native_id: str) -> LdapEntry | None:
        entries = session.search(self.settings.people_base, f"(entryUUID={native_id})", _READ)
        if len(entries) != 1:
            return None
        require_supported(entries[0])
        return entries[0]

    def _memberships(self, session: LdapSession, entry: LdapEntry, wanted: Collection[str] | None) -> LdapMemberships:
        return memberships(session, self.settings.groups_base, entry, wanted)

    def _lock_is_heeded(self, session: LdapSession, entry: LdapEntry | None) -> bool | None:
        return lock_is_heeded(session, entry, self.settings.password_policy, self.settings.people_base)

    def look_at_lock(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        if entry.first("pwdAccountLockedTime") != _LOCKED_PERMANENTLY:
            return seen(False, _state(entry))
        heeded = self._lock_is_heeded(session, entry)
        return seen(heeded, {**_state(entry), "policy_locks": heeded})

    def look_at_password(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        ours = session.compare(entry.dn, "userPassword", _unusable_password(effect.effect_key))
        evidence = {**_state(entry), "password_is_ours": ours}
        if ours is None:
            return ReadBack("unknown", evidence)
        locked = not _has_policy(entry) or entry.first("pwdAccountLockedTime") == _LOCKED_PERMANENTLY
        return seen(ours and locked, evidence)

    def look_at_groups(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        groups = self._memberships(session, entry, names_of(effect, "groups"))
        evidence = {**_state(entry), "groups": groups.shown, "groups_not_found": groups.missing}
        return none_left(groups.found, evidence, shows_such=groups.members_shown and not groups.missing)

    def snapshot(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> ReadBack:
        groups = self._memberships(session, entry, names_of(effect, "groups"))
        return none_left((), {**_state(entry), "groups": groups.shown}, shows_such=groups.members_shown)

    def lock(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> Reply:
        if self._lock_is_heeded(session, entry) is False:
            raise RefusedError(
                "password_policy_missing",
                "The password policy of the entry locks no accounts: pwdLockout is not TRUE.",
                remedy="Set pwdLockout to TRUE in the policy, or use scramble_password.",
                happened=session.happened,
            )
        return self._write_lock(session, entry)

    def _write_lock(self, session: LdapSession, entry: LdapEntry) -> Reply:
        before = entry.first("pwdAccountLockedTime")
        if before != _LOCKED_PERMANENTLY:
            try:
                session.modify(entry.dn, {"pwdAccountLockedTime": [(MODIFY_REPLACE, [_LOCKED_PERMANENTLY])]})
            except LdapRefusedError as error:
                if error.result_code != _UNDEFINED_ATTRIBUTE:
                    raise
                raise RefusedError(
                    "password_policy_missing",
                    error.detail,
                    remedy="Load the directory's password policy overlay (ppolicy); accounts cannot be locked without "
                    "it.",
                    happened=error.happened,
                ) from error
        return Reply({"pwdAccountLockedTime": {"before": before, "after": _LOCKED_PERMANENTLY}})

    def leave_groups(self, session: LdapSession, entry: LdapEntry, effect: Effect) -> Reply:
        groups, left = self._memberships(session, entry, names_of(effect, "groups")), GroupsLeft()
        for membership in groups.found:
            with left.leaving(membership.shown()):
                leave(session, membership, self.settings.placeholder_member)
        left.not_found(groups.missing)
        return Reply(left.reply(session.happened))

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
                    remedy="Allow bind_dn to set hashed passwords (pwdCheckQuality 0 or 1 in its policy).",
                    happened=error.happened,
                ) from error
        now = self.entry(session, self.id_of(effect))
        if now is not None and _has_policy(now):
            self._write_lock(session, now)
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
        ),
        LdapConnector.lock,
        LdapConnector.look_at_lock,
    ),
    Act(
        Ability(
            "remove_from_groups",
            "change",
            "removes the entry from all groups, or from those in `groups`",
            reversible="yes",  # the groups it was in are in the reply and in the snapshot
            cuts_access=True,
        ),
        LdapConnector.leave_groups,
        LdapConnector.look_at_groups,
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
        "pwdChangedTime": entry.first("pwdChangedTime"),
        "other_credentials": other_credentials(entry),
    }


def _ids_not_shown() -> ActionRequiredError:
    return ActionRequiredError(
        "answer_not_understood",
        "The directory does not return entryUUID.",
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
