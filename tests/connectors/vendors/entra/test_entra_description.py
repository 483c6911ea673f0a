"""Entra: each request and answer of the connector and its recordings is one of Microsoft's own description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from connectors.http.requests import Operation
from connectors.vendors import entra
from tests.connectors.vendors.entra.entra_description import GRAPH
from tests.connectors.vendors.package_contents import models_of, operations_of
from tests.connectors.vendors.vendor_description import RECORDINGS

ID = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"
USED = operations_of(entra)
RECORDED = sorted((RECORDINGS / "entra").glob("*.json"))
NOT_GRAPHS = ("gateway_404.json", "find_by_gateway_404.json")  # the answer of a gateway in front of Graph
READ: dict[str, tuple[str, ...]] = {
    "GraphUser": ("User",), "_License": ("LicenseAssignmentState",), "DirectoryObject": ("Group", "DirectoryRole"),
    "_RoleAssignment": ("UnifiedRoleAssignment",), "_EligibleRole": ("UnifiedRoleEligibilityScheduleInstance",),
    "_RoleDefinition": ("UnifiedRoleDefinition",), "AppAssignment": ("AppRoleAssignment",),
    "_Consent": ("OAuth2PermissionGrant",), "_Method": ("AuthenticationMethod",), "_Revoked": ("Revoked",),
    "_AppRole": ("AppRole",), "_ServicePrincipal": ("ServicePrincipal",), "_GrantedPermission": ("AppRoleAssignment",),
    "_ManagedUser": ("User",), "_OwnedGroup": ("Group",),
}  # fmt: skip


@pytest.mark.parametrize("operation", USED, ids=lambda operation: operation.operation_id)
def test_each_operation_is_described_by_microsoft(operation: Operation) -> None:
    described = GRAPH.operations[operation.operation_id]
    segments = zip(described["path"].split("/"), operation.path.split("/"), strict=True)
    assert operation.method == described["method"]
    assert all(one == other or (one[0], other[0]) == ("{", "{") for one, other in segments if one or other)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_each_recorded_exchange_is_described_by_microsoft(path: Path) -> None:
    for exchange in json.loads(path.read_text()):
        request, answer = exchange["request"], exchange["answer"]
        address = urlsplit(request["path"])  # a next page has the whole address that the answer before named
        GRAPH.check_request(request["method"], address.path, request.get("params", {}))
        if path.name not in NOT_GRAPHS:
            GRAPH.check_answer(request["method"], address.path, answer["status"], answer.get("body"))


def test_each_operation_is_in_a_recording() -> None:
    recorded = set()
    for path in RECORDED:
        for exchange in json.loads(path.read_text()):
            parts = urlsplit(exchange["request"]["path"]).path.removeprefix("/v1.0").split("/")
            for operation in USED:
                template = operation.path.split("/")
                same = [one == other or one.startswith("{") for one, other in zip(template, parts, strict=False)]
                if operation.method == exchange["request"]["method"] and len(template) == len(parts) and all(same):
                    recorded.add(operation.operation_id)
    assert recorded == {operation.operation_id for operation in USED}


def test_each_field_that_the_connector_reads_is_described_by_microsoft() -> None:
    models = models_of(entra)
    assert set(models) == set(READ)
    for name, model in models.items():
        read = {field.alias or field_name for field_name, field in model.model_fields.items()}
        assert read <= {key for schema in READ[name] for key in GRAPH.schemas[schema]["properties"]}, name


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"id": 7}),
        (200, {"identifier": ID}),
        (200, []),
        (202, {"id": ID}),
        (404, {"error": "not_found"}),
        (503, {"error": "unavailable"}),
    ],
)
def test_an_answer_that_microsoft_does_not_describe_is_found(status: int, body: Any) -> None:
    with pytest.raises(AssertionError):
        GRAPH.check_answer("GET", f"/v1.0/users/{ID}", status, body)
