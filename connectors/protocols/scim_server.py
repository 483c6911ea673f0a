"""The properties of one SCIM server: what it supports, which filters work, and whether it shows members of groups."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from pydantic import Field

from connectors.errors import ActionRequiredError, ConnectorError, RefusedError
from connectors.http.flows import Fields, all_pages, parse, unexpected
from connectors.http.pages import Offset
from connectors.http.requests import Answer, Flow, Operation
from connectors.protocols.scim_attributes import values_at
from connectors.protocols.scim_documents import ScimGroup, group_or_none, lowered

# RFC 7644 section 3.4.2.4: pages count from 1, and a server may send fewer resources than were asked for.
_PAGES = Offset(
    items_at=("Resources",),
    total_at=("totalResults",),
    start_parameter="startIndex",
    size_parameter="count",
    first_position=1,
    missing_items_ok=True,
)
_CASE_EXACT = frozenset({"id", "externalid"})  # RFC 7643 section 3.1; other texts are compared without case
_SAMPLES = 5
# Recorded answers of servers have a part of this id, which earlier versions sent.
_UNUSED_ID = "offboard-nobody-has-this-id"
_WITHOUT_MEMBERS = {"excludedAttributes": "members"}  # RFC 7644 section 3.9; everyone may be in one group

# RFC 7644 section 3.2
GET_OFFERS = Operation("GET", "/ServiceProviderConfig")
LIST_USERS = Operation("GET", "/Users")
LIST_GROUPS = Operation("GET", "/Groups")
GET_GROUP = Operation("GET", "/Groups/{id}")


class _Supported(Fields):
    supported: bool = False


class _FilterSupported(Fields):
    supported: bool = True


class Offers(Fields):
    """The part of ServiceProviderConfig on which our requests depend."""

    patch: _Supported = _Supported()
    etag: _Supported = _Supported()
    filter: _FilterSupported = _FilterSupported()


class _Total(Fields):
    """RFC 7644 section 3.4.2."""

    total: int = Field(alias="totalResults", ge=0)


class ScimServer:
    """Everything is asked once per connector. `privileged` are the names of roles and groups in lower case."""

    def __init__(self, privileged: Collection[str]) -> None:
        self.privileged = frozenset(privileged)
        self.known_offers: Offers | None = None
        self._refuses_strange_members: bool | None = None
        self._found_members = False  # the filter over members has found a group
        self._lists_members = False  # a list of groups has shown a member
        self._gets_members = False  # a single group has shown a member
        self._working_filters: set[str] = set()

    def offers(self) -> Flow[Offers]:
        if self.known_offers is None:
            answer = yield GET_OFFERS.request(missing_ok=True)
            # A server without it is asked only for what RFC 7644 requires of every server: PUT, no entity tags.
            self.known_offers = Offers() if answer.missing else parse(answer.body, Offers)
        return self.known_offers

    def put(self, operation: Operation, fetched: Answer, values: dict[str, Any]) -> Flow[Answer]:
        """Put a resource back as it was fetched, with the given values changed. The answer may be a 404."""
        headers = yield from self.unchanged_since(fetched)
        resource_id = str(fetched.body.get("id", ""))
        request = operation.request(resource_id, json={**fetched.body, **values}, headers=headers, missing_ok=True)
        return (yield request)

    def unchanged_since(self, fetched: Answer) -> Flow[dict[str, str]]:
        """Headers that let a change through only where the resource is still as it was fetched."""
        if not isinstance(fetched.body, dict):
            unexpected("The server responded with something that is not a resource.")
        if not (yield from self.offers()).etag.supported:
            return {}
        meta = fetched.body.get("meta")
        version = fetched.etag or (meta.get("version") if isinstance(meta, dict) else None)
        if not isinstance(version, str):
            unexpected("The server supports entity tags, but its resource has none.")
        return {"If-Match": version}

    def privileged_members(self) -> Flow[set[str]]:
        """Ids of the members of privileged groups, since not every server shows a user's groups on the user."""
        members: set[str] = set()
        for group in (yield from self._privileged_groups()):
            if group.name.casefold() not in self.privileged:
                continue
            if not group.members:  # lists may leave members out
                group = (yield from self.group(group.id)) or group
            members |= group.member_ids()
        return members

    def _privileged_groups(self) -> Flow[list[ScimGroup]]:
        conditions = [f"displayName eq {quoted(name)}" for name in sorted(self.privileged)]
        if not (yield from self.offers()).filter.supported:
            return (yield from self.groups(None))
        try:
            return (yield from self.groups(" or ".join(conditions)))
        except RefusedError as error:
            if error.code == "not_found":
                return []  # a server without groups
        groups: list[ScimGroup] = []
        for condition in conditions:  # a server that refuses `or`
            groups += yield from self.groups(condition)
        return groups

    def groups(self, condition: str | None) -> Flow[list[ScimGroup]]:
        documents = yield from resources(LIST_GROUPS, condition)
        return [group for document in documents if (group := group_or_none(document)) is not None]

    def group(self, group_id: str) -> Flow[ScimGroup | None]:
        answer = yield GET_GROUP.request(group_id, missing_ok=True)
        group = None if answer.missing else group_or_none(answer.body)
        return group if group is not None and group.id == group_id else None

    def groups_with(self, account_id: str) -> Flow[tuple[list[ScimGroup], bool, bool]]:
        """The groups that list the account; whether the server is known to show members: else that none was found
        proves nothing; and whether it lists no group at all: there is none, or the token may not read groups."""
        found: list[ScimGroup] = []
        if (yield from self._may_filter_members()):
            try:
                found = yield from self._groups_by_member(account_id)
                self._found_members = self._found_members or bool(found)
                if self._found_members or (yield from self._finds_a_member()):
                    return found, True, False
            except RefusedError:
                pass  # some servers refuse a filter that they took before, such as SCIMMY once a group has no members
        try:
            documents = yield from resources(LIST_GROUPS, None)
        except ActionRequiredError as error:
            if error.code != "answer_too_large" or not found:
                raise
            return found, False, False
        groups = [group_or_none(document) for document in documents]
        every = [group for group in groups if group is not None]
        self._lists_members = self._lists_members or any(group.member_ids() for group in every)
        if not self._lists_members:
            for place, group in enumerate(every):
                every[place] = (yield from self.group(group.id)) or group
            self._gets_members = self._gets_members or any(group.member_ids() for group in every)
        known = {group.id for group in found}
        found += [group for group in every if account_id in group.member_ids() and group.id not in known]
        understood = len(every) == len(groups) and all(group.all_understood() for group in every)
        return found, understood and (self._lists_members or self._gets_members), not groups

    def _may_filter_members(self) -> Flow[bool]:
        """Asked once with an id that no user has: this tells a server that refuses or ignores the filter from one that
        may apply it, so that no account is taken for a member of every group."""
        if self._refuses_strange_members is None:
            self._refuses_strange_members = False
            if (yield from self.offers()).filter.supported:
                params = {"filter": f"members.value eq {quoted(_UNUSED_ID)}", "count": "1"}
                for further in _WITHOUT_MEMBERS, {}:
                    try:
                        answer = yield LIST_GROUPS.request(params={**params, **further})
                    except RefusedError:
                        continue
                    self._refuses_strange_members = parse(answer.body, _Total).total == 0
                    break
        return self._refuses_strange_members

    def _groups_by_member(self, account_id: str) -> Flow[list[ScimGroup]]:
        """Without the members themselves, since a group may have all of the company in it."""
        condition = f"members.value eq {quoted(account_id)}"
        params = {"filter": condition, **_WITHOUT_MEMBERS}
        try:
            documents = yield from all_pages(LIST_GROUPS.request(params=params), _PAGES)
        except RefusedError:
            documents = yield from resources(LIST_GROUPS, condition)
        return [group for document in documents if (group := group_or_none(document)) is not None]

    def _finds_a_member(self) -> Flow[bool]:
        """Whether the filter finds a group of any user, or of a member that the server shows: a server that answers
        an unknown filter with an empty list does not. Members of groups are read only if users do not show it."""
        try:
            page = yield LIST_USERS.request(params={"startIndex": "1", "count": str(_SAMPLES)})
            for user in _PAGES.items(page)[:_SAMPLES]:
                user_id = str(lowered(user).get("id") or "") if isinstance(user, dict) else ""
                if user_id and (yield from self._groups_by_member(user_id)):
                    self._found_members = True
                    return True
        except ConnectorError as error:
            if not _is_of_one_answer(error):
                raise
        try:
            page = yield LIST_GROUPS.request(params={"startIndex": "1", "count": str(_SAMPLES)})
            for document in _PAGES.items(page)[:_SAMPLES]:
                group = group_or_none(document)
                if group is not None and not group.member_ids():
                    group = yield from self.group(group.id)
                if group is None or not group.member_ids():
                    continue
                found = yield from self._groups_by_member(min(group.member_ids()))
                self._found_members = any(each.id == group.id for each in found)
                return self._found_members
        except ConnectorError as error:
            if not _is_of_one_answer(error):
                raise
        return False

    def unproven_filters(self, attributes: Collection[str]) -> Flow[list[str]]:
        """The attributes by which a filter is not known to find users. Each is tried with the value of a user that the
        server lists, in another case where the attribute has none."""
        unproven = [attribute for attribute in attributes if attribute not in self._working_filters]
        if not unproven:
            return []
        try:
            page = yield LIST_USERS.request(params={"startIndex": "1", "count": "20"})
            users = [document for document in _PAGES.items(page) if isinstance(document, dict)]
            for attribute in unproven:
                if (yield from self._finds_one_of(users, attribute)):
                    self._working_filters.add(attribute)
        except RefusedError:
            pass
        return [attribute for attribute in unproven if attribute not in self._working_filters]

    def _finds_one_of(self, users: list[dict[str, Any]], attribute: str) -> Flow[bool]:
        for user in users:
            values = [value for value in values_at(user, attribute) if value.isascii() and value]
            if values:
                exact = attribute.rpartition(":")[2].lower() in _CASE_EXACT
                value = values[0] if exact else values[0].swapcase()
                found = yield from resources(LIST_USERS, f"{attribute} eq {quoted(value)}")
                wanted = str(lowered(user).get("id"))
                return any(isinstance(each, dict) and str(lowered(each).get("id")) == wanted for each in found)
        return False


