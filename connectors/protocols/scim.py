"""Identity providers and SaaS tenants with SCIM 2.0 (RFC 7643, RFC 7644).

What the server can do is asked once, from its ServiceProviderConfig (RFC 7643 section 5). Where PATCH is offered it is
used; otherwise the document just fetched is put back with the one change, unknown extensions included, under If-Match
where the server has entity tags (RFC 7644 sections 3.5.1 and 3.14). Membership is changed through Groups, since a
user's own `groups` is read-only (RFC 7643 section 4.1.2).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from connectors.abilities import Ability, Account, Effect, Lookup, ReadBack
from connectors.account_set import AccountSet, equals_ignoring_case, main_value, value_shown, values_asked
from connectors.acts import Act, ActTable
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import MAY_BE_EMPTY, HttpKind, TokenSettings, answers, bearer
from connectors.http.dialect import Dialect, Verdict
from connectors.http.flows import change, parse, require_account, unexpected
from connectors.http.requests import Answer, Flow, Operation
from connectors.listing import ListedAccount
from connectors.parameters import account_gone, account_of, names_of, unknown_attribute
from connectors.protocols.scim_attributes import is_attribute_path, main_values, values_at
from connectors.protocols.scim_documents import ScimUser, lowered
from connectors.protocols.scim_groups import join, leave, memberships, patch
from connectors.protocols.scim_server import GET_GROUP, LIST_USERS, ScimServer, every_user, quoted, resources
from connectors.protocols.setups import SCIM_SETUP
from connectors.read_backs import account_missing, deletion, none_left, seen
from connectors.removals import GroupsLeft, Removals

_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
# RFC 7644 section 3.2
GET_USER = Operation("GET", "/Users/{id}")
PATCH_USER = Operation("PATCH", "/Users/{id}")
PUT_USER = Operation("PUT", "/Users/{id}")
DELETE_USER = Operation("DELETE", "/Users/{id}")


class ScimSettings(TokenSettings):
    """How to reach one SCIM service; `url` is its base, often ending in /v2."""

    privileged: str = Field(
        default="admin,administrator,owner",
        description="names of roles and groups, separated by commas, that make an account privileged; may be empty",
        json_schema_extra=MAY_BE_EMPTY,
    )


def _server(settings: ScimSettings) -> ScimServer:
    return ScimServer({name.strip().casefold() for name in settings.privileged.split(",") if name.strip()})


def _account(server: ScimServer, user: ScimUser) -> Account:
    return Account(
        native_id=user.id,
        label=user.user_name or user.id,
        attributes={"userName": user.user_name},
        active=user.active,
        privileged=bool(user.names() & server.privileged),
    )


def _find(server: ScimServer, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
    """Lookups take SCIM attribute paths such as `userName`, `emails.value` or
    `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber`."""
    for lookup in lookups:
        if not is_attribute_path(lookup.attribute):
            raise unknown_attribute("scim", lookup.attribute, ["userName", "externalId", "emails.value"])
    filters = (yield from server.offers()).filter.supported
    asked = values_asked([lookup for lookup in lookups if lookup.value.strip()])
    found, odd = AccountSet(), 0
    for lookup in dict.fromkeys(lookups):
        if not lookup.value.strip():
            continue
        condition = f"{lookup.attribute} eq {quoted(lookup.value)}" if filters else None
        odd += _add_matching(server, found, (yield from resources(LIST_USERS, condition)), lookup, asked)
    if asked and not found.accounts() and not odd:
        # A server may answer a filter that it does not apply with an empty list, or compare with case.
        attributes = (yield from server.unproven_filters(asked)) if filters else list(asked)
        if attributes:
            every = yield from every_user(attributes)
            for lookup in lookups:
                odd += _add_matching(server, found, every, lookup, asked)
    if odd and not found.accounts():  # it may be the account
        unexpected("A list of users holds something that is not a resource.")
    accounts = found.accounts()
    members = (yield from server.privileged_members()) if accounts and server.privileged else set()
    return [replace(each, privileged=each.privileged or each.native_id in members) for each in accounts]


def _list(server: ScimServer, attributes: Collection[str], at_most: int) -> Flow[Sequence[ListedAccount]]:
    found = []
    for document in (yield from resources(LIST_USERS, None, at_most)):
        if not isinstance(document, dict):
            unexpected("A list of users holds something that is not a resource.")
        account = _account(server, parse(lowered(document), ScimUser))
        values = {name: tuple(values_at(document, name)) for name in attributes if is_attribute_path(name)}
        found.append(ListedAccount(account, values))
    members = (yield from server.privileged_members()) if found and server.privileged else set()
    return [
        replace(one, account=replace(one.account, privileged=True)) if one.account.native_id in members else one
        for one in found
    ]


def _add_matching(
    server: ScimServer, found: AccountSet, documents: Sequence[Any], lookup: Lookup, asked: Mapping[str, set[str]]
) -> int:
    """Adds the users that have the value. Returns how many documents are no resources."""
    odd = 0
    for document in documents:
        if not isinstance(document, dict):
            odd += 1
            continue
        if not any(equals_ignoring_case(value, lookup.value) for value in values_at(document, lookup.attribute)):
            continue  # a server that ignores filters, or compares more loosely than equal
        account = _account(server, parse(lowered(document), ScimUser))
        shown = {name: value_shown(values_at(document, name), values) for name, values in asked.items()}
        given = {name: value for name, value in shown.items() if value is not None}
        main = {name: main_value(values_at(document, name), main_values(document, name)) for name in given}
        secondary = [name for name, value in given.items() if not equals_ignoring_case(main[name], value)]
        account = replace(account, attributes={**account.attributes, **given}, secondary=frozenset(secondary))
        found.add(account, lookup.attribute, given[lookup.attribute])
    return odd


def _disable(server: ScimServer, effect: Effect) -> Flow[Mapping[str, Any]]:
    return (yield from _set_active(server, effect, False))


def _enable(server: ScimServer, effect: Effect) -> Flow[Mapping[str, Any]]:
    return (yield from _set_active(server, effect, True))


def _set_active(server: ScimServer, effect: Effect, active: bool) -> Flow[Mapping[str, Any]]:
    account_id = account_of(effect).native_id
    if (yield from server.offers()).patch.supported:
        refusal = None
        # Some servers take `replace` with a path only, and some only without (RFC 7644 section 3.5.2.3 has both).
        for operation in (
            {"op": "replace", "path": "active", "value": active},
            {"op": "replace", "value": {"active": active}},
        ):
            try:
                yield from change(PATCH_USER.request(account_id, json=patch(operation), missing_ok=True), effect)
            except RefusedError as error:
                if error.code != "refused":
                    raise
                refusal = refusal or error
                user, _ = yield from _user(effect)
                if user is not None and user.active is active:  # a PATCH that changes nothing is refused by some
                    return {"active": active, "already": True}
            else:
                return {"active": active}
        assert refusal is not None
        raise refusal
    fetched = yield from change(GET_USER.request(account_id, missing_ok=True), effect)
    _shown(fetched, effect)
    answer = yield from server.put(PUT_USER, fetched, {"active": active})
    if answer.missing:
        raise account_gone(effect)
    return {"active": active}


def _leave_groups(server: ScimServer, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, _ = yield from _user(effect)
    if user is None:
        raise account_gone(effect)
    groups = yield from memberships(server, user, names_of(effect, "groups"))
    left = GroupsLeft()
    for group in [*groups.found, *groups.on_user]:
        with left.leaving(group.shown()):
            yield from leave(server, group, user.id)
    left.not_found(groups.missing)
    return left.reply()


def _join_groups(server: ScimServer, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, _ = yield from _user(effect)
    if user is None:
        raise account_gone(effect)
    member_of = {group.id for group in (yield from memberships(server, user, None)).found}
    given = Removals("joined_groups", "groups_not_joined", verb="added to")
    for group in effect.taken:
        if group["id"] not in member_of:
            with given.removing(group):
                yield from join(server, str(group["id"]), user.id)
    return given.reply()


def _delete(server: ScimServer, effect: Effect) -> Flow[Mapping[str, Any]]:
    answer = yield DELETE_USER.request(account_of(effect).native_id, missing_ok=True)
    if not answer.missing:
        return {"deleted": True}
    # The id was recorded when the account was found, so a 404 with a SCIM error means that the account is gone. Any
    # other 404 may come from a wrong address.
    if _is_scim_error(answer):
        return {"deleted": True, "already_gone": True}
    raise ActionRequiredError(
        "answer_not_understood",
        "The delete request got a 404 that is not a SCIM error.",
        remedy="Check that url is the base of the SCIM service.",
        happened="no",
    )


def _user(effect: Effect) -> Flow[tuple[ScimUser | None, bool]]:
    """The user, and, where there is none, whether the server itself says so."""
    answer = yield GET_USER.request(account_of(effect).native_id, missing_ok=True)
    if answer.missing:
        return None, _is_scim_error(answer)
    return _shown(answer, effect), False


def _shown(answer: Answer, effect: Effect) -> ScimUser:
    user = parse(lowered(answer.body), ScimUser)
    require_account(user.id, effect)
    return user


def _look_at_deletion(server: ScimServer, effect: Effect) -> Flow[ReadBack]:
    user, gone = yield from _user(effect)
    return deletion(None if user is None else user.evidence(), confirmed=gone)


def _look_at_state(server: ScimServer, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    if user.active is None:
        return ReadBack("unknown", user.evidence())  # RFC 7643 lets a server leave `active` out: nothing is proven
    return seen(not user.active, user.evidence())


def _look_at_enabling(server: ScimServer, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    return account_missing() if user is None else seen(user.active, user.evidence())


def _look_at_joining(server: ScimServer, effect: Effect) -> Flow[ReadBack]:
    """A group that the server has no more is not waited for."""
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    groups = yield from memberships(server, user, None)
    member_of = {group.id for group in [*groups.found, *groups.on_user]}
    lacking: list[dict[str, Any]] = []
    deleted: list[dict[str, Any]] = []
    for group in effect.taken:
        if group["id"] not in member_of:
            answer = yield GET_GROUP.request(str(group["id"]), missing_ok=True)
            (deleted if answer.missing and _is_scim_error(answer) else lacking).append(dict(group))
    shown = [group.shown() for group in [*groups.found, *groups.on_user]]
    return seen(not lacking, {**user.evidence(), "groups": shown, "not_joined": lacking, "deleted_groups": deleted})


def _look_at_groups(server: ScimServer, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    groups = yield from memberships(server, user, names_of(effect, "groups"))
    evidence = {
        **user.evidence(),
        "groups": [group.shown() for group in groups.found],
        "groups_on_user_only": [group.shown() for group in groups.on_user],
        "groups_not_found": list(groups.missing),
        "members_shown": groups.members_shown,
    }
    return none_left(groups.found, evidence, shows_such=groups.proven)


def _snapshot(server: ScimServer, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from _user(effect)
    if user is None:
        return account_missing()
    groups = yield from memberships(server, user, None)
    shown = [group.shown() for group in [*groups.found, *groups.on_user]]
    access = {"groups": shown, "roles": user.roles or [], "entitlements": user.entitlements or []}
    recorded = groups.members_shown or groups.on_user or groups.none_listed
    evidence = {**user.evidence(), **access, "members_shown": groups.members_shown}
    return seen(True if recorded else None, evidence)


SCIM = HttpKind(
    "scim",
    ScimSettings,
    auth=bearer,
    prepare=_server,
    find=_find,
    list_accounts=_list,
    # Users rather than ServiceProviderConfig, which many servers show without any credential.
    check=answers(GET_USER.request("0")),
    setup=SCIM_SETUP,
    media_type="application/scim+json",
    # RFC 7644 section 3.12: the version is out of date, or another client changed the resource at the same time.
    dialect=Dialect(verdicts={(409, ""): Verdict.CHANGED_MEANWHILE}),
    acts=ActTable(
        "scim",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the account's state, groups, roles and entitlements",
                reversible="yes",
            ),
            look=_snapshot,
        ),
        Act(
            Ability(
                "disable_account",
                "change",
                "deactivates the account, so that it cannot sign in",
                reversible="yes",
                cuts_access=True,
                cannot_end=("sessions", "refresh_tokens", "access_tokens"),
                undone_by="enable_account",
            ),
            _disable,
            _look_at_state,
        ),
        Act(
            Ability("enable_account", "change", "activates the account again", reversible="yes", gives_access=True),
            _enable,
            _look_at_enabling,
        ),
        Act(
            Ability(
                "remove_from_groups",
                "change",
                "removes the account from all groups, or from those in `groups`",
                reversible="yes",  # the groups it was in are in the reply and in the snapshot
                cuts_access=True,
                undone_by="add_to_groups",
                taken_as="left_groups",
                recorded_as="groups",
            ),
            _leave_groups,
            _look_at_groups,
        ),
        Act(
            Ability(
                "add_to_groups",
                "change",
                "adds the account to the groups from which a run removed it",
                reversible="yes",
                gives_access=True,
            ),
            _join_groups,
            _look_at_joining,
        ),
        Act(
            Ability("delete_account", "change", "deletes the account permanently", destroys=True, ends_account=True),
            _delete,
            _look_at_deletion,
        ),
    ),
)


def _is_scim_error(answer: Answer) -> bool:
    schemas = answer.body.get("schemas") if isinstance(answer.body, dict) else None
    return isinstance(schemas, list) and _ERROR in schemas
