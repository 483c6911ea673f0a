"""What an account has before a run changes it."""

from __future__ import annotations

from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.http.requests import Flow
from connectors.read_backs import account_missing, seen
from connectors.vendors.slack.credential import SlackAccess
from connectors.vendors.slack.users import is_active, user_of


def snapshot(access: SlackAccess, effect: Effect) -> Flow[ReadBack]:
    user = yield from user_of(access, effect)
    if user is None:
        return account_missing()
    evidence: dict[str, Any] = {"active": (yield from is_active(access, user))}
    return seen(True, {**user.evidence(), **evidence})
