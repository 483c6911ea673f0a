"""Actions on groups and policies, and on who calls."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from tests.vendors.aws.account import AwsAccount, AwsGroup
from tests.vendors.aws.decisions import decide, unknown_keys
from tests.vendors.aws.errors import missing
from tests.vendors.aws.users import DONE, attached, page, user_in, valid_document, written


def caller_identity(simulator: Any, call: Call) -> Response:
    account: AwsAccount = simulator.state
    arn = call.caller.arn
    for role in account.roles.values():
        if account.arn("role", role.name, role.path) == arn:
            shown = f"arn:aws:sts::{account.id}:assumed-role/{role.name}/offboard"
            return answer({"UserId": f"{role.id}:offboard", "Account": account.id, "Arn": shown})
    [user] = [user for user in account.users.values() if account.arn_of(user) == arn]
    return answer({"UserId": user.id, "Account": account.id, "Arn": arn})


def get_role(simulator: Any, call: Call) -> Response:
    account: AwsAccount = simulator.state
    role = account.roles.get(call.first("RoleName"))
    if role is None:
        raise missing(f"The role with name {call.first('RoleName')}")
    shown = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "CreateDate": role.created.isoformat(),
        "Arn": account.arn("role", role.name, role.path),
    }
    return answer({"Role": shown})


def simulate(simulator: Any, call: Call) -> Response:
    account: AwsAccount = simulator.state
    arn, resources = call.first("PolicySourceArn"), _list(call, "ResourceArns") or ["*"]
    known = {account.arn_of(user) for user in account.users.values()}
    known |= {account.arn("role", role.name, role.path) for role in account.roles.values()}
    if arn not in known:
        raise missing(f"The principal {arn}")
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": decide(account, arn, action, resource, None),
            "MissingContextValues": unknown_keys(account, arn, action, resource),
        }
        for action in _list(call, "ActionNames")
        for resource in resources
    ]
    return page(call, "EvaluationResults", results)


def _list(call: Call, name: str) -> list[str]:
    found: list[str] = []
    while value := call.first(f"{name}.member.{len(found) + 1}"):
        found.append(value)
    return found


def _group(group: AwsGroup, account: AwsAccount) -> dict[str, str]:
    return {
        "Path": "/",
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": account.arn("group", group.name),
        "CreateDate": group.created.isoformat(),
    }


def group_in(simulator: Any, call: Call) -> AwsGroup:
    group: AwsGroup | None = simulator.state.groups.get(call.first("GroupName"))
    if group is None:
        raise missing(f"The group with name {call.first('GroupName')}")
    return group


def list_groups(simulator: Any, call: Call) -> Response:
    account: AwsAccount = simulator.state
    return page(call, "Groups", [_group(group, account) for group in account.groups_of(user_in(simulator, call))])


def get_group(simulator: Any, call: Call) -> Response:
    account: AwsAccount = simulator.state
    group = group_in(simulator, call)
    members = [written(account, account.users[name]) for name in sorted(group.members)]
    return page(call, "Users", members, Group=_group(group, account))


def all_groups(simulator: Any, call: Call) -> Response:
    account: AwsAccount = simulator.state
    return page(call, "Groups", [_group(group, account) for group in account.groups.values()])


def join_group(simulator: Any, call: Call) -> Response:
    """IAM does the same for a user who is in the group."""
    group_in(simulator, call).members.add(user_in(simulator, call).name)
    return answer(DONE)


def leave_group(simulator: Any, call: Call) -> Response:
    """IAM does the same for a user who is not in the group."""
    group_in(simulator, call).members.discard(user_in(simulator, call).name)
    return answer(DONE)


def list_group_policies(simulator: Any, call: Call) -> Response:
    return page(call, "AttachedPolicies", [attached(arn) for arn in group_in(simulator, call).attached])


def list_attached(simulator: Any, call: Call) -> Response:
    return page(call, "AttachedPolicies", [attached(arn) for arn in user_in(simulator, call).attached])


def detach(simulator: Any, call: Call) -> Response:
    user, arn = user_in(simulator, call), call.first("PolicyArn")
    if arn not in user.attached:
        raise missing(f"Policy {arn}")
    user.attached.remove(arn)
    return answer(DONE)


def attach(simulator: Any, call: Call) -> Response:
    """IAM does the same for a policy that is attached."""
    user, arn = user_in(simulator, call), call.first("PolicyArn")
    if arn not in simulator.state.managed:
        raise missing(f"Policy {arn}")
    user.attached += [arn] if arn not in user.attached else []
    return answer(DONE)


def get_policy(simulator: Any, call: Call) -> Response:
    arn = call.first("PolicyArn")
    if arn not in simulator.state.managed:
        raise missing(f"Policy {arn}")
    return answer({"Policy": {"PolicyName": arn.rpartition("/")[2], "Arn": arn}})


def list_inline(simulator: Any, call: Call) -> Response:
    return page(call, "PolicyNames", list(user_in(simulator, call).inline))


def get_inline(simulator: Any, call: Call) -> Response:
    user, name = user_in(simulator, call), call.first("PolicyName")
    if name not in user.inline:
        raise missing(f"The user policy with name {name}")
    return answer({"UserName": user.name, "PolicyName": name, "PolicyDocument": quote(user.inline[name], safe="")})


def put_inline(simulator: Any, call: Call) -> Response:
    user_in(simulator, call).inline[call.first("PolicyName")] = valid_document(call.first("PolicyDocument"))
    return answer(DONE)


def delete_inline(simulator: Any, call: Call) -> Response:
    user, name = user_in(simulator, call), call.first("PolicyName")
    if name not in user.inline:
        raise missing(f"The user policy with name {name}")
    del user.inline[name]
    return answer(DONE)
