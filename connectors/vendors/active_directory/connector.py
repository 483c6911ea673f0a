"""Active Directory over LDAP: accounts are disabled in `userAccountControl`, not by a password policy.

Changes to an attribute that others write too are compare-and-set: one modification removes the value that was read and
adds the new one, so that a change in between is never overwritten (MS-ADTS section 3.1.1.5.3.2).

What it does not reach: Kerberos tickets that were issued already are accepted until they expire, 10 hours by default,
and open sessions last until their servers end them.

Over 400 lines: the abilities of one connector, with their table.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from ldap3 import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE
from ldap3.utils.conv import escape_filter_chars

from connectors.abilities import Ability, Account, Effect, Lookup, ReadBack, Reply
from connectors.acts import Act, ActTable
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.parameters import instant_of, names_of, text_of
from connectors.protocols.directory_connector import DirectoryConnector
from connectors.protocols.ldap_entries import other_credentials, parent_of, same_dn
from connectors.protocols.ldap_session import LdapRefusedError, LdapSession
from connectors.read_backs import none_left, seen
from connectors.removals import GroupsLeft
from connectors.vendors.active_directory.domain import DOMAIN_SCOPE, Domain, read_domain
from connectors.vendors.active_directory.groups import (
    is_privileged,
    join_taken,
    joined,
    leave,
    nested_refusal,
    read_groups,
    replace_primary,
    still_nested,
    unknown_names,
)
from connectors.vendors.active_directory.places import move_to
from connectors.vendors.active_directory.rights import missing_rights, needing
from connectors.vendors.active_directory.settings import ActiveDirectorySettings, require_domain_port
from connectors.vendors.active_directory.user import DISABLED, NEVER, PERSON, READ, SHOWN, DomainUser, filetime, instant

_TRIES = 3
_TICKETS_LAST = timedelta(hours=10)
"""The defaults of MaxTicketAge and MaxServiceAge in the domain's Kerberos policy (MS-GPSB 2.2.2)."""
_SETTLE_TIME = timedelta(seconds=30)
"""Replication within a site takes about 15 seconds; `url` may name several domain controllers."""
_REMEMBERED = 1000
# RFC 4511 appendix A.1
_NO_SUCH_ATTRIBUTE, _CONSTRAINT, _NO_SUCH_OBJECT, _UNWILLING = 16, 19, 32, 53


