"""Google Workspace: each operation of the connector, its scope and each field that it reads are in Google's own
description. The simulator checks every request and answer of the other tests against the same documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from connectors.abilities import Lookup
from connectors.http.requests import Operation
from connectors.registry import connect
from connectors.vendors import google_workspace
from connectors.vendors.google_workspace.admin_sdk import GoogleWorkspaceSettings
from connectors.vendors.google_workspace.check import NEEDED
from connectors.vendors.google_workspace.connector import GOOGLE_WORKSPACE
from orchestrator.embedded.vendors.keys import private_key
from tests.connectors.vendors.google_workspace.google_description import GOOGLE
from tests.connectors.vendors.package_contents import models_of, operations_of

USED = operations_of(google_workspace)
READ: dict[str, str] = {
    "WorkspaceUser": "User", "Group": "Group", "_Member": "Member", "_AdminRole": "Role",
    "_Assignment": "RoleAssignment",
    "_GrantedApp": "Token", "_AppPassword": "Asp", "_BackupCode": "VerificationCode", "_Alias": "Alias",
    "_Application": "Application", "_Part": "ApplicationDataTransfer", "_Transfer": "DataTransfer",
    "_HeldLicense": "LicenseAssignment",
}  # fmt: skip
UNDESCRIBED = {"_ExternalId", "_Relation", "_Alias"}
"""Google's description has no fields of these: developers.google.com/workspace/admin/directory/reference/rest/v1/users
and users.aliases list them."""
DOCUMENT = (Path(__file__).parents[4] / "docs" / "connectors" / "google-workspace.md").read_text()


@pytest.mark.parametrize("operation", USED, ids=lambda operation: operation.operation_id)
def test_each_operation_and_its_scope_are_described_by_google(operation: Operation) -> None:
    described = GOOGLE.operations[operation.operation_id]
    segments = zip(described["path"].split("/"), operation.path.split("/"), strict=True)
    assert operation.method == described["method"]
    assert all(one == other or (one[:1], other[:1]) == ("{", "{") for one, other in segments)
    assert operation.scope in described["scopes"]


def test_no_described_operation_is_unused() -> None:
    assert GOOGLE.operations.keys() == {operation.operation_id for operation in USED}


def test_each_field_that_the_connector_reads_is_described_by_google() -> None:
    models = models_of(google_workspace)
    assert set(models) == set(READ) | UNDESCRIBED
    for name in set(models) - UNDESCRIBED:
        read = {field.alias or field_name for field_name, field in models[name].model_fields.items()}
        assert read <= set(GOOGLE.schemas[READ[name]]["properties"]), name


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, {"id": 7}), (200, {"identifier": "7"}), (200, []), (404, {"error": "not_found"}), (503, {"error": {}})],
)
def test_an_answer_that_google_does_not_describe_is_found(status: int, body: Any) -> None:
    with pytest.raises(AssertionError):
        GOOGLE.check_answer("GET", "/admin/directory/v1/users/7", status, body)


async def test_the_example_of_the_documentation_can_be_connected() -> None:
    system = yaml.safe_load(DOCUMENT.partition("```yaml\n")[2].partition("```")[0])["systems"]["google"]
    given = system["connection"] | {"private_key": private_key().as_pem(private=True).decode()}
    address = {"service_account_email": "app@example.com"}
    connector = connect("google_workspace", given | address, allowed_hosts=system["hosts"])
    settings = GoogleWorkspaceSettings.model_validate(given)
    hosts = {urlsplit(url).hostname for url in (settings.url, settings.licensing_url, settings.token_url)}
    assert hosts == set(system["hosts"])
    for key in system["match"]:
        next(GOOGLE_WORKSPACE.find(settings, [Lookup(key["attribute"], "E-1")]))
    await connector.aclose()


def test_each_ability_has_its_scopes_here_and_in_the_documentation() -> None:
    assert set(NEEDED) == set(GOOGLE_WORKSPACE.acts.abilities)
    scopes = DOCUMENT.partition("## The credential")[2].partition("## Abilities")[0].splitlines()
    for ability, needed in NEEDED.items():
        [row] = [line for line in scopes if line.startswith(f"| `{ability}` |")]
        assert all(f"`{scope.rsplit('/', 1)[-1]}`" in row for scope in needed), ability


def test_the_abilities_that_the_documentation_lists_are_those_of_the_connector() -> None:
    rows = DOCUMENT.partition("## Abilities")[2].partition("## What ends")[0].splitlines()
    listed = {row.split("`")[1]: row for row in rows if row.startswith("| `")}
    assert set(listed) == set(GOOGLE_WORKSPACE.acts.abilities)
    for name, ability in GOOGLE_WORKSPACE.acts.abilities.items():
        cells = [cell.strip() for cell in listed[name].split("|")]
        undone = {"no": "no", "yes": "yes", "limited": "for 20 days"}[ability.reversible]
        assert (cells[2], cells[4]) == (ability.level, "yes" if ability.read_back else "no"), name
        assert ability.level == "read" or cells[5] == undone, name
        words = {"destroys.": ability.destroys, "hands over": ability.hands_over, "removes access": ability.cuts_access}
        assert {word: word in cells[6] for word in words} == words, name
