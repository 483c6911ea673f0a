"""Acts on what a user is in the organisation: member, outside collaborator, in teams, invited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.errors import RefusedError
from connectors.http.flows import Fields
from connectors.http.list_evidence import found_for_known, left_on_list
from connectors.http.requests import Answer, Flow
from connectors.read_backs import account_missing, none_left, seen
from connectors.removals import Removals
from connectors.vendors.github.account import (
    collaborators,
    is_entitled,
    membership_of,
    owners,
    require_other,
    shows_memberships,
    standing_of,
    user_of,
    user_to_change,
)
from connectors.vendors.github.answers import GitHubLogin, list_of, require_own
from connectors.vendors.github.operations import (
    CANCEL_INVITATION,
    LEAVE_TEAM,
    LIST_INVITATIONS,
    REMOVE_COLLABORATOR,
    REMOVE_MEMBERSHIP,
)
from connectors.vendors.github.settings import GitHubSettings
from connectors.vendors.github.teams import members_of_teams, teams_of

_STARTED = 202


def _done(answer: Answer) -> dict[str, Any]:
    """GitHub answers some changes with 202: they are started, and the read-back shows when they are done."""
    return {"started": True} if answer.status == _STARTED else {}


def remove_member(settings: GitHubSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(effect)
    before = yield from membership_of(settings, user)
    if before is None:
        return {"removed": False, "membership_before": "none"}
    if before.is_owner and [owner.id for owner in (yield from owners(settings))] == [user.id]:
        raise RefusedError(
            "last_owner",
            f"{user.login} is the only owner of the organisation.",
            remedy="Make another member an owner first.",
            happened="no",
        )
    if before.is_owner:
        yield from require_other(settings, user)
    answer = yield REMOVE_MEMBERSHIP.request(settings.organization, user.login, missing_ok=True)
    require_own(answer)
    return {"removed": not answer.missing, **_done(answer), "before": before.evidence()}


def look_at_member(settings: GitHubSettings, effect: Effect) -> Flow[ReadBack]:
    user = yield from user_of(effect)
    if user is None:
        return account_missing()
    membership = yield from membership_of(settings, user)
    if membership is not None:
        return seen(False, {**user.shown(), **membership.evidence()})
    shown = yield from shows_memberships(settings)
    return none_left([], {**user.shown(), "membership": "none", "memberships_shown": shown}, shows_such=shown)


def remove_collaborations(settings: GitHubSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    standing = yield from standing_of(settings, (yield from user_to_change(effect)))
    if not standing.is_collaborator:
        return {"removed": False, "before": standing.evidence()}
    answer = yield REMOVE_COLLABORATOR.request(settings.organization, standing.user.login, missing_ok=True)
    require_own(answer)
    return {"removed": not answer.missing, **_done(answer), "before": standing.evidence()}


def look_at_collaborations(settings: GitHubSettings, effect: Effect) -> Flow[ReadBack]:
    user = yield from user_of(effect)
    if user is None:
        return account_missing()
    listed = [one.shown() for one in (yield from collaborators(settings)) if one.id == user.id]
    shown = bool(listed) or (yield from shows_memberships(settings))
    return none_left(listed, {**user.shown(), "outside_collaborator": bool(listed)}, shows_such=shown)


def leave_teams(settings: GitHubSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(effect)
    removals = Removals("left_teams", verb="removed from")
    for team in (yield from teams_of(settings, user)):
        with removals.removing(team.shown(user)):
            require_own((yield LEAVE_TEAM.request(settings.organization, team.slug, user.login, missing_ok=True)))
    return removals.reply("unknown")


def look_at_teams(settings: GitHubSettings, effect: Effect) -> Flow[ReadBack]:
    """GitHub shows secret teams to owners and to their members only, so another member's empty list proves nothing. An
    organisation whose teams have no members proves something if GitHub shows memberships."""
    user = yield from user_of(effect)
    if user is None:
        return account_missing()
    left = [team.shown(user) for team in (yield from teams_of(settings, user))]
    evidence = {**user.shown(), "teams": left}
    if not left and not (yield from is_entitled(settings)):
        return none_left(left, evidence, shows_such=False)
    return (
        yield from left_on_list(
            left,
            evidence,
            effect,
            removed="left_teams",
            others=_other_teams(settings, effect),
            permitted=shows_memberships(settings),
        )
    )


def _other_teams(settings: GitHubSettings, effect: Effect) -> Flow[bool | None]:
    """Of members of the first teams."""
    users = {user.native_id: user for user in (yield from members_of_teams(settings))}
    return (yield from found_for_known(list(users), lambda known: teams_of(settings, users[known]), effect))


class Invitation(Fields):
    """A pending invitation, of a user or of a mail address."""

    id: int
    login: str | None = None
    email: str | None = None

    def shown(self) -> dict[str, str]:
        return {"id": str(self.id), "name": self.login or self.email or str(self.id)}

    def is_for(self, logins: frozenset[str], emails: frozenset[str]) -> bool:
        return comparable(self.login or "") in logins or comparable(self.email or "") in emails


def invitations(settings: GitHubSettings, logins: Sequence[str], emails: Sequence[str]) -> Flow[list[Invitation]]:
    """The pending ones for these logins and addresses, in any case."""
    named, addressed = (frozenset(comparable(one) for one in given if one.strip()) for given in (logins, emails))
    listed = yield from list_of(LIST_INVITATIONS.request(settings.organization), Invitation)
    return [one for one in listed if one.is_for(named, addressed)]


def _emails(effect: Effect) -> list[str]:
    """The addresses in the parameter `emails`: one, or a list. A person without one has an empty text there. Raises
    `RefusedError("parameter_invalid")`."""
    given = effect.parameters.get("emails")
    listed = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []
    if given is not None and (
        not isinstance(given, str | list | tuple) or not all(isinstance(one, str) for one in listed)
    ):
        raise RefusedError(
            "parameter_invalid",
            f"{effect.ability} needs emails as an address or a list of addresses.",
            remedy="Write emails as a list in workflow.yaml.",
            happened="no",
        )
    return [one for one in listed if one.strip()]


def _invited(settings: GitHubSettings, effect: Effect) -> Flow[list[Invitation]]:
    """Those of the account, where the person has one, and those of the parameter `emails`."""
    emails = _emails(effect)
    user: GitHubLogin | None = (yield from user_of(effect)) if effect.account is not None else None
    if user is None and not emails:
        raise RefusedError(
            "parameter_missing",
            f"{effect.ability} needs an account or the parameter emails.",
            remedy='Set emails: ["= person.email"] in the step\'s parameters in workflow.yaml.',
            happened="no",
        )
    return (yield from invitations(settings, [user.login] if user else [], emails))


def cancel_invitations(settings: GitHubSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    removals = Removals("cancelled_invitations", verb="cancelled")
    for invitation in (yield from _invited(settings, effect)):
        with removals.removing(invitation.shown()):
            request = CANCEL_INVITATION.request(settings.organization, str(invitation.id), missing_ok=True)
            require_own((yield request))
    return removals.reply("unknown")


def look_at_invitations(settings: GitHubSettings, effect: Effect) -> Flow[ReadBack]:
    left = [one.shown() for one in (yield from _invited(settings, effect))]
    shown = bool(left) or (yield from is_entitled(settings))
    return none_left(left, {"invitations": left}, shows_such=shown)
