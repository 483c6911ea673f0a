"""Members, invitations, outside collaborators and teams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.github import documents
from orchestrator.embedded.vendors.github.errors import forbidden, not_found, unprocessable
from orchestrator.embedded.vendors.github.organization import GitHubRepository, GitHubTeam, GitHubUser
from orchestrator.embedded.vendors.github.pages import page
from orchestrator.embedded.vendors.simulator import Call, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.github.simulator import GitHubSimulator


def known_user(github: GitHubSimulator, call: Call) -> GitHubUser:
    for user in github.state.users.values():
        if user.login.casefold() == call.given["user"].casefold():
            return user
    raise not_found()


def _member(github: GitHubSimulator, call: Call) -> GitHubUser:
    user = known_user(github, call)
    if user.login not in github.state.members:
        raise not_found()
    return user


def list_members(github: GitHubSimulator, call: Call) -> Response:
    wanted = call.first("role", "all")
    members = github.state.members.items()
    shown = [
        documents.user(github.url, github.state.users[login]) for login, role in members if wanted in ("all", role)
    ]
    return page(github.url, call, shown)


def check_member(github: GitHubSimulator, call: Call) -> Response:
    _member(github, call)
    return answer(None, 204)


def remove_member(github: GitHubSimulator, call: Call) -> Response:
    user = _member(github, call)
    if github.state.owners() == [user.login]:
        raise forbidden("You can't remove the last owner of the organization.")
    github.state.remove_member(user.login)
    return answer(None, 204)


def get_membership(github: GitHubSimulator, call: Call) -> Response:
    user, org = known_user(github, call), github.state
    if user.login in org.members:
        return answer(documents.membership(github.url, org, user, "active", org.members[user.login]))
    if any(one.login == user.login for one in org.invitations.values()):
        return answer(documents.membership(github.url, org, user, "pending", "member"))
    raise not_found()


def remove_membership(github: GitHubSimulator, call: Call) -> Response:
    """Also cancels an invitation."""
    user, org = known_user(github, call), github.state
    invited = [id for id, one in org.invitations.items() if one.login == user.login]
    if user.login in org.members:
        return remove_member(github, call)
    if not invited:
        raise not_found()
    for id in invited:
        del org.invitations[id]
    return answer(None, 204)


def own_membership(github: GitHubSimulator, call: Call) -> Response:
    """Of the token's user."""
    org, login = github.state, call.caller.login
    if login not in org.members:
        raise not_found()
    return answer(documents.membership(github.url, org, org.users[login], "active", org.members[login]))


def list_invitations(github: GitHubSimulator, call: Call) -> Response:
    return page(
        github.url,
        call,
        [documents.invitation(github.url, github.state, one) for one in github.state.invitations.values()],
    )


def cancel_invitation(github: GitHubSimulator, call: Call) -> Response:
    if github.state.invitations.pop(int(call.given["invitation"]), None) is None:
        raise not_found()
    return answer(None, 204)


def list_outside_collaborators(github: GitHubSimulator, call: Call) -> Response:
    logins = github.state.outside_collaborators()
    return page(github.url, call, [documents.user(github.url, github.state.users[login]) for login in logins])


def remove_outside_collaborator(github: GitHubSimulator, call: Call) -> Response:
    user = known_user(github, call)
    if user.login in github.state.members:
        raise unprocessable("You cannot specify an organization member to remove as an outside collaborator.")
    for repository in github.state.repositories.values():
        repository.collaborators.pop(user.login, None)
    return answer(None, 204)


def _team(github: GitHubSimulator, call: Call) -> GitHubTeam:
    if call.given["team"] not in github.state.teams:
        raise not_found()
    return github.state.teams[call.given["team"]]


def list_teams(github: GitHubSimulator, call: Call) -> Response:
    return page(
        github.url, call, [documents.team(github.url, github.state, one) for one in github.state.teams.values()]
    )


def list_team_members(github: GitHubSimulator, call: Call) -> Response:
    logins = _team(github, call).members
    return page(github.url, call, [documents.user(github.url, github.state.users[login]) for login in logins])


def get_team_membership(github: GitHubSimulator, call: Call) -> Response:
    team, user = _team(github, call), known_user(github, call)
    if user.login not in team.members:
        raise not_found()
    url = f"{github.url}/organizations/{github.state.id}/team/{team.id}/memberships/{user.login}"
    return answer({"url": url, "role": team.members[user.login], "state": "active"})


def remove_team_membership(github: GitHubSimulator, call: Call) -> Response:
    team, user = _team(github, call), known_user(github, call)
    if team.synced:
        raise forbidden("This team is synchronized with an identity provider; its members can't be changed here.")
    if user.login not in team.members:
        raise not_found()
    del team.members[user.login]
    return answer(None, 204)


def repository_of(github: GitHubSimulator, call: Call) -> GitHubRepository:
    """The repository, if the path names the organization."""
    if call.given["owner"] != github.state.login or call.given["repo"] not in github.state.repositories:
        raise not_found()
    return github.state.repositories[call.given["repo"]]


def list_repositories(github: GitHubSimulator, call: Call) -> Response:
    found = github.state.repositories.values()
    return page(github.url, call, [documents.repository(github.url, github.state, one) for one in found])


def list_collaborators(github: GitHubSimulator, call: Call) -> Response:
    """`affiliation`: direct, outside, or all who can reach the repository."""
    org, repository = github.state, repository_of(github, call)
    logins = {
        "direct": list(repository.collaborators),
        "outside": [login for login in repository.collaborators if login not in org.members],
        "all": [login for login in org.users if org.permission(login, repository) != "none"],
    }[call.first("affiliation", "all")]
    return page(
        github.url,
        call,
        [documents.collaborator(github.url, org.users[login], org.permission(login, repository)) for login in logins],
    )


def remove_collaborator(github: GitHubSimulator, call: Call) -> Response:
    repository_of(github, call).collaborators.pop(known_user(github, call).login, None)
    return answer(None, 204)
