"""The groups of an LDAP entry, and its removal from one. A group's complete list of members is never read for this."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ldap3 import MODIFY_ADD, MODIFY_DELETE
from ldap3.utils.conv import escape_filter_chars

from connectors.account_set import comparable
from connectors.errors import RefusedError
from connectors.protocols.ldap_session import LdapEntry, LdapRefusedError, LdapSession

_MEMBERSHIPS = ("member", "uniqueMember", "memberUid")
# RFC 4511 appendix A.1
_NO_SUCH_ATTRIBUTE, _VALUE_EXISTS, _OBJECT_CLASS = 16, 20, 65


@dataclass(frozen=True, slots=True)
class Membership:
    """The group lists the entry in `attribute` as `value`."""

    attribute: str
    value: str
    group: LdapEntry

    def shown(self) -> dict[str, Any]:
        return {"id": self.group.first("entryUUID"), "name": self.group.first("cn") or self.group.dn}


@dataclass(frozen=True, slots=True)
class LdapMemberships:
    """`missing` are the names that were asked for and that no group has. `members_shown`: the directory shows members
    of groups, so that an empty `found` means that there are none."""

    found: Sequence[Membership] = ()
    missing: Sequence[str] = ()
    members_shown: bool = True
    shown: list[dict[str, Any]] = field(default_factory=list)


def memberships(session: LdapSession, base: str, entry: LdapEntry, wanted: Collection[str] | None) -> LdapMemberships:
    """The groups below `base`, those named in `wanted` or all. Names of groups have no case."""
    every = [
        Membership(attribute, value, group)
        for attribute in _MEMBERSHIPS
        for value in (entry.every("uid") if attribute == "memberUid" else (entry.dn,))
        for group in session.search(base, _lists(attribute, value), ["cn", "entryUUID"])
    ]
    found, missing = every, []
    if wanted is not None:
        names = {comparable(name) for name in wanted}
        found = [each for each in every if names & {comparable(name) for name in each.group.values.get("cn", ())}]
        known = {comparable(name) for each in found for name in each.group.values.get("cn", ())}
        missing = [
            name
            for name in sorted(wanted)
            if comparable(name) not in known and not session.any_entry(base, f"(cn={escape_filter_chars(name)})")
        ]
    has_members = "".join(f"({attribute}=*)" for attribute in _MEMBERSHIPS)
    members_shown = bool(every) or session.any_entry(base, f"(|{has_members})")
    if members_shown and not entry.every("uid") and not session.lacks(entry.dn, "uid"):
        # The entry can have a uid that is not shown, and be listed by it.
        members_shown = not session.any_entry(base, "(memberUid=*)")
    return LdapMemberships(found, missing, members_shown, [each.shown() for each in found])


def _lists(attribute: str, value: str) -> str:
    text = escape_filter_chars(value)
    if attribute == "memberUid" and value.isascii():
        # uid has no case, and memberUid has (RFC 2307). A server that does not know the rule takes this part as
        # undefined, which leaves the other part (RFC 4511 section 4.5.1.7).
        return f"(|(memberUid={text})(memberUid:caseIgnoreIA5Match:={text}))"
    return f"({attribute}={text})"


def leave(session: LdapSession, membership: Membership, placeholder: str) -> None:
    """Raises `RefusedError("last_member")` where the group would be empty and may not be."""
    group, attribute, value = membership.group, membership.attribute, membership.value
    removal = (MODIFY_DELETE, [value])
    try:
        session.modify(group.dn, {attribute: [removal]})
    except LdapRefusedError as error:
        if error.result_code == _NO_SUCH_ATTRIBUTE:
            if attribute == "memberUid":
                _remove_other_spellings(session, membership)
            return  # otherwise another client removed it
        if error.result_code != _OBJECT_CLASS:
            raise
        if not placeholder or attribute == "memberUid":
            raise RefusedError(
                "last_member",
                "No other member is in the group, and a group cannot be empty.",
                remedy="Add another member to these groups, or set placeholder_member, then retry.",
                happened=session.happened,
            ) from None
        session.modify(group.dn, {attribute: [(MODIFY_ADD, [placeholder]), removal]})


def joined(
    session: LdapSession, base: str, entry: LdapEntry, groups: Sequence[Mapping[str, Any]]
) -> tuple[bool | None, dict[str, Any]]:
    """Whether the entry is in each of the groups (`id`) that still exist, with the evidence. None where the directory
    does not show members or IDs of groups: then a group that is not found can exist."""
    known = memberships(session, base, entry, None)
    member_of = {one["id"] for one in known.shown}
    lacking = [dict(one) for one in groups if one["id"] not in member_of]
    there = [one for one in lacking if session.any_entry(base, by_uuid(one["id"]))]
    deleted = [one for one in lacking if one not in there]
    evidence = {"groups": known.shown, "not_joined": there, "deleted_groups": deleted}
    if groups and not lacking:
        return True, evidence
    shows_such = known.members_shown and session.any_entry(base, "(entryUUID=*)")
    return (not there if shows_such else None), evidence


def by_uuid(group_id: object) -> str:
    """A filter for a group with this entryUUID."""
    return f"(entryUUID={escape_filter_chars(str(group_id))})"


def join(session: LdapSession, base: str, entry: LdapEntry, group: Mapping[str, Any]) -> None:
    """Adds the entry to the group (`id`, and the `attribute` that listed it, if it is known). A group that is not there
    any more stays as it is."""
    for found in session.search(base, by_uuid(group["id"]), ["cn", *_MEMBERSHIPS]):
        used = (name for name in _MEMBERSHIPS if found.every(name))
        attribute = str(group.get("attribute") or next(used, "member"))
        value = entry.first("uid") if attribute == "memberUid" else entry.dn
        if value is None:
            raise RefusedError(
                "uid_missing",
                "The group lists its members by uid, and the entry has none.",
                remedy="Add the person to the group by hand, then retry or skip the step.",
                happened=session.happened,
            )
        try:
            session.modify(found.dn, {attribute: [(MODIFY_ADD, [value])]})
        except LdapRefusedError as error:
            if error.result_code != _VALUE_EXISTS:
                raise


def _remove_other_spellings(session: LdapSession, membership: Membership) -> None:
    for group in session.search(membership.group.dn, "(objectClass=*)", ["memberUid"], scope="BASE"):
        listed = group.values.get("memberuid", ())
        spellings = [value for value in listed if comparable(value) == comparable(membership.value)]
        if spellings:
            session.modify(group.dn, {"memberUid": [(MODIFY_DELETE, spellings)]})
