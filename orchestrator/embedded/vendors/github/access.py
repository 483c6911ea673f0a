"""Credentials of members, Copilot seats, keys, apps, and what a token's own user sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.github import documents
from orchestrator.embedded.vendors.github.credentials import sees
from orchestrator.embedded.vendors.github.errors import forbidden, not_found, unprocessable
from orchestrator.embedded.vendors.github.members import known_user, repository_of
from orchestrator.embedded.vendors.github.organization import GitHubToken
from orchestrator.embedded.vendors.github.pages import page
from orchestrator.embedded.vendors.simulator import Call, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.github.simulator import GitHubSimulator

END_OF_PERIOD = "2031-01-01"


def list_authorizations(github: GitHubSimulator, call: Call) -> Response:
    """Of tokens for single sign-on."""
    login = call.first("login")
    found = [one for one in github.state.tokens.values() if one.authorized and one.login == (login or one.login)]
    return page(github.url, call, [documents.authorization(one) for one in found])


def remove_authorization(github: GitHubSimulator, call: Call) -> Response:
    for token in github.state.tokens.values():
        if token.authorized and str(token.authorized) == call.given["credential"]:
            token.authorized = 0
            return answer(None, 204)
    raise not_found()


def _granted(github: GitHubSimulator) -> list[GitHubToken]:
    """Approved fine-grained tokens of members."""
    org = github.state
    return [
        one for one in org.tokens.values() if one.kind == "fine-grained" and one.granted and one.login in org.members
    ]


def list_fine_grained_tokens(github: GitHubSimulator, call: Call) -> Response:
    owners = call.query.get("owner[]", call.query.get("owner", []))
    found = [one for one in _granted(github) if not owners or one.login in owners]
    return page(github.url, call, [documents.grant(github.url, github.state, one) for one in found])


def revoke_fine_grained_token(github: GitHubSimulator, call: Call) -> Response:
    _only_revoke(call)
    for token in _granted(github):
        if str(token.id) == call.given["token"]:
            token.granted = False
            return answer(None, 204)
    raise not_found()


def revoke_fine_grained_tokens(github: GitHubSimulator, call: Call) -> Response:
    """Several; they are revoked later, which the simulator does at once."""
    _only_revoke(call)
    for token in _granted(github):
        if token.id in call.body["pat_ids"]:
            token.granted = False
    return answer({}, 202)


def _only_revoke(call: Call) -> None:
    if call.body.get("action") != "revoke":
        raise unprocessable("Validation Failed")


def get_seat(github: GitHubSimulator, call: Call) -> Response:
    seat = github.state.seats.get(known_user(github, call).login)
    if seat is None:
        raise not_found()
    return answer(documents.seat(github.url, github.state, seat))


def list_seats(github: GitHubSimulator, call: Call) -> Response:
    shown = [documents.seat(github.url, github.state, one) for one in github.state.seats.values()]
    return page(github.url, call, shown, "seats", count_as="total_seats")


def cancel_seats(github: GitHubSimulator, call: Call) -> Response:
    """Cancelled seats work until the end of the billing period. Seats that a team brings are not cancelled so."""
    seats = [github.state.seats[login] for login in call.body["selected_usernames"] if login in github.state.seats]
    if any(seat.team for seat in seats):
        raise unprocessable("Users who were assigned a seat by a team can't be removed individually.")
    for seat in seats:
        seat.pending = END_OF_PERIOD
    return answer({"seats_cancelled": len(seats)})


def list_keys(github: GitHubSimulator, call: Call) -> Response:
    user = known_user(github, call)
    return page(github.url, call, [{"id": user.id * 10 + place, "key": key} for place, key in enumerate(user.keys)])


def list_deploy_keys(github: GitHubSimulator, call: Call) -> Response:
    repository = repository_of(github, call)
    shown = [documents.deploy_key(github.url, github.state, repository.name, one) for one in repository.deploy_keys]
    return page(github.url, call, shown)


def get_user_by_number(github: GitHubSimulator, call: Call) -> Response:
    for user in github.state.users.values():
        if str(user.id) == call.given["account"]:
            return answer(documents.full_user(github.url, user, github.now()))
    raise not_found()


def get_user(github: GitHubSimulator, call: Call) -> Response:
    return answer(documents.full_user(github.url, known_user(github, call), github.now()))


def own_user(github: GitHubSimulator, call: Call) -> Response:
    if not call.caller.login:
        raise forbidden("Resource not accessible by integration")
    return answer(documents.full_user(github.url, github.state.users[call.caller.login], github.now()))


def get_repository(github: GitHubSimulator, call: Call) -> Response:
    """For the token's user: 404 if they may not see it."""
    if call.given["owner"] != github.state.login or not sees(github, call.caller, call.given["repo"]):
        raise not_found()
    found = github.state.repositories[call.given["repo"]]
    return answer(documents.full_repository(github.url, github.state, found))


def list_installations(github: GitHubSimulator, call: Call) -> Response:
    shown = [documents.installation(github.url, github.state, one) for one in github.state.apps.values()]
    return page(github.url, call, shown, "installations")


def list_own_installations(github: GitHubSimulator, call: Call) -> Response:
    return page(github.url, call, [documents.installation(github.url, github.state, call.caller)])


def issue_installation_token(github: GitHubSimulator, call: Call) -> Response:
    app = call.caller
    if str(app.installation) != call.given["installation"]:
        raise not_found()
    token = github.state.new_installation_token(app)
    assert token.expires is not None
    return answer(
        {
            "token": token.value,
            "expires_at": documents.time(token.expires),
            "permissions": token.permissions,
            "repository_selection": "all",
        },
        201,
    )
