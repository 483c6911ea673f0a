"""The groups of an Active Directory account: those that list it, its primary group, and those that it is in through
other groups. A group's complete list of members is never read.

The primary group does not list the account; `primaryGroupID` of the account names it. Every account has one, so it is
replaced by Domain Users and not left. Directory services then list the account in the former primary group (MS-SAMR
section 3.1.1.8.2), from which it is removed like from any other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from ldap3 import MODIFY_ADD, MODIFY_DELETE
from ldap3.utils.conv import escape_filter_chars

from connectors.account_set import comparable
from connectors.errors import RefusedError
from connectors.protocols.ldap_session import LdapEntry, LdapRefusedError
from connectors.removals import GroupsLeft, Removals
from connectors.vendors.active_directory.domain import IN_CHAIN, Domain
from connectors.vendors.active_directory.rights import needing
from connectors.vendors.active_directory.user import DomainUser, guid_text, sid_text

_READ = ("objectGUID", "objectSid", "cn", "sAMAccountName", "adminCount")
_GROUP = "(objectClass=group)"
DOMAIN_USERS, _DOMAIN_GUESTS = 513, 514
# MS-DTYP section 2.4.2.4. Domain Admins, Schema Admins, Enterprise Admins, Group Policy Creator Owners, Key Admins,
# Enterprise Key Admins; below S-1-5-32: Administrators, Account, Server, Print and Backup Operators.
_PRIVILEGED = frozenset({512, 518, 519, 520, 526, 527})
_PRIVILEGED_BUILT_IN = frozenset({544, 548, 549, 550, 551})
_BUILT_IN = "S-1-5-32-"
# RFC 4511 appendix A.1
_NO_SUCH_ATTRIBUTE, _VALUE_EXISTS, _UNWILLING, _ENTRY_EXISTS = 16, 20, 53, 68


@dataclass(frozen=True, slots=True)
class DomainGroup:
    dn: str
    guid: str
    sid: str
    names: tuple[str, ...]
    privileged: bool

    @property
    def rid(self) -> int:
        """The last part of its SID, which is the same in every domain for groups that come with it."""
        return int(self.sid.rpartition("-")[2])

    def shown(self) -> dict[str, Any]:
        return {"id": self.guid, "name": self.names[0], "dn": self.dn, "privileged": self.privileged}

    def is_named(self, names: AbstractSet[str]) -> bool:
        return bool({comparable(name) for name in (*self.names, self.dn, self.guid)} & names)


@dataclass(frozen=True, slots=True)
class DomainGroups:
    """`direct` list the account; `nested` are the others that it is in, through those or through `primary`. `hidden`
    are the SIDs of groups that count for the account and that bind_dn does not see, such as those of another domain."""

    direct: Sequence[DomainGroup]
    primary: DomainGroup | None
    nested: Sequence[DomainGroup]
    hidden: Sequence[str]
    members_shown: bool

    @property
    def every(self) -> tuple[DomainGroup, ...]:
        return (*self.direct, *([self.primary] if self.primary is not None else []), *self.nested)

    @property
    def privileged(self) -> bool:
        return any(group.privileged for group in self.every) or any(_is_privileged_sid(sid) for sid in self.hidden)

    @property
    def complete(self) -> bool:
        """Whether an account that is in no further group would look like this."""
        return self.members_shown and self.primary is not None and not self.hidden

    @property
    def primary_leaves(self) -> bool:
        """Whether the primary group is one that an account can be taken out of."""
        return self.primary is not None and self.primary.rid not in (DOMAIN_USERS, _DOMAIN_GUESTS)

    def to_leave(self, wanted: Collection[str] | None) -> list[DomainGroup]:
        """Those of the account's own groups that are named, or all; the primary group first."""
        own = [self.primary] if self.primary is not None and self.primary_leaves else []
        own += self.direct
        names = None if wanted is None else {comparable(name) for name in wanted}
        return [group for group in own if names is None or group.is_named(names)]

    def shown(self) -> dict[str, Any]:
        return {
            "primary_group": self.primary.shown() if self.primary is not None else None,
            "nested_groups": [group.shown() for group in self.nested],
            "hidden_groups": list(self.hidden),
        }


