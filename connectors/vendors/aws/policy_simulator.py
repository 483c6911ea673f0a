"""Which actions the policies of Offboard's own user or role allow, as IAM's policy simulator computes it.

The simulator knows neither the policies of resources, nor the values of conditions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pydantic import Field

from connectors.errors import ActionRequiredError
from connectors.http.flows import Fields, parse
from connectors.http.requests import Flow, Request
from connectors.vendors.aws.caller import AwsCaller
from connectors.vendors.aws.query import Items, ask, listed, numbered, reading

ALLOWED = "allowed"
KEY_REFUSED = (
    "Check access_key_id and secret_access_key, that the key is active, that session_token belongs to it if it is a "
    "temporary one, and the clock of this machine."
)
_ROLE = re.compile(r"arn:[\w-]+:sts::\d{12}:assumed-role/([^/]+)/(.+)")


class _IamRole(Fields):
    arn: str = Field(alias="Arn", min_length=1)


class _RoleResult(Fields):
    role: _IamRole = Field(alias="Role")


class _Decision(Fields):
    action: str = Field(alias="EvalActionName")
    decision: str = Field(alias="EvalDecision")
    unknown: Items[str] = Field(default=[], alias="MissingContextValues")


def role_session(own: AwsCaller) -> tuple[str, str]:
    """The name of the role that Offboard signs in with, and of its session; both empty for a user."""
    found = _ROLE.fullmatch(own.arn)
    return (found[1], found[2]) if found else ("", "")


def principal_of(own: AwsCaller, iam_url: str = "") -> Flow[str]:
    """The ARN of the user or role whose policies apply. Only GetRole knows the path of a role. `iam_url` is the address
    of IAM, empty where it is that of the kind."""
    role, _ = role_session(own)
    if not role:
        return own.arn
    found = yield from ask(_at(iam_url, reading("GetRole", RoleName=role)), _RoleResult)
    return own.arn if found is None else found.role.arn


def allows(principal: str, actions: Sequence[str], resource: str, iam_url: str = "") -> Flow[bool]:
    found = yield from _decisions(principal, actions, resource, iam_url)
    return set(actions) <= {one.action for one in found if one.decision == ALLOWED}


def denied(
    principal: str, by_resource: Mapping[str, Sequence[str]], iam_url: str = ""
) -> Flow[tuple[set[str], set[str]]]:
    """The actions that are denied, and those that depend on what the simulator is not given. `by_resource` has the
    actions for each resource."""
    refused: set[str] = set()
    uncertain: set[str] = set()
    for resource, actions in by_resource.items():
        found = {one.action: one for one in (yield from _decisions(principal, actions, resource, iam_url))}
        for action in actions:
            one = found.get(action)
            if one is None or (one.decision != ALLOWED and one.unknown):
                uncertain.add(action)
            elif one.decision != ALLOWED:
                refused.add(action)
    return refused, uncertain


def lacking(refused: Collection[str], needed: Mapping[str, Sequence[str]]) -> list[str]:
    """Of what is `needed` (actions by ability), what the refused actions make impossible, as text."""
    missing = {name: [action for action in actions if action in refused] for name, actions in needed.items()}
    return [f"{name} ({', '.join(actions)})" for name, actions in missing.items() if actions]


def summed_up(said: str, missing: Sequence[str], uncertain: Collection[str]) -> str:
    """The text of a check with what is missing, and what is not checked."""
    if uncertain:
        said += f"; depends on conditions of a policy, and is not checked: {', '.join(sorted(uncertain))}"
    if missing:
        said += f"; not allowed by the policies: {'; '.join(missing)}"
    return said


def with_remedy(error: ActionRequiredError, remedy: str) -> ActionRequiredError:
    """The remedy for a credential that is refused; other errors have their own."""
    if error.code != "credential_refused":
        return error
    return ActionRequiredError(error.code, error.detail, remedy=remedy, happened="no")


def _decisions(principal: str, actions: Sequence[str], resource: str, iam_url: str) -> Flow[list[_Decision]]:
    fields = {**numbered("ActionNames", actions), **numbered("ResourceArns", [resource])}
    request = reading("SimulatePrincipalPolicy", fields, PolicySourceArn=principal)
    return [parse(item, _Decision) for item in (yield from listed(_at(iam_url, request), "EvaluationResults"))]


def _at(iam_url: str, request: Request) -> Request:
    return replace(request, url=iam_url)
