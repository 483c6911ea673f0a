"""Acts on a user's credentials in the organisation: fine-grained tokens, authorisations for single sign-on, and the
seat of Copilot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import SAMPLE_SIZE
from connectors.http.flows import Fields, parse, unexpected
from connectors.http.list_evidence import answered, found_for_known, left_on_list
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow
from connectors.read_backs import account_missing, seen
from connectors.removals import Removals
from connectors.vendors.github.account import is_entitled, user_of, user_to_change
from connectors.vendors.github.answers import GitHubLogin, list_of, require_own
from connectors.vendors.github.operations import (
    CANCEL_SEATS,
    GET_SEAT,
    LIST_AUTHORIZATIONS,
    LIST_GRANTS,
    LIST_SEATS,
    REMOVE_AUTHORIZATION,
    UPDATE_GRANT,
)
from connectors.vendors.github.settings import GitHubSettings


class Grant(Fields):
    """The access of a fine-grained token to the organisation, approved."""

    id: int
    owner: GitHubLogin
    token_name: str | None = None
    repositories: str | None = Field(default=None, alias="repository_selection")
    expires_at: str | None = Field(default=None, alias="token_expires_at")

    def shown(self) -> dict[str, str]:
        return {
            "id": str(self.id),
            "name": self.token_name or str(self.id),
            "repositories": self.repositories or "",
            "expires_at": self.expires_at or "",
        }


def grants(settings: GitHubSettings, user: GitHubLogin) -> Flow[list[Grant]]:
    """Those of the user. Raises as `_grants`."""
    listed = yield from _grants(settings, {"owner[]": user.login})
    return [grant for grant in listed if grant.owner.id == user.id]


def _grants(settings: GitHubSettings, condition: Mapping[str, str]) -> Flow[list[Grant]]:
    """Raises `ActionRequiredError("rights_missing")` with a personal access token: GitHub shows them to apps only."""
    if not settings.as_app:
        raise ActionRequiredError(
            "rights_missing",
            "GitHub shows fine-grained tokens of members to GitHub Apps only, not to personal access tokens.",
            remedy="Connect the organisation with a GitHub App: app_id, installation_id and private_key.",
            happened="no",
        )
    return (yield from list_of(LIST_GRANTS.request(settings.organization, params=condition), Grant))


def revoke_tokens(settings: GitHubSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    removals = Removals("revoked_tokens", verb="revoked")
    for grant in (yield from grants(settings, (yield from user_to_change(effect)))):
        with removals.removing(grant.shown()):
            request = UPDATE_GRANT.request(
                settings.organization, str(grant.id), json={"action": "revoke"}, missing_ok=True
            )
            require_own((yield request))
    return removals.reply("unknown")


def look_at_tokens(settings: GitHubSettings, effect: Effect) -> Flow[ReadBack]:
    """The list of all members is read, so that nothing depends on a filter. GitHub refuses it to an app without the
    permission."""
    user = yield from user_of(effect)
    if user is None:
        return account_missing()
    every = yield from _grants(settings, {})
    left = [grant.shown() for grant in every if grant.owner.id == user.id]
    return (
        yield from left_on_list(
            left,
            {**user.shown(), "fine_grained_tokens": left},
            effect,
            removed="revoked_tokens",
            others=answered(bool(every) or None),
            permitted=is_entitled(settings),
        )
    )


class Authorization(Fields):
    """A token or key that its user authorised for single sign-on."""

    id: int = Field(alias="credential_id")
    login: str = ""
    type: str = Field(default="", alias="credential_type")
    authorized_at: str | None = Field(default=None, alias="credential_authorized_at")
    accessed_at: str | None = Field(default=None, alias="credential_accessed_at")

    def is_of(self, user: GitHubLogin) -> bool:
        return comparable(self.login) == comparable(user.login)

    def shown(self) -> dict[str, str]:
        return {
            "id": str(self.id),
            "name": f"{self.type} {self.id}",
            "authorized_at": self.authorized_at or "",
            "accessed_at": self.accessed_at or "",
        }


def authorizations(settings: GitHubSettings, user: GitHubLogin) -> Flow[list[Authorization]]:
    """Those of the user. Raises as `_authorizations`."""
    listed = yield from _authorizations(settings, {"login": user.login})
    return [one for one in listed if one.is_of(user)]


def _authorizations(settings: GitHubSettings, condition: Mapping[str, str]) -> Flow[list[Authorization]]:
    """Raises `RefusedError("not_found")` for an organisation without SAML single sign-on."""
    request = LIST_AUTHORIZATIONS.request(settings.organization, params=condition)
    try:
        return (yield from list_of(request, Authorization))
    except RefusedError as error:
        if error.code == "not_found":
            error.remedy = (
                "Remove this step if the organisation has no SAML single sign-on; otherwise check that the credential "
                "is of an owner."
            )
        raise


def remove_authorizations(settings: GitHubSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    removals = Removals("removed_authorizations")
    for one in (yield from authorizations(settings, (yield from user_to_change(effect)))):
        with removals.removing(one.shown()):
            require_own((yield REMOVE_AUTHORIZATION.request(settings.organization, str(one.id), missing_ok=True)))
    return removals.reply("unknown")


def look_at_authorizations(settings: GitHubSettings, effect: Effect) -> Flow[ReadBack]:
    user = yield from user_of(effect)
    if user is None:
        return account_missing()
    every = yield from _authorizations(settings, {})
    left = [one.shown() for one in every if one.is_of(user)]
    return (
        yield from left_on_list(
            left,
            {**user.shown(), "sso_authorizations": left},
            effect,
            removed="removed_authorizations",
            others=answered(bool(every) or None),
            permitted=is_entitled(settings),
        )
    )


class _SeatTeam(Fields):
    slug: str | None = None
    name: str = ""


class Seat(Fields):
    """A seat of Copilot. A cancelled one works until `ends_on`, the end of the billing period."""

    assignee: GitHubLogin | None = None
    team: _SeatTeam | None = Field(default=None, alias="assigning_team")
    ends_on: str | None = Field(default=None, alias="pending_cancellation_date")

    def shown(self) -> dict[str, str]:
        by = {"by_team": self.team.slug or self.team.name} if self.team else {}
        return {"id": "copilot", "name": "Copilot", "ends_on": self.ends_on or "", **by}


def seat_of(settings: GitHubSettings, user: GitHubLogin) -> Flow[Seat | None]:
    answer = yield GET_SEAT.request(settings.organization, user.login, missing_ok=True)
    require_own(answer)
    if answer.missing:
        return None
    seat = parse(answer.body, Seat)
    if seat.assignee is not None and seat.assignee.id != user.id:
        unexpected("The response shows the seat of another user than the one that was requested.")
    return seat


def cancel_seat(settings: GitHubSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(effect)
    seat = yield from seat_of(settings, user)
    if seat is None or seat.ends_on:
        return {"cancelled": False, "before": seat.shown() if seat else None}
    if seat.team is not None:
        raise RefusedError(
            "seat_by_team",
            f"{user.login} has the seat by the team {seat.team.slug or seat.team.name}; GitHub cancels such a seat "
            "only when the user leaves the team.",
            remedy="Remove the account from the team first, with remove_from_teams or remove_member.",
            happened="no",
        )
    yield CANCEL_SEATS.request(settings.organization, json={"selected_usernames": [user.login]})
    return {"cancelled": True, "before": seat.shown()}


def look_at_seat(settings: GitHubSettings, effect: Effect) -> Flow[ReadBack]:
    """Done where there is no seat, or it is cancelled. That there is none counts only if the credential may list seats,
    and GitHub shows the seat of a user who is on that list."""
    user = yield from user_of(effect)
    if user is None:
        return account_missing()
    seat = yield from seat_of(settings, user)
    if seat is not None:
        return seen(bool(seat.ends_on), {**user.shown(), "seat": seat.shown()})
    page = yield LIST_SEATS.request(settings.organization, params={"per_page": SAMPLE_SIZE})
    seats = [parse(item, Seat) for item in LinkHeader(("seats",)).items(page)]
    users = {seat.assignee.native_id: seat.assignee for seat in seats if seat.assignee is not None}
    return (
        yield from left_on_list(
            [],
            {**user.shown(), "seat": None},
            effect,
            removed="cancelled",
            others=found_for_known(list(users), lambda known: _seats_of(settings, users[known]), effect),
            permitted=is_entitled(settings),
        )
    )


def _seats_of(settings: GitHubSettings, user: GitHubLogin) -> Flow[list[Seat]]:
    seat = yield from seat_of(settings, user)
    return [] if seat is None else [seat]