def read_groups(domain: Domain, user: DomainUser, privileged: Collection[str]) -> DomainGroups:
    """`privileged`: names of further privileged groups, without case."""

    def found(filter_text: str) -> list[DomainGroup]:
        entries = domain.session.search(domain.root, f"(&{_GROUP}{filter_text})", _READ)
        return [_group(entry, privileged) for entry in entries]

    direct = found(f"(member={escape_filter_chars(user.dn)})")
    rid = user.number("primaryGroupID")
    primary_entry = domain.entry(f"<SID={_domain_sid(user)}-{rid}>", _READ) if rid is not None else None
    primary = _group(primary_entry, privileged) if primary_entry is not None else None
    known = {group.guid for group in (*direct, *([primary] if primary is not None else []))}
    nested: dict[str, DomainGroup] = {}
    for start in (user.dn, *([primary.dn] if primary is not None else [])):
        for group in found(f"(member:{IN_CHAIN}:={escape_filter_chars(start)})"):
            if group.guid not in known:
                nested[group.guid] = group
    shown = bool(direct or nested) or domain.session.any_entry(domain.root, f"(&{_GROUP}(member=*))")
    seen = {group.sid for group in (*direct, *([primary] if primary is not None else []), *nested.values())}
    hidden = [sid for sid in _token_groups(domain, user) if sid not in seen]
    return DomainGroups(direct, primary, list(nested.values()), hidden, shown)


def is_privileged(domain: Domain, user: DomainUser, privileged: Collection[str]) -> bool:
    """Whether the account is in a privileged group, directly or not, or was in one and is still protected."""
    if user.protected:
        return True
    if not privileged:
        sids = _token_groups(domain, user)  # one request
        if sids:
            return any(_is_privileged_sid(sid) for sid in sids)
    return read_groups(domain, user, privileged).privileged


def unknown_names(domain: Domain, groups: DomainGroups, wanted: Collection[str] | None) -> list[str]:
    """The names in `wanted` that no group of the domain has."""
    missing = []
    for name in sorted(wanted or ()):
        if any(group.is_named({comparable(name)}) for group in groups.every):
            continue
        if domain.entry_of_guid(name, ["1.1"]) is not None:
            continue
        text = escape_filter_chars(name)
        if not domain.session.any_entry(
            domain.root, f"(&{_GROUP}(|(cn={text})(sAMAccountName={text})(distinguishedName={text})))"
        ):
            missing.append(name)
    return missing


def still_nested(groups: DomainGroups, wanted: Collection[str] | None) -> list[DomainGroup]:
    """Groups named in `wanted` that the account is in through other groups only."""
    names = {comparable(name) for name in wanted or ()}
    return [group for group in groups.nested if group.is_named(names)]


def leave(domain: Domain, user: DomainUser, group: DomainGroup) -> None:
    """Raises `LdapRefusedError`, `ActionRequiredError`."""
    try:
        domain.session.modify(group.dn, {"member": [(MODIFY_DELETE, [user.dn])]})
    except LdapRefusedError as error:
        # Active Directory says "unwilling" for a member that is not in the list (MS-ADTS section 3.1.1.5.3.2).
        gone = error.result_code in (_NO_SUCH_ATTRIBUTE, _UNWILLING)
        if not gone or domain.session.any_entry(group.dn, f"(member={escape_filter_chars(user.dn)})"):
            raise


def replace_primary(domain: Domain, user: DomainUser) -> None:
    """Domain Users becomes the primary group. Raises `RefusedError("group_not_found")`, `LdapRefusedError`."""
    new = domain.entry(f"<SID={_domain_sid(user)}-{DOMAIN_USERS}>", ["cn"])
    if new is None:
        raise RefusedError(
            "group_not_found",
            "The directory does not show Domain Users, which has to be the primary group instead.",
            remedy="Allow bind_dn to read Domain Users, then retry.",
            happened=domain.session.happened,
        )
    try:
        domain.session.modify(new.dn, {"member": [(MODIFY_ADD, [user.dn])]})
    except LdapRefusedError as error:
        if error.result_code not in (_VALUE_EXISTS, _ENTRY_EXISTS):
            raise
    before = str(user.number("primaryGroupID"))
    domain.session.modify(user.dn, {"primaryGroupID": [(MODIFY_DELETE, [before]), (MODIFY_ADD, [str(DOMAIN_USERS)])]})


