"""The files of a new connector package: its description, the connector, and a test with a recorded exchange."""

from __future__ import annotations

import re
from string import Template

NAME = re.compile(r"[a-z]([a-z0-9_]{0,39}[a-z0-9])?")  # a project's name ends with a letter or digit (PEP 508)

_PROJECT = """\
[project]
name = "offboard-$name"
version = "0.1.0"
description = "An Offboard connector for $name."
requires-python = ">=3.11"
dependencies = ["offboard"]

[project.entry-points."offboard.connectors"]
$name = "offboard_$name:KIND"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
include = ["offboard_$name.py"]
"""

_CONNECTOR = '''\
"""$name: what Offboard does there. Replace the operations, shapes and acts with the vendor's.

The vendor's description of these operations: ADDRESS. The minimum permissions of the credential: PERMISSIONS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.abilities import Ability, Account, Effect, Lookup, ReadBack
from connectors.acts import Act, ActTable
from connectors.http.connector import (
    SAMPLE_SIZE,
    HttpKind,
    TokenSettings,
    answers,
    bearer,
    find_by,
    first_page,
)
from connectors.http.flows import Fields, all_pages, ask_if_present, change, parse
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import account_missing, seen
from pydantic import Field

# Method, path below the base address, and the vendor's operation id.
LIST_USERS = Operation("GET", "/users", "listUsers")
GET_USER = Operation("GET", "/users/{id}", "getUser")
SUSPEND_USER = Operation("POST", "/users/{id}/suspend", "suspendUser")


class Settings(TokenSettings):
    """How to reach $name."""


class User(Fields):
    id: str = Field(min_length=1)
    email: str | None = None
    active: bool

    def as_account(self) -> Account:
        return Account(self.id, self.email or self.id, {"email": self.email} if self.email else {}, self.active)


def read_user(item: Any) -> Account:
    return parse(item, User).as_account()


# "No account" counts only if the same query finds one of these users.
SOME_USERS = first_page(LIST_USERS.request(params={"limit": SAMPLE_SIZE}), LinkHeader(), read_user)


def by_email(settings: Settings, lookup: Lookup) -> Flow[Sequence[Account]]:
    request = LIST_USERS.request(params={"email": lookup.value})
    return [read_user(item) for item in (yield from all_pages(request, LinkHeader()))]


def suspend(settings: Settings, effect: Effect) -> Flow[Mapping[str, Any]]:
    yield from change(SUSPEND_USER.request(account_of(effect).native_id, missing_ok=True), effect)
    return {"active": False}


def look_at_user(settings: Settings, effect: Effect) -> Flow[ReadBack]:
    user = yield from ask_if_present(GET_USER.request(account_of(effect).native_id, missing_ok=True), User)
    return account_missing() if user is None else seen(not user.active, {"id": user.id, "active": user.active})


KIND = HttpKind(
    "$name",
    Settings,
    auth=bearer,
    prepare=lambda settings: settings,
    find=find_by("$name", {"email": by_email}, sample=SOME_USERS),
    check=answers(GET_USER.request("0")),
    acts=ActTable(
        "$name",
        Act(
            # `tokens_last`: for how long the system accepts tokens that it issued before. Not given, it is not known.
            Ability("suspend_account", "change", "suspends the account", reversible="yes", cuts_access=True),
            suspend,
            look_at_user,
        ),
    ),
)
'''

_TEST = '''\
"""Each act, stepped through with recorded exchanges; record your own from the vendor's test account."""

from __future__ import annotations

from pathlib import Path

from offboard_$name import KIND, Settings

from connectors.abilities import Account, Effect, Lookup
from connectors.recordings import read_recording, replay

RECORDINGS = Path(__file__).parent / "recordings"
SETTINGS = Settings.model_validate({"url": "https://vendor.example", "token": "t"})
EFFECT = Effect("suspend_account", "run-1/step-1/1", Account("u1", "isa@example.com"))


def test_an_account_is_found() -> None:
    flow = KIND.find(SETTINGS, [Lookup("email", "isa@example.com")])
    assert [account.native_id for account in replay(flow, read_recording(RECORDINGS / "find.json"))] == ["u1"]


def test_there_is_no_account() -> None:
    flow = KIND.find(SETTINGS, [Lookup("email", "eva@example.com")])
    assert replay(flow, read_recording(RECORDINGS / "find_none.json")) == []


def test_an_account_is_suspended_and_read_back() -> None:
    act = KIND.acts.act("suspend_account")
    assert act.do is not None and act.look is not None
    assert replay(act.do(SETTINGS, EFFECT), read_recording(RECORDINGS / "suspend.json")) == {"active": False}
    assert replay(act.look(SETTINGS, EFFECT), read_recording(RECORDINGS / "suspended.json")).outcome == "done"
'''

_FIND = """\
[
 {
  "request": {"method": "GET", "path": "/users", "params": {"email": "isa@example.com"}},
  "answer": {"status": 200, "body": [{"id": "u1", "email": "isa@example.com", "active": true}]}
 }
]
"""

_FIND_NONE = """\
[
 {
  "request": {"method": "GET", "path": "/users", "params": {"email": "eva@example.com"}},
  "answer": {"status": 200, "body": []}
 },
 {
  "request": {"method": "GET", "path": "/users", "params": {"limit": "20"}},
  "answer": {"status": 200, "body": [{"id": "u1", "email": "isa@example.com", "active": true}]}
 },
 {
  "request": {"method": "GET", "path": "/users", "params": {"email": "isa@example.com"}},
  "answer": {"status": 200, "body": [{"id": "u1", "email": "isa@example.com", "active": true}]}
 }
]
"""

_SUSPEND = """\
[
 {
  "request": {"method": "POST", "path": "/users/u1/suspend"},
  "answer": {"status": 204}
 }
]
"""

_SUSPENDED = """\
[
 {
  "request": {"method": "GET", "path": "/users/u1"},
  "answer": {"status": 200, "body": {"id": "u1", "email": "isa@example.com", "active": false}}
 }
]
"""


def skeleton(name: str) -> dict[str, str]:
    """The text of each file, by its path in the package's folder."""
    texts = {
        "pyproject.toml": _PROJECT,
        f"offboard_{name}.py": _CONNECTOR,
        f"test_{name}.py": _TEST,
        "recordings/find.json": _FIND,
        "recordings/find_none.json": _FIND_NONE,
        "recordings/suspend.json": _SUSPEND,
        "recordings/suspended.json": _SUSPENDED,
    }
    return {path: Template(text).substitute(name=name) for path, text in texts.items()}