class ActiveDirectoryConnector(DirectoryConnector[ActiveDirectorySettings, Domain, DomainUser]):
    """The native id is objectGUID. Lookups take attributes of people, among them `proxyAddresses` without `smtp:`."""

    kind = "active_directory"
    id_attribute = "objectGUID"
    usual_attributes = (*SHOWN, "proxyAddresses", "objectGUID")
    search_controls = (DOMAIN_SCOPE,)

    def __init__(self, settings: ActiveDirectorySettings, *, allowed_hosts: Collection[str]) -> None:
        require_domain_port(settings)
        super().__init__(settings, allowed_hosts=allowed_hosts)
        self._passwords_set: dict[str, int] = {}
        """By effect key, `pwdLastSet` after our own change. Passwords are kept nowhere."""

    @property
    def acts(self) -> ActiveDirectoryActs:
        return ACTS

    def begin(self, session: LdapSession) -> Domain:
        return read_domain(session)

    def matching(self, domain: Domain, lookup: Lookup, attributes: Collection[str]) -> Sequence[DomainUser]:
        value = escape_filter_chars(lookup.value)
        match lookup.attribute.lower():
            case "objectguid":
                entry = domain.entry_of_guid(lookup.value, [*READ, *attributes])
                return [DomainUser(entry)] if entry is not None and DomainUser(entry).is_person else []
            case "proxyaddresses":
                value = f"smtp:{value}"
        wanted = f"(&{PERSON}({lookup.attribute}={value}))"
        found = domain.session.search(self._people(domain), wanted, [*READ, *attributes])
        return [DomainUser(entry) for entry in found]

    def everyone(self, domain: Domain, attributes: Collection[str]) -> Sequence[DomainUser]:
        return [
            DomainUser(entry) for entry in domain.session.search(self._people(domain), PERSON, [*READ, *attributes])
        ]

    def values(self, user: DomainUser, attribute: str) -> Sequence[str]:
        return user.values(attribute)

    def main_values(self, user: DomainUser, attribute: str) -> Sequence[str]:
        return user.main_values(attribute)

    def any_person_with(self, domain: Domain, attribute: str) -> bool:
        return domain.session.any_entry(self._people(domain), f"(&{PERSON}({attribute}=*))")

    def account(self, domain: Domain, user: DomainUser) -> Account:
        shown = {name: user.entry.first(name) for name in SHOWN}
        return Account(
            native_id=user.guid,
            label=user.entry.first("sAMAccountName") or user.guid,
            attributes={name: value for name, value in shown.items() if value is not None},
            active=user.active(datetime.now(UTC)),
            privileged=is_privileged(domain, user, self.settings.privileged_names),
        )

    def signs_us_in(self, domain: Domain, user: DomainUser) -> bool:
        return user.signs_in_as(self.settings.bind_dn, domain.dns_name)

    def entry(self, domain: Domain, native_id: str) -> DomainUser | None:
        entry = domain.entry(f"<GUID={native_id}>", READ)
        return None if entry is None else DomainUser(entry)

    def said(self, domain: Domain) -> list[str]:
        said = [f"reachable, credential accepted, domain {domain.root}"]
        people = self._people(domain)
        domain.session.search(people, "(objectClass=*)", ["1.1"], scope="BASE")
        if not domain.session.any_entry(people, PERSON):
            said.append("people_base shows no people, so no account can be found")
        if domain.read_only:
            said.append("no change is possible: url names a read-only domain controller")
        said += missing_rights(domain, people)
        if not self.settings.encrypted:
            said.append("scramble_password not possible: passwords can be set over TLS only (not_encrypted)")
        if others := domain.other_domains():
            said.append(f"accounts in other domains are not found: add a system for each of {', '.join(others)}")
        return said

    def _people(self, domain: Domain) -> str:
        return self.settings.people_base or domain.root

    def disable(self, domain: Domain, user: DomainUser, effect: Effect) -> Reply:
        def change(now: DomainUser) -> tuple[int, int]:
            return now.control, now.control | DISABLED

        return self._compare_and_set(domain, user, "userAccountControl", change)

    def look_at_disabled(self, domain: Domain, user: DomainUser, effect: Effect) -> ReadBack:
        return seen(user.disabled, user.state())

    def enable(self, domain: Domain, user: DomainUser, effect: Effect) -> Reply:
        def change(now: DomainUser) -> tuple[int, int]:
            return now.control, now.control & ~DISABLED

        return self._compare_and_set(domain, user, "userAccountControl", change)

    def look_at_enabled(self, domain: Domain, user: DomainUser, effect: Effect) -> ReadBack:
        return seen(not user.disabled, user.state())

    def expire(self, domain: Domain, user: DomainUser, effect: Effect) -> Reply:
        at = filetime(instant_of(effect, "at"))

        def change(now: DomainUser) -> tuple[int | None, int]:
            before = now.number("accountExpires")
            # An account that ends earlier keeps its end.
            return before, now.expires if now.expires is not None and now.expires <= at else at

        reply = self._compare_and_set(domain, user, "accountExpires", change)
        return _with_taken(reply, "replaced_expiry", "accountExpires", "date on which the account expires")

    def look_at_expiry(self, domain: Domain, user: DomainUser, effect: Effect) -> ReadBack:
        at = filetime(instant_of(effect, "at"))
        return seen(user.expires is not None and user.expires <= at, user.state())

    def restore_expiry(self, domain: Domain, user: DomainUser, effect: Effect) -> Reply:
        """Only where the directory still shows the value that the run set."""

        def change(now: DomainUser) -> tuple[int | None, int | None]:
            shown = now.number("accountExpires")
            for one in effect.taken:
                if one["after"] == shown:
                    return shown, NEVER if one["before"] is None else one["before"]
            return shown, shown

        return self._compare_and_set(domain, user, "accountExpires", change)

    def look_at_restored_expiry(self, domain: Domain, user: DomainUser, effect: Effect) -> ReadBack:
        shown = user.number("accountExpires")
        other = None if shown is None else all(one["after"] != shown for one in effect.taken)
        return seen(other, user.state())

    def leave_groups(self, domain: Domain, user: DomainUser, effect: Effect) -> Reply:
        wanted = names_of(effect, "groups")
        groups, left = read_groups(domain, user, self.settings.privileged_names), GroupsLeft()
        left.not_found(unknown_names(domain, groups, wanted))
        for group in groups.to_leave(wanted):
            with left.leaving(group.shown()), needing("write member of this group"):
                if group == groups.primary:
                    with needing("write primaryGroupID of people, and member of Domain Users"):
                        replace_primary(domain, user)
                leave(domain, user, group)
        after = read_groups(domain, user, self.settings.privileged_names)
        nested_refusal(left, still_nested(after, wanted))
        return Reply({**left.reply(domain.session.happened), **after.shown()})

    def look_at_groups(self, domain: Domain, user: DomainUser, effect: Effect) -> ReadBack:
        wanted = names_of(effect, "groups")
        groups = read_groups(domain, user, self.settings.privileged_names)
        missing = unknown_names(domain, groups, wanted)
        remaining = [*groups.to_leave(wanted), *still_nested(groups, wanted)]
        evidence = {
            **user.state(),
            "groups": [group.shown() for group in remaining],
            "groups_not_found": missing,
            **groups.shown(),
        }
        complete = groups.complete if wanted is None else groups.members_shown
        return none_left(remaining, evidence, shows_such=complete and not missing)

    def join_groups(self, domain: Domain, user: DomainUser, effect: Effect) -> Reply:
        groups = read_groups(domain, user, self.settings.privileged_names)
        return Reply(join_taken(domain, user, groups, effect.taken))

    def look_at_joining(self, domain: Domain, user: DomainUser, effect: Effect) -> ReadBack:
        groups = read_groups(domain, user, self.settings.privileged_names)
        done, evidence = joined(domain, groups, effect.taken)
        return seen(done, {**user.state(), **evidence})

    def scramble(self, domain: Domain, user: DomainUser, effect: Effect) -> Reply:
        """Twice, since domain controllers accept the password before the current one for an hour in some logins."""
        if not self.settings.encrypted:
            raise ActionRequiredError(
                "not_encrypted",
                "Active Directory sets passwords over an encrypted connection only.",
                remedy="Use an ldaps:// address, or set start_tls.",
                happened="no",
            )
        before = user.number("pwdLastSet")
        for _ in range(2):
            with needing("reset passwords of people (extended right Reset Password)"):
                try:
                    domain.session.modify(user.dn, {"unicodePwd": [(MODIFY_REPLACE, [_unknown_password()])]})
                except LdapRefusedError as error:
                    if error.result_code not in (_CONSTRAINT, _UNWILLING):
                        raise
                    raise RefusedError(
                        "password_policy_refused",
                        error.detail,
                        remedy="Check the domain's password policy and password filters, then retry.",
                        happened=domain.session.happened,
                    ) from error
        after = self.entry(domain, user.guid)
        now = after.number("pwdLastSet") if after is not None else None
        if now is None or now == before:
            raise ActionRequiredError(
                "answer_not_understood",
                "The directory accepted the new password, but pwdLastSet did not change.",
                remedy="Check the account in the directory, then retry.",
                happened="unknown",
            )
        self._remember(effect.effect_key, now)
        return Reply({"pwdLastSet": {"before": instant(before), "after": instant(now)}})

    def look_at_password(self, domain: Domain, user: DomainUser, effect: Effect) -> ReadBack:
        """A password cannot be read. The time at which it was set can: it is ours while no one sets another. A worker
        that was restarted since does not know the time, and the step is repeated."""
        ours = self._passwords_set.get(effect.effect_key)
        return seen(None if ours is None else user.number("pwdLastSet") == ours, user.state())

    def _remember(self, effect_key: str, at: int) -> None:
        self._passwords_set[effect_key] = at
        while len(self._passwords_set) > _REMEMBERED:
            del self._passwords_set[next(iter(self._passwords_set))]

    def move(self, domain: Domain, user: DomainUser, effect: Effect) -> Reply:
        target = text_of(effect, "ou")
        reply = move_to(domain, user, target, "Correct the parameter ou of the step in workflow.yaml.")
        return _with_taken(reply, "left_place", "parent", "organisational unit of the account")

    def look_at_parent(self, domain: Domain, user: DomainUser, effect: Effect) -> ReadBack:
        return seen(same_dn(parent_of(user.dn), text_of(effect, "ou")), user.state())

    def move_back(self, domain: Domain, user: DomainUser, effect: Effect) -> Reply:
        """Only from the place to which the run moved it."""
        for one in effect.taken:
            if same_dn(parent_of(user.dn), one["after"]):
                return move_to(domain, user, one["before"], "Move the account by hand, then skip the step.")
        return Reply({"parent": {"before": parent_of(user.dn), "after": parent_of(user.dn)}})

    def look_at_left_place(self, domain: Domain, user: DomainUser, effect: Effect) -> ReadBack:
        return seen(all(not same_dn(parent_of(user.dn), one["after"]) for one in effect.taken), user.state())

    def snapshot(self, domain: Domain, user: DomainUser, effect: Effect) -> ReadBack:
        groups = read_groups(domain, user, self.settings.privileged_names)
        managed = domain.session.search(
            domain.root, f"(managedBy={escape_filter_chars(user.dn)})", ["cn", "objectGUID"]
        )
        evidence = {
            **user.state(),
            "groups": [group.shown() for group in groups.direct],
            "removable_groups": [group.shown() for group in groups.to_leave(None)],
            **groups.shown(),
            "protected": user.protected,
            "managed_objects": [{"name": entry.first("cn") or entry.dn, "dn": entry.dn} for entry in managed],
            "service_principal_names": list(user.values("servicePrincipalName")),
            "other_credentials": other_credentials(user.entry),
            "last_logon": instant(user.number("lastLogonTimestamp")),
        }
        return none_left((), evidence, shows_such=groups.members_shown)

    def _compare_and_set(
        self,
        domain: Domain,
        user: DomainUser,
        attribute: str,
        change: Callable[[DomainUser], tuple[int | None, int | None]],
    ) -> Reply:
        """`change` gives the value that the attribute has and the one that it shall have."""
        now: DomainUser | None = user
        for _ in range(_TRIES):
            if now is None:
                break
            before, after = change(now)
            if before == after:
                return Reply({attribute: {"before": before, "after": after}})
            removal = [] if before is None else [(MODIFY_DELETE, [str(before)])]
            try:
                with needing(f"write {attribute} of people"):
                    domain.session.modify(now.dn, {attribute: [*removal, (MODIFY_ADD, [str(after)])]})
            except LdapRefusedError as error:
                if error.result_code not in (_NO_SUCH_ATTRIBUTE, _NO_SUCH_OBJECT):
                    raise
                now = self.entry(domain, user.guid)  # it was changed or moved since it was read
            else:
                return Reply({attribute: {"before": before, "after": after}})
        raise TryAgainError(
            "changed_meanwhile",
            f"Another client changed {attribute} of the account at the same time, {_TRIES} times.",
            happened=domain.session.happened,
        )


