"""Which permissions `bind_dn` lacks, as the domain controller states them on a user, a protected user and a group.

`allowedAttributesEffective` lists the attributes of an entry that bind_dn may write, and
`allowedChildClassesEffective` the classes of entries that it may create below one (MS-ADTS section 3.1.1.4.5).
The right to reset passwords is in neither list.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from connectors.errors import ActionRequiredError, Happened
from connectors.protocols.ldap_session import LdapEntry
from connectors.vendors.active_directory.domain import Domain
from connectors.vendors.active_directory.user import PERSON

_WRITABLE = "allowedAttributesEffective"
NEEDED = {
    "disable_account": "userAccountControl",
    "enable_account": "userAccountControl",
    "expire_account": "accountExpires",
    "restore_expiry": "accountExpires",
}
"""By ability, the attribute of people that it writes."""


def missing_rights(domain: Domain, people_base: str) -> list[str]:
    """Sentences about what bind_dn may not do."""
    said = []
    for people, condition in (
        ("people", "(!(adminCount>=1))"),
        ("protected people (adminCount 1; AdminSDHolder sets their permissions)", "(adminCount>=1)"),
    ):
        person = _sample(domain, people_base, f"(&{PERSON}{condition})")
        if person is not None:
            said += [
                f"{_needing(attribute)} not possible for {people}: bind_dn cannot write {attribute} (rights_missing)"
                for attribute in dict.fromkeys(NEEDED.values())
                if not _writable(person, attribute)
            ]
    group = _sample(domain, domain.root, "(&(objectClass=group)(member=*)(!(adminCount>=1)))")
    if group is not None and not _writable(group, "member"):
        said.append(
            "remove_from_groups and add_to_groups not possible: bind_dn cannot write member of groups (rights_missing)"
        )
    return said


def _needing(attribute: str) -> str:
    return " and ".join(ability for ability, needed in NEEDED.items() if needed == attribute)


def _sample(domain: Domain, base: str, filter_text: str) -> LdapEntry | None:
    return domain.session.first_entry(base, filter_text, [_WRITABLE])


def _writable(entry: LdapEntry, attribute: str) -> bool:
    shown: Sequence[str] = entry.values.get(_WRITABLE.lower(), ())
    return attribute.lower() in {each.lower() for each in shown}


@contextlib.contextmanager
def needing(right: str) -> Iterator[None]:
    """Names the permission where the directory refuses a change for want of it."""
    try:
        yield
    except ActionRequiredError as error:
        if error.code != "credential_refused":  # the credential itself was accepted before
            raise
        raise rights_missing(right, error.detail, error.happened) from error


def rights_missing(right: str, detail: str, happened: Happened) -> ActionRequiredError:
    return ActionRequiredError(
        "rights_missing",
        detail,
        remedy=f"Grant bind_dn the permission to {right}. For protected accounts and groups (adminCount 1), grant it "
        "on CN=AdminSDHolder,CN=System.",
        happened=happened,
    )
