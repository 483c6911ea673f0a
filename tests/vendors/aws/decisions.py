"""Whether the policies of a principal allow an action: an explicit deny, else an allow, else an implicit deny
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from tests.vendors.aws.account import AwsAccount

ALLOWED, EXPLICIT, IMPLICIT = "allowed", "explicitDeny", "implicitDeny"


def statements_of(account: AwsAccount, arn: str) -> Iterator[dict[str, Any]]:
    """Of the user or the role with this ARN."""
    for role in account.roles.values():
        if account.arn("role", role.name, role.path) == arn:
            yield from role.statements
    for user in account.users.values():
        if account.arn_of(user) == arn:
            attached = [*user.attached, *(one for group in account.groups_of(user) for one in group.attached)]
            documents = [account.managed[one] for one in attached] + [json.loads(one) for one in user.inline.values()]
            for document in documents:
                yield from document["Statement"]


def decide(account: AwsAccount, arn: str, action: str, resource: str, issued: datetime | None) -> str:
    """`issued` is when temporary credentials were issued, None for an access key."""
    effects = {
        statement["Effect"]
        for statement in statements_of(account, arn)
        if _among(statement["Action"], action, case=False)
        and _among(statement["Resource"], resource)
        and _holds(statement.get("Condition", {}), issued)
    }
    return EXPLICIT if "Deny" in effects else ALLOWED if "Allow" in effects else IMPLICIT


def unknown_keys(account: AwsAccount, arn: str, action: str, resource: str) -> list[str]:
    """The keys in conditions of statements about the action, of which the policy simulator is given no value."""
    found = {
        key
        for statement in statements_of(account, arn)
        if _among(statement["Action"], action, case=False) and _among(statement["Resource"], resource)
        for keys in statement.get("Condition", {}).values()
        for key in keys
    }
    return sorted(found)


def _among(patterns: str | list[str], value: str, *, case: bool = True) -> bool:
    given = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(value, one) if case else fnmatchcase(value.lower(), one.lower()) for one in given)


def _holds(conditions: dict[str, dict[str, str]], issued: datetime | None) -> bool:
    """A condition on a key that the request does not have does not hold."""
    for operator, keys in conditions.items():
        for key, value in keys.items():
            if (operator, key) != ("DateLessThan", "aws:TokenIssueTime"):
                return False  # the simulator knows no other, nor a value for its key
            if issued is None or not issued < datetime.fromisoformat(value):
                return False
    return True