ActiveDirectoryActs = ActTable[
    Callable[[ActiveDirectoryConnector, Domain, DomainUser, Effect], Reply],
    Callable[[ActiveDirectoryConnector, Domain, DomainUser, Effect], ReadBack],
]
ACTS: ActiveDirectoryActs = ActTable(
    "active_directory",
    Act(
        Ability(
            "snapshot_access",
            "read",
            "records the account's state, OU and groups, direct, primary and nested, and what it manages",
            reversible="yes",
        ),
        look=ActiveDirectoryConnector.snapshot,
    ),
    Act(
        Ability(
            "disable_account",
            "change",
            "disables the account, so that it cannot sign in; Kerberos tickets issued before are accepted until they "
            "expire",
            reversible="yes",
            cuts_access=True,
            tokens_last=_TICKETS_LAST,
            cannot_end=("sessions", "kerberos_tickets"),
            settles_within=_SETTLE_TIME,
            undone_by="enable_account",
        ),
        ActiveDirectoryConnector.disable,
        ActiveDirectoryConnector.look_at_disabled,
    ),
    Act(
        Ability(
            "enable_account",
            "change",
            "enables the account; its expiry date and its password stay as they are",
            reversible="yes",
            settles_within=_SETTLE_TIME,
            gives_access=True,
        ),
        ActiveDirectoryConnector.enable,
        ActiveDirectoryConnector.look_at_enabled,
    ),
    Act(
        Ability(
            "expire_account",
            "change",
            "lets the account expire at `at`, unless it expires earlier",
            reversible="yes",
            settles_within=_SETTLE_TIME,
            undone_by="restore_expiry",
            taken_as="replaced_expiry",
        ),
        ActiveDirectoryConnector.expire,
        ActiveDirectoryConnector.look_at_expiry,
    ),
    Act(
        Ability(
            "restore_expiry",
            "change",
            "lets the account expire when it did before the run, or never",
            reversible="yes",
            settles_within=_SETTLE_TIME,
            gives_access=True,
        ),
        ActiveDirectoryConnector.restore_expiry,
        ActiveDirectoryConnector.look_at_restored_expiry,
    ),
    Act(
        Ability(
            "remove_from_groups",
            "change",
            "removes the account from all groups that list it, or from those in `groups`; a primary group becomes "
            "Domain Users",
            reversible="yes",  # the groups it was in are in the reply and in the snapshot
            cuts_access=True,
            tokens_last=_TICKETS_LAST,  # a ticket lists the groups
            cannot_end=("kerberos_tickets",),
            settles_within=_SETTLE_TIME,
            undone_by="add_to_groups",
            taken_as="left_groups",
            recorded_as="removable_groups",
        ),
        ActiveDirectoryConnector.leave_groups,
        ActiveDirectoryConnector.look_at_groups,
    ),
    Act(
        Ability(
            "add_to_groups",
            "change",
            "adds the account to the groups from which a run removed it; Domain Users stays the primary group",
            reversible="yes",
            settles_within=_SETTLE_TIME,
            gives_access=True,
        ),
        ActiveDirectoryConnector.join_groups,
        ActiveDirectoryConnector.look_at_joining,
    ),
    Act(
        Ability(
            "scramble_password",
            "change",
            "replaces the password with an unknown one; needs TLS",
            settles_within=_SETTLE_TIME,
            destroys_nothing_because="the account and its data are kept; an administrator can set another password",
        ),
        ActiveDirectoryConnector.scramble,
        ActiveDirectoryConnector.look_at_password,
    ),
    Act(
        Ability(
            "move_to_ou",
            "change",
            "moves the account to the organisational unit `ou` (its DN)",
            reversible="yes",  # the place it was in is in the reply and in the snapshot
            settles_within=_SETTLE_TIME,
            undone_by="move_back",
            taken_as="left_place",
        ),
        ActiveDirectoryConnector.move,
        ActiveDirectoryConnector.look_at_parent,
    ),
    Act(
        Ability(
            "move_back",
            "change",
            "moves the account to the organisational unit that it was in before the run",
            reversible="yes",
            settles_within=_SETTLE_TIME,
            gives_access=True,
        ),
        ActiveDirectoryConnector.move_back,
        ActiveDirectoryConnector.look_at_left_place,
    ),
)


def _with_taken(reply: Reply, taken_as: str, name: str, words: str) -> Reply:
    """The reply, with the value of `name` that was replaced under `taken_as`, if it was replaced."""
    values = reply.detail[name]
    replaced = [] if values["before"] == values["after"] else [{"id": name, "name": words, **values}]
    return Reply({**reply.detail, taken_as: replaced})


def _unknown_password() -> bytes:
    """64 random characters of each class that a policy can ask for, in the form of unicodePwd (MS-ADTS section
    3.1.1.3.1.5.1). Kept nowhere."""
    return f'"{secrets.token_urlsafe(45)}aA1-"'.encode("utf-16-le")