def join_taken(
    domain: Domain, user: DomainUser, groups: DomainGroups, taken: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Adds the account to those of the groups (`id`) that list it no more; a group that the domain does not show is in
    `deleted_groups` of the reply. Raises what could not be done."""
    there, deleted = _lacking(domain, groups, taken)
    given = Removals("joined_groups", "groups_not_joined", verb="added to")
    for dn, group in there:
        with given.removing(group), needing("write member of this group"):
            try:
                domain.session.modify(dn, {"member": [(MODIFY_ADD, [user.dn])]})
            except LdapRefusedError as error:
                if error.result_code not in (_VALUE_EXISTS, _ENTRY_EXISTS):
                    raise
    return {**given.reply(domain.session.happened), "deleted_groups": deleted}


def joined(
    domain: Domain, groups: DomainGroups, taken: Sequence[Mapping[str, Any]]
) -> tuple[bool | None, dict[str, Any]]:
    """Whether the account is in each of the groups that still exist, with the evidence. None where the domain does not
    show groups: then one that is not found can exist."""
    there, deleted = _lacking(domain, groups, taken)
    evidence = {
        "groups": [group.shown() for group in groups.direct],
        "not_joined": [group for _, group in there],
        "deleted_groups": deleted,
    }
    shows_such = groups.members_shown or not (there or deleted)
    return (not there if shows_such else None), evidence


def _lacking(
    domain: Domain, groups: DomainGroups, taken: Sequence[Mapping[str, Any]]
) -> tuple[list[tuple[str, dict[str, Any]]], list[dict[str, Any]]]:
    """Of the groups that a run removed the account from and that it is not in: those that the domain shows, each with
    its DN, and the others."""
    own = {group.guid for group in (*groups.direct, *([groups.primary] if groups.primary is not None else []))}
    there: list[tuple[str, dict[str, Any]]] = []
    deleted: list[dict[str, Any]] = []
    for group in taken:
        if group["id"] in own:
            continue
        entry = domain.entry_of_guid(str(group["id"]), ["1.1"])
        if entry is None:
            deleted.append(dict(group))
        else:
            there.append((entry.dn, dict(group)))
    return there, deleted


def nested_refusal(left: GroupsLeft, groups: Sequence[DomainGroup]) -> None:
    for group in groups:
        with left.leaving(group.shown()):
            raise RefusedError(
                "nested_membership",
                "The account is a member of this group through other groups.",
                remedy="Add the groups in between to the parameter groups of the step, or omit it to mean all.",
            )


def _token_groups(domain: Domain, user: DomainUser) -> list[str]:
    """The SIDs of all security groups that count for the account, as the controller computes them (MS-ADTS section
    3.1.1.4.5); none where it does not show them."""
    entry = domain.entry(f"<GUID={user.guid}>", ["tokenGroups"])
    return [sid_text(token) for token in entry.values.get("tokengroups", ())] if entry is not None else []


def _domain_sid(user: DomainUser) -> str:
    return user.sid.rpartition("-")[0]


def _is_privileged_sid(sid: str) -> bool:
    return int(sid.rpartition("-")[2]) in (_PRIVILEGED_BUILT_IN if sid.startswith(_BUILT_IN) else _PRIVILEGED)


def _group(entry: LdapEntry, privileged: Collection[str]) -> DomainGroup:
    sid = sid_text(entry.first("objectSid") or "010100000000000500000000")
    names = tuple(
        dict.fromkeys(value for name in ("cn", "sAMAccountName") if (value := entry.first(name)) is not None)
    ) or (entry.dn,)
    return DomainGroup(
        entry.dn,
        guid_text(entry.first("objectGUID") or "0" * 32),
        sid,
        names,
        privileged=_is_privileged_sid(sid)
        or (entry.first("adminCount") or "0") != "0"
        or any(name.casefold() in privileged for name in names),
    )
