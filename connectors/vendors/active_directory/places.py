"""The organisational unit in which an account is, and moving the account to another one."""

from __future__ import annotations

from connectors.abilities import Reply
from connectors.errors import RefusedError
from connectors.protocols.ldap_entries import parent_of, rdn_of, same_dn
from connectors.protocols.ldap_session import LdapRefusedError
from connectors.vendors.active_directory.domain import Domain
from connectors.vendors.active_directory.rights import needing, rights_missing
from connectors.vendors.active_directory.user import DomainUser

_MOVE = "create users in this OU, and delete users in the present one"
_ENTRY_EXISTS = 68  # RFC 4511 appendix A.1


def move_to(domain: Domain, user: DomainUser, target: str, remedy: str) -> Reply:
    """`target` is the DN of an organisational unit, and `remedy` what to do where the domain has no such unit. Raises
    `RefusedError`: ou_not_found, name_taken; and `ActionRequiredError("rights_missing")`."""
    before = parent_of(user.dn)
    if same_dn(before, target):
        return Reply({"parent": {"before": before, "after": before}})
    _require_place(domain, target, remedy)
    with needing(_MOVE):
        try:
            domain.session.move(user.dn, rdn_of(user.dn), target)
        except LdapRefusedError as error:
            if error.result_code != _ENTRY_EXISTS:
                raise
            raise RefusedError(
                "name_taken",
                f"{target} has an entry of the same name.",
                remedy="Rename one of the two entries, then retry.",
                happened=error.happened,
            ) from error
    return Reply({"parent": {"before": before, "after": target}})


def _require_place(domain: Domain, ou: str, remedy: str) -> None:
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
            remedy=remedy,
            happened="no",
        )
    classes = entry.values.get("allowedchildclasseseffective")
    if classes is not None and "user" not in {each.lower() for each in classes}:
        raise rights_missing(_MOVE, "allowedChildClassesEffective of the OU does not list user.", "no")
