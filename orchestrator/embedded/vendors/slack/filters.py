"""Filters of the SCIM API, https://docs.slack.dev/reference/scim-api#filter: by user name, mail address and the two
kinds of guests. Names and operators are compared without case. Parentheses are not simulated."""

from __future__ import annotations

import re

from orchestrator.embedded.vendors.slack.errors import scim_refusal
from orchestrator.embedded.vendors.slack.grid import SlackUser

CONDITION = re.compile(r"""\s*([\w.]+)\s+(\w+)(?:\s+("(?:[^"\\]|\\.)*"|'[^']*'|[^\s]+))?\s*""")


def matches(text: str, user: SlackUser) -> bool:
    if not text.strip():
        raise scim_refusal(400, "no_filters")
    return any(
        all(_holds(part, user) for part in re.split(r"\s+and\s+", one, flags=re.IGNORECASE))
        for one in re.split(r"\s+or\s+", text, flags=re.IGNORECASE)
    )


def _holds(text: str, user: SlackUser) -> bool:
    found = CONDITION.fullmatch(text)
    if found is None:
        raise scim_refusal(400, "incomplete_filter")
    name, operator, written = (found[1].casefold(), found[2].casefold(), found[3])
    known = {
        "username": [user.user_name],
        "email": [user.email, user.secondary_email],
        "emails": [user.email, user.secondary_email],
        "emails.value": [user.email, user.secondary_email],
        "restricted": ["1" if user.guest == "multi" else "0"],
        "ultra_restricted": ["1" if user.guest == "single" else "0"],
    }
    if name not in known:
        raise scim_refusal(400, "invalid_query")
    values = [one.casefold() for one in known[name] if one]
    if operator == "pr":
        return bool(values)
    if written is None:
        raise scim_refusal(400, "incomplete_filter")
    wanted = written.strip("\"'").casefold()
    if operator == "eq":
        return wanted in values
    if operator == "co":
        return any(wanted in one for one in values)
    if operator == "sw":
        return any(one.startswith(wanted) for one in values)
    raise scim_refusal(400, "invalid_query")