def _is_of_one_answer(error: ConnectorError) -> bool:
    """Not of the credential or the connection: another question may still be answered."""
    return isinstance(error, RefusedError) or error.code in ("answer_too_large", "answer_not_understood")


def every_user(attributes: Collection[str]) -> Flow[list[Any]]:
    """All users, to be compared here. Raises `ActionRequiredError("search_unproven")` where the server does not list
    them, or shows one of the attributes on none of them."""
    try:
        documents = yield from resources(LIST_USERS, None)
    except ConnectorError as error:
        if not _is_of_one_answer(error):
            raise
        raise search_unproven(attributes) from None
    users = [document for document in documents if isinstance(document, dict)]
    missing = [name for name in attributes if not any(values_at(user, name) for user in users)]
    if missing:
        raise search_unproven(missing)
    return documents


def search_unproven(attributes: Collection[str]) -> ActionRequiredError:
    return ActionRequiredError(
        "search_unproven",
        f"The server found no user by {', '.join(attributes)}, and neither filters nor lists users so that this proves "
        "that there is no account.",
        remedy="Choose match keys by which the server finds users, or allow the token to list all users.",
        happened="no",
    )


def resources(operation: Operation, condition: str | None, at_most: int | None = None) -> Flow[list[Any]]:
    params = {} if condition is None else {"filter": condition}
    return (yield from all_pages(operation.request(params=params), _PAGES, at_most=at_most))


def quoted(value: str) -> str:
    """RFC 7644 section 3.4.2.2: a comparison value is a JSON string, so its quotes and backslashes are escaped."""
    return json.dumps(value, ensure_ascii=False)
