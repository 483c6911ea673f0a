"""Finds accounts: by ID, user name, mail address, employee number and the identity provider's identifier; and the list
of all users.

Identity Center searches by its unique attributes only (GetUserId). Employee numbers and identifiers of the identity
provider are compared with the whole list of users.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from pydantic import Field

from connectors.abilities import Account, Lookup
from connectors.account_set import comparable, value_shown, values_asked
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import SAMPLE_SIZE, FindOne, find_by, unproven
from connectors.http.flows import Fields
from connectors.http.requests import Flow
from connectors.listing import ListedAccount
from connectors.parameters import unknown_attribute
from connectors.vendors.aws.identity_center.assignments import is_administrator
from connectors.vendors.aws.identity_center.calls import ask, to_store
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings
from connectors.vendors.aws.identity_center.users import ENTERPRISE, DirectoryUser, described, is_id, users

KIND = "aws_identity_center"
_VALUES: Mapping[str, Callable[[DirectoryUser], list[str]]] = {
    "id": lambda user: [user.id],
    "userName": lambda user: [user.name],
    "emails.value": lambda user: user.addresses,
    "employeeNumber": lambda user: [user.employee_number],
    "externalId": lambda user: [one.id for one in user.external_ids],
}
"""The values that a user has in each attribute."""
_IN_LISTS = frozenset({"employeeNumber", "externalId"})
"""Attributes that are compared with the whole list of users."""


class _FoundUser(Fields):
    id: str = Field(alias="UserId", min_length=1)


def values_of(user: DirectoryUser, attribute: str) -> list[str]:
    return [value for value in _VALUES[attribute](user) if value]


def _account(user: DirectoryUser, asked: Mapping[str, Collection[str]]) -> Account:
    shown = {name: value_shown(values_of(user, name), wanted) for name, wanted in asked.items() if name != "id"}
    known = {name: value for name, value in shown.items() if value}
    provisioned = {"provisionedBy": ", ".join(user.provisioned_by)} if user.provisioned_by else {}
    return Account(user.id, user.name or user.id, {"userName": user.name, **known, **provisioned}, user.active)


class _CenterSearch:
    """One search. The list of all users is read once for all its lookups."""

    def __init__(self, settings: IdentityCenterSettings, lookups: Sequence[Lookup]) -> None:
        self._settings = settings
        self._asked = values_asked(lookups)
        self._every: list[DirectoryUser] | None = None

    def run(self, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
        finders: dict[str, FindOne[IdentityCenterSettings]] = {
            name: self._in_list if name in _IN_LISTS else self._by_unique for name in _VALUES
        }
        finders["id"] = self._by_id
        return (
            yield from find_by(KIND, finders, sample=self._sample, prove_themselves=_IN_LISTS)(self._settings, lookups)
        )

    def _by_id(self, settings: IdentityCenterSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        user = (yield from self._whole(lookup.value)) if is_id(lookup.value) else None
        return [] if user is None else [_account(user, self._asked)]

    def _by_unique(self, settings: IdentityCenterSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        unique = {"AttributePath": lookup.attribute, "AttributeValue": lookup.value}
        request = to_store(settings, "GetUserId", AlternateIdentifier={"UniqueAttribute": unique})
        found = yield from ask(request, _FoundUser, "USER")
        user = None if found is None else (yield from self._whole(found.id))
        return [] if user is None else [_account(user, self._asked)]

    def _whole(self, id: str) -> Flow[DirectoryUser | None]:
        return (yield from described(self._settings, id, extensions=_extensions(self._asked)))

    def _in_list(self, settings: IdentityCenterSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        """The whole list proves that there is no account, if at least one user has the attribute."""
        if self._every is None:
            self._every = yield from users(settings, extensions=_extensions(self._asked))
        having = [user for user in self._every if values_of(user, lookup.attribute)]
        if not having:
            raise unproven(lookup.attribute)
        wanted = comparable(lookup.value)
        return [
            _account(user, self._asked)
            for user in having
            if wanted in {comparable(value) for value in values_of(user, lookup.attribute)}
        ]

    def _sample(self, settings: IdentityCenterSettings) -> Flow[Sequence[Account]]:
        asked: dict[str, set[str]] = {name: set() for name in self._asked}
        return [_account(user, asked) for user in (yield from users(settings, at_most=int(SAMPLE_SIZE)))]


def _extensions(attributes: Collection[str]) -> tuple[str, ...]:
    return (ENTERPRISE,) if "employeeNumber" in attributes else ()


def find(settings: IdentityCenterSettings, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    """Each account shows every attribute that was asked for."""
    found = []
    for account in (yield from _CenterSearch(settings, lookups).run(lookups)):
        found.append(replace(account, privileged=(yield from _is_privileged(settings, account.native_id))))
    return found


def _is_privileged(settings: IdentityCenterSettings, user: str) -> Flow[bool]:
    """Not known, and false, where the credential may not read it, or where the instance refuses the question. An answer
    that is not understood is an error: an approval can depend on this."""
    try:
        return (yield from is_administrator(settings, user))
    except RefusedError:
        return False
    except ActionRequiredError as error:
        if error.code != "credential_refused":
            raise
        return False


def list_users(
    settings: IdentityCenterSettings, attributes: Collection[str], at_most: int
) -> Flow[Sequence[ListedAccount]]:
    """Raises `ActionRequiredError("search_unproven")` for an attribute that no user has: all accounts would look like
    accounts without an owner."""
    for name in attributes:
        if name not in _VALUES:
            raise unknown_attribute(KIND, name, _VALUES)
    compared = [name for name in attributes if name in _IN_LISTS]
    every = yield from users(settings, at_most=None if compared else at_most, extensions=_extensions(attributes))
    for name in compared:
        if not any(values_of(user, name) for user in every):
            raise unproven(name)
    empty: dict[str, set[str]] = {name: set() for name in attributes}
    return [
        ListedAccount(_account(user, empty), {name: tuple(values_of(user, name)) for name in attributes})
        for user in every[:at_most]
    ]
