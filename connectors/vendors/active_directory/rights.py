"""Which permissions `bind_dn` lacks, as the domain controller states them on a user, a protected user and a group.

`allowedAttributesEffective` lists the attributes of an entry that bind_dn may write, and
`allowedChildClassesEffective` the classes of entries that it may create below one (MS-ADTS section 3.1.1.4.5).
The right to reset passwords is in neither list.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from connectors.errors import ActionRequiredError, Happened, RefusedError
from connectors.protocols.ldap_session import LdapEntry, LdapRefusedError
from connectors.vendors.active_directory.domain import Domain
from connectors.vendors.active_directory.user import PERSON

_WRITABLE = "allowedAttributesEffective"
NEEDED = {
    "disable_account": "userAccountControl",
    "expire_account": "accountExpires",
}
"""By ability, the attribute of people that it writes."""
MOVE = "create users in this OU, and delete users in the present one"


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
                f"{ability} not possible for {people}: bind_dn cannot write {attribute} (rights_missing)"
                for ability, attribute in NEEDED.items()
                if not _writable(person, attribute)
            ]
    group = _sample(domain, domain.root, "(&(objectClass=group)(member=*)(!(adminCount>=1)))")
    if group is not None and not _writable(group, "member"):
        said.append("remove_from_groups not possible: bind_dn cannot write member of groups (rights_missing)")
    return said


def require_place(domain: Domain, ou: str) -> None:
    """Raises `RefusedError("ou_not_found")`; and `ActionRequiredError("rights_missing")` if the directory says that no
    user can be created there."""
    try:
        entry = domain.entry(ou, ["allowedChildClassesEffective"])
    except LdapRefusedError:
        entry = None
    if entry is None:
        raise RefusedError(
            "ou_not_found",
            f"The domain has no entry {ou}.",
            remedy="Correct the parameter ou of the step in workflow.yaml: the DN of an organisational unit.",
            happened="no",
        )
    classes = entry.values.get("allowedchildclasseseffective")
    if classes is not None and "user" not in {each.lower() for each in classes}:
        raise rights_missing(MOVE, "allowedChildClassesEffective of the OU does not list user.", "no")


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
