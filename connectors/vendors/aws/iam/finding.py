"""Finds accounts: by ID, name, ARN or tag; and the list of all users.

IAM has no search. Names and ARNs are asked for; IDs and tags are compared with the whole list of users. Only
GetAccountAuthorizationDetails lists users with their tags.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pydantic import Field

from connectors.abilities import Account, Lookup
from connectors.account_set import comparable, values_asked
from connectors.errors import ActionRequiredError
from connectors.http.connector import SAMPLE_SIZE, FindOne, find_by, unproven
from connectors.http.flows import parse
from connectors.http.requests import Flow
from connectors.listing import ListedAccount, listed
from connectors.parameters import unknown_attribute
from connectors.vendors.aws import query
from connectors.vendors.aws.iam.policies import AttachedPolicy, is_administrator
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import IamUser, in_account, is_name, name_in, user_named, users
from connectors.vendors.aws.query import Items, reading

_TAG = "tag:"
_OWN = ("id", "userName", "arn")
_KNOWN = (*_OWN, f"{_TAG}KEY")
_PAGE = "100"  # entries have all inline policies of a user, and a response has a size limit


class _Detail(IamUser):
    """A user with tags, groups and policies."""

    groups: Items[str] = Field(default=[], alias="GroupList")
    policies: Items[AttachedPolicy] = Field(default=[], alias="AttachedManagedPolicies")


def detailed_users(settings: AwsSettings) -> Flow[list[_Detail]]:
    request = reading("GetAccountAuthorizationDetails", query.numbered("Filter", ["User"]), MaxItems=_PAGE)
    items = yield from query.listed(request, "UserDetailList")
    found = [parse(item, _Detail) for item in items]
    for user in found:
        in_account(settings, user)
    return found


def _tagged(user: IamUser, attribute: str) -> str:
    """The value of the tag that an attribute such as `tag:email` names. IAM compares keys without case."""
    key = comparable(attribute.removeprefix(_TAG))
    return next((tag.value.strip() for tag in user.tags if comparable(tag.key) == key), "")


def _values(user: IamUser, attributes: Collection[str]) -> dict[str, str]:
    own = {"userName": user.name, "arn": user.arn}
    tags = {name: _tagged(user, name) for name in attributes if name.startswith(_TAG)}
    return own | {name: value for name, value in tags.items() if value}


def _account(user: IamUser, attributes: Collection[str] = (), *, privileged: bool = False) -> Account:
    """IAM users cannot be disabled, so it is not known whether one is active."""
    return Account(user.id, user.name, _values(user, attributes), None, privileged=privileged)


class _UserSearch:
    """One search. The list of all users is read once for all its lookups."""

    def __init__(self, settings: AwsSettings, lookups: Sequence[Lookup]) -> None:
        self._settings = settings
        self._asked = [lookup.attribute for lookup in lookups]
        self._details: list[_Detail] | None = None

    def run(self, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
        tags = {name: self._by_tag for name in self._asked if _is_tag(name)}
        finders: Mapping[str, FindOne[AwsSettings]] = {
            "id": self._by_id,
            "userName": self._by_name,
            "arn": self._by_arn,
            **tags,
        }
        for name in self._asked:
            if name not in finders:
                raise unknown_attribute("aws_iam", name, _KNOWN)
        return (
            yield from find_by("aws_iam", finders, sample=self._sample, prove_themselves=tags)(self._settings, lookups)
        )

    def _by_id(self, settings: AwsSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        return [_account(user) for user in (yield from users(settings)) if user.id == lookup.value]

    def _by_name(self, settings: AwsSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        user = (yield from user_named(settings, lookup.value)) if is_name(lookup.value) else None
        return [] if user is None else [_account(user, self._asked)]

    def _by_arn(self, settings: AwsSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        name = name_in(lookup.value)
        user = (yield from user_named(settings, name)) if is_name(name) else None
        return [] if user is None or user.arn != lookup.value else [_account(user, self._asked)]

    def _by_tag(self, settings: AwsSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
        """The whole list proves that there is no account, if at least one user has the tag."""
        if self._details is None:
            self._details = yield from detailed_users(settings)
        tagged = [user for user in self._details if _tagged(user, lookup.attribute)]
        if not tagged:
            raise unproven(lookup.attribute)
        wanted = comparable(lookup.value)
        return [_account(user, self._asked) for user in tagged if comparable(_tagged(user, lookup.attribute)) == wanted]

    def _sample(self, settings: AwsSettings) -> Flow[Sequence[Account]]:
        return [_account(user) for user in (yield from users(settings, at_most=int(SAMPLE_SIZE)))]


def _is_tag(attribute: str) -> bool:
    return attribute.startswith(_TAG) and len(attribute) > len(_TAG)


def find(settings: AwsSettings, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    """Each account shows every attribute that was asked for."""
    found = []
    for account in (yield from _UserSearch(settings, lookups).run(lookups)):
        name = account.attributes["userName"]
        asked = values_asked(lookups)
        shown = account.attributes
        if any(_is_tag(attribute) and attribute not in shown for attribute in asked):
            user = yield from user_named(settings, name)  # the list of users, which `id` was found on, has no tags
            shown = {**(_values(user, asked) if user is not None and user.id == account.native_id else {}), **shown}
        found.append(replace(account, attributes=shown, privileged=(yield from _is_privileged(name))))
    return found


def _is_privileged(name: str) -> Flow[bool]:
    """Whether a policy of administrators is attached to the user or to one of its groups. Not known, and false, where
    the credential may not read it."""
    try:
        return (yield from is_administrator(name))
    except ActionRequiredError as error:
        if error.code != "credential_refused":
            raise
        return False


def list_users(settings: AwsSettings, attributes: Collection[str], at_most: int) -> Flow[Sequence[ListedAccount]]:
    """Raises `ActionRequiredError("search_unproven")` for a tag that no user has: all accounts would look like accounts
    without an owner."""
    for name in attributes:
        if name not in _OWN and not _is_tag(name):
            raise unknown_attribute("aws_iam", name, _KNOWN)
    tags = [name for name in attributes if _is_tag(name)]
    every: Sequence[IamUser] = (
        (yield from detailed_users(settings)) if tags else (yield from users(settings, at_most=at_most))
    )
    for name in tags:
        if not any(_tagged(user, name) for user in every):
            raise unproven(name)
    return [listed(_account(user, attributes), attributes) for user in every[:at_most]]
