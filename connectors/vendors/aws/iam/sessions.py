"""Ends sessions with a policy that denies everything to temporary credentials from before an instant.

IAM lists no sessions. Temporary credentials of a user have the user's permissions: those of the console, of
GetSessionToken and of GetFederationToken. Sessions of roles that the user assumed have those of the role, so the policy
does not reach them
(docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields, unexpected
from connectors.http.requests import Answer, Flow
from connectors.read_backs import seen
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import IamUser, user_to_change, with_user
from connectors.vendors.aws.query import apply, ask, changing, reading

POLICY_NAME = "OffboardRevokeOlderSessions"
_VERSION = "2012-10-17"


class InlinePolicy(Fields):
    name: str = Field(alias="PolicyName")
    encoded: str = Field(alias="PolicyDocument")

    @property
    def document(self) -> str:
        """IAM encodes it as in an address (RFC 3986)."""
        return unquote(self.encoded)


def inline_policy(user: str, policy: str) -> Flow[InlinePolicy | None]:
    return (yield from ask(reading("GetUserPolicy", UserName=user, PolicyName=policy, missing_ok=True), InlinePolicy))


def _statement(effect: Effect, instant: str) -> dict[str, Any]:
    """The statement's ID is made of the effect's key, so that a policy of an earlier run is not taken for this one."""
    return {
        "Sid": f"Offboard{hashlib.sha256(effect.effect_key.encode()).hexdigest()[:32]}",
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": instant}},
    }


def revoke_sessions(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """The instant is that of AWS's own clock."""
    user = yield from user_to_change(settings, effect)
    before = yield from inline_policy(user.name, POLICY_NAME)
    instant = _instant((yield reading("GetUser", UserName=user.name)))
    document = {"Version": _VERSION, "Statement": [_statement(effect, instant)]}
    request = changing("PutUserPolicy", UserName=user.name, PolicyName=POLICY_NAME, PolicyDocument=json.dumps(document))
    yield from apply(request, effect)
    return {"denied_before": instant, "policy": POLICY_NAME, "policy_before": before.document if before else ""}


def _instant(answer: Answer) -> str:
    try:
        at = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        unexpected("The response has no date in its header Date.")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@with_user
def look_at_sessions(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
    """Done if the policy is exactly the one of this effect."""
    policy = yield from inline_policy(user.name, POLICY_NAME)
    if policy is None:
        return seen(False, {**user.evidence(), "policy": ""})
    instant = _denied_before(policy.document, effect)
    return seen(bool(instant), {**user.evidence(), "policy": POLICY_NAME, "denied_before": instant})


def _denied_before(text: str, effect: Effect) -> str:
    """The instant in the policy; empty if it is another policy than that of the effect."""
    try:
        document = json.loads(text)
        instant = document["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"]
        at = datetime.fromisoformat(instant)
    except (ValueError, TypeError, LookupError):
        return ""
    exact = {"Version": _VERSION, "Statement": [_statement(effect, instant)]}
    return instant if document == exact and at.tzinfo is not None else ""
