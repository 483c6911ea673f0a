"""A SCIM server of which each part can answer in an odd way."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.abilities import Connector
from connectors.registry import connect
from tests.connectors.company_settings import ALLOWED
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer, ScriptedServer


class OddServer:
    """A tenant with two users. Each part of its behaviour can be replaced."""

    def __init__(self) -> None:
        self.user: dict[str, Any] = {"id": "u-1", "userName": "Nora@example.org", "active": True}
        self.other: dict[str, Any] = {"id": "u-2", "userName": "ida@example.org", "active": True}
        self.groups: dict[str, dict[str, Any]] = {
            "g-1": {"id": "g-1", "displayName": "Payroll", "members": [{"value": "u-1"}, {"value": "u-2"}]},
            "g-2": {"id": "g-2", "displayName": "Staff", "members": [{"value": "u-1"}, {"value": "u-2"}]},
        }
        self.filter_members: Callable[[str], Any] = self.by_member  # ids of groups, or a status
        self.filter_users: Callable[[str, str], Any] = lambda attribute, value: self.by_value(attribute, value)
        self.lists_members = True
        self.shows_members = True
        self.refuses_changes: dict[str, int] = {}
        self.lists_users = True
        self.asked: list[ReceivedRequest] = []

    def by_member(self, member: str) -> list[str]:
        return [id_ for id_, group in self.groups.items() if member in [member_id(m) for m in group.get("members", ())]]

    def by_value(self, attribute: str, value: str) -> list[dict[str, Any]]:
        return [u for u in (self.user, self.other) if str(u.get(attribute, "")).lower() == value.lower()]

    def answer(self, asked: ReceivedRequest) -> ScriptedAnswer:
        self.asked.append(asked)
        parts = urlsplit(asked.target)
        path = parts.path.strip("/").split("/")
        condition = parse_qs(parts.query).get("filter", [""])[0]
        if path[0] == "ServiceProviderConfig":
            return ScriptedAnswer(200, {"patch": {"supported": True}, "filter": {"supported": True}})
        if path[0] == "Users":
            return self._users(path, condition)
        if len(path) > 1 and asked.method != "GET" and path[1] in self.refuses_changes:
            return refused(self.refuses_changes[path[1]])
        if len(path) > 1 and asked.method == "PATCH":
            member = json.loads(json.loads(asked.body)["Operations"][0]["path"].split(" eq ")[1].rstrip("]"))
            group = self.groups[path[1]]
            group["members"] = [each for each in group["members"] if member_id(each) != member]
            return ScriptedAnswer(204)
        if len(path) > 1:
            return ScriptedAnswer(200, self.groups[path[1]]) if path[1] in self.groups else refused(404)
        groups = list(self.groups.values())
        if condition.startswith("members.value"):
            found = self.filter_members(json.loads(condition.split(" eq ")[1]))
            if isinstance(found, int):
                return refused(found)
            groups = [self.groups[id_] for id_ in found]
        elif condition:
            names = [json.loads(each.split(" eq ")[1]).lower() for each in condition.split(" or ")]
            groups = [group for group in groups if group.get("displayName", "").lower() in names]
        if not self.lists_members:
            groups = [{name: group[name] for name in group if name != "members"} for group in groups]
        return listed(groups)

    def _users(self, path: list[str], condition: str) -> ScriptedAnswer:
        if len(path) > 1:
            return ScriptedAnswer(200, self.other if path[1] == "u-2" else self.user)
        if not condition:
            return listed([self.user, self.other]) if self.lists_users else refused(403)
        attribute, _, value = condition.partition(" eq ")
        found = self.filter_users(attribute, json.loads(value))
        return refused(found) if isinstance(found, int) else listed(found)

    @contextlib.asynccontextmanager
    async def connected(self, privileged: str = "admin") -> AsyncIterator[Connector]:
        async with listening(ScriptedServer(self.answer).serve) as port:
            settings = {"url": f"http://127.0.0.1:{port}", "token": "token-of-the-odd-server", "privileged": privileged}
            connector = connect("scim", settings, allowed_hosts=ALLOWED)
            yield connector
            await connector.aclose()


def member_id(member: Any) -> str:
    return str(member["value"] if isinstance(member, dict) else member)


def listed(resources: list[Any]) -> ScriptedAnswer:
    return ScriptedAnswer(200, {"totalResults": len(resources), "Resources": resources})


def refused(status: int) -> ScriptedAnswer:
    error = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status), "detail": "refused"}
    return ScriptedAnswer(status, error)
