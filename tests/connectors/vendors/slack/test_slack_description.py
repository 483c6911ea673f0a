"""Slack: each request, and each field that the connector reads, is one of Slack's own description of the Web API, or is
named here with the reason why it is not. The simulator in `embedded/vendors/slack` checks every request and answer of
the other tests against the same description."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest

import connectors.vendors.slack as package
import orchestrator.embedded.vendors.slack as simulator
from connectors.errors import ActionRequiredError
from connectors.http.dialect import Verdict
from connectors.http.flows import Fields, parse
from connectors.http.requests import Answer, Operation
from connectors.vendors.slack.answers import DIALECT, is_gone, require_own
from connectors.vendors.slack.user_groups import UserGroup
from orchestrator.embedded.vendors.slack.simulator import METHODS, UNDESCRIBED, DescribedMethods
from tests.connectors.answering_kinds import SLACK_TOKEN, SLACK_USER

FOLDER = Path(simulator.__file__).parent
DESCRIPTION: dict[str, Any] = json.loads((FOLDER / "description.json").read_text())
MODULES = [importlib.import_module(f"{package.__name__}.{one.name}") for one in pkgutil.iter_modules(package.__path__)]
USED = {
    f"{one.method} {one.path}": one for module in MODULES for one in vars(module).values() if isinstance(one, Operation)
}
NEWER = {
    "TokenOwner": {"enterprise_id"},  # docs.slack.dev/reference/methods/auth.test
    # In recorded answers of usergroups.list; Slack's page about the object lacks them.
    "UserGroup": {"is_idp_group", "is_membership_locked"},
    "OrganisationUser": {"is_primary_owner"},  # the type EnterpriseUser of Slack's @slack/web-api
}
"""Fields that the description of 2021 lacks."""
LOGS = DESCRIPTION["operations"]["GET /api/team.integrationLogs"]["responses"]["200"]
READ = {
    "UserProfile": DESCRIPTION["$defs"]["objs_user_profile"],
    "OrganisationUser": DESCRIPTION["$defs"]["objs_enterprise_user"],
    "SlackMember": DESCRIPTION["$defs"]["objs_user"],
    "TokenOwner": DESCRIPTION["operations"]["GET /api/auth.test"]["responses"]["200"],
    "UserGroup": DESCRIPTION["$defs"]["objs_subteam"],
    "GroupMembers": DESCRIPTION["operations"]["GET /api/usergroups.users.list"]["responses"]["200"],
    "_Paging": DESCRIPTION["$defs"]["objs_paging"],
    "AppChange": LOGS["properties"]["logs"]["items"],
}
UNDESCRIBED_SHAPES = {"Assignment", "ListedUser", "DeviceSession"}
"""Of answers that Slack does not describe; the simulator has them from Slack's pages."""


@pytest.mark.parametrize("name", USED)
def test_each_operation_is_described_or_has_a_page(name: str) -> None:
    own = USED[name].path.removeprefix("/api/").replace(".", "_")
    described = name in DESCRIPTION["operations"]
    # Slack's description has admin.users.list too, but contradicts its page of today.
    assert USED[name].operation_id == own if described else USED[name].operation_id in ("", own)
    assert described != (name in UNDESCRIBED)
    assert described or UNDESCRIBED[name].startswith("https://docs.slack.dev/reference/")


def _properties(schema: Any) -> set[str]:
    if not isinstance(schema, dict):
        return set()
    found = set(schema.get("properties", ()))
    for part in schema.get("anyOf", schema.get("items", {}).get("anyOf", ())):
        found |= _properties(part)
    return found


def test_each_field_that_the_connector_reads_is_described_by_slack() -> None:
    models = {
        name: each
        for module in MODULES
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, Fields) and each.__module__.startswith(package.__name__)
    }
    assert set(models) == READ.keys() | UNDESCRIBED_SHAPES
    for name, schema in READ.items():
        fields = {field.alias or key for key, field in models[name].model_fields.items()}
        assert fields <= _properties(schema) | NEWER.get(name, set()), name


@pytest.mark.parametrize(
    ("shown", "filled"),
    [
        ({}, False),
        ({"auto_type": None, "auto_provision": False, "is_idp_group": False}, False),
        ({"auto_provision": True}, True),
        ({"auto_type": "admin"}, True),
        ({"is_idp_group": True}, True),
        ({"is_membership_locked": True}, True),
    ],
)
def test_a_user_group_that_is_filled_elsewhere_is_recognised(shown: dict[str, Any], filled: bool) -> None:
    assert parse({"id": "S0GROUP", "name": "Group", **shown}, UserGroup).is_filled_elsewhere is filled


def test_the_answers_of_other_tests_are_described_by_slack() -> None:
    described = DescribedMethods.of(FOLDER)
    assert list(described.faults_of_answer("GET /api/auth.test", 200, SLACK_TOKEN)) == []
    shown = {"ok": True, "user": SLACK_USER}
    lacking = "; ".join(described.faults_of_answer("GET /api/users.info", 200, shown))
    assert SLACK_USER.keys() <= _properties(DESCRIPTION["$defs"]["objs_user"]), lacking
    assert METHODS.keys() >= {name for name in USED if "/api/" in name}


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, {"ok": True}, Verdict.DONE),
        (200, {"ok": False, "error": "user_already_deleted"}, Verdict.DONE),
        (200, {"ok": False, "error": "users_not_found"}, Verdict.MISSING),
        (200, {"ok": False, "error": "missing_scope", "needed": "admin.users:write"}, Verdict.CREDENTIAL),
        (200, {"ok": False, "error": "fatal_error"}, Verdict.FAILED),
        (200, {"ok": False, "error": "ratelimited"}, Verdict.RATE_LIMITED),
        (200, {"ok": False, "error": "invalid_users"}, Verdict.REFUSED),
        (200, {"ok": False}, Verdict.REFUSED),
        (400, {"detail": "no_such_user"}, Verdict.MISSING),
        (404, {"detail": "no_such_user"}, Verdict.MISSING),
        (400, {"detail": "permission_denied"}, Verdict.CREDENTIAL),
        (400, {"detail": "cannot_disable_primary_owner"}, Verdict.REFUSED),
        (404, "not found", Verdict.MISSING),
    ],
)
def test_what_slacks_errors_mean(status: int, body: Any, verdict: Verdict) -> None:
    """The SCIM API's codes with any status: Slack does not document which status a code has."""
    assert DIALECT.verdict(status, body, {}) is verdict


@pytest.mark.parametrize(("body", "own"), [({"detail": "no_such_user"}, True), (None, False), ({"detail": "?"}, False)])
def test_a_404_counts_only_with_slacks_code(body: Any, own: bool) -> None:
    assert is_gone(Answer(404, body)) is own
    if not own:
        with pytest.raises(ActionRequiredError, match="answer_not_understood"):
            require_own(Answer(404, body))
