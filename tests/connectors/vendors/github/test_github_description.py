"""GitHub: each request, and each field that the connector reads, is one of GitHub's own description or GraphQL schema.
The simulator in `embedded/vendors/github` checks every request and answer of the other tests against both."""

from __future__ import annotations

import re
from typing import Any

import pytest

from connectors.http.flows import Fields
from connectors.http.requests import Operation
from connectors.vendors.github import (
    account,
    answers,
    credentials,
    identities,
    membership,
    operations,
    queries,
    rights,
    snapshot,
    teams,
)
from orchestrator.embedded.vendors.github.graphql import schema
from orchestrator.embedded.vendors.github.graphql_language import QueryFault, SelectedField, named_type, read_query
from orchestrator.embedded.vendors.github.simulator import ROUTES
from tests.connectors.vendors.github.github_description import GITHUB_REST

USED = [value for value in vars(operations).values() if isinstance(value, Operation)]
QUERIES = {name: text for name, text in vars(queries).items() if isinstance(text, str) and "\nquery " in text}
MODULES = (account, answers, credentials, identities, membership, rights, snapshot, teams)
READ = {
    "GitHubLogin": ("simple-user", "public-user"), "OrgMembership": ("org-membership",),
    "Invitation": ("organization-invitation",), "Grant": ("organization-programmatic-access-grant",),
    "Authorization": ("credential-authorization",), "Seat": ("copilot-seat-details",),
    "_SeatTeam": ("team", "enterprise-team"), "_Key": ("key-simple",), "_DeployKey": ("deploy-key",),
    "AppInstallation": ("installation",),
}  # fmt: skip
READ_BY_QUERY = {
    "IdentifiedUser": ("User",), "_Email": ("UserEmailMetadata",), "_SamlAttribute": ("ExternalIdentityAttribute",),
    "_Scim": ("ExternalIdentityScimAttributes",), "_Saml": ("ExternalIdentitySamlAttributes",),
    "ExternalIdentity": ("ExternalIdentity",), "Team": ("Team",), "_Members": ("TeamMemberConnection",),
    "_Edge": ("TeamMemberEdge",), "_Node": ("User",), "_Repository": ("Repository",), "_TeamUser": ("User",),
    "_UserEdge": ("TeamMemberEdge",), "_UserEdges": ("TeamMemberConnection",), "_TeamOfUsers": ("Team",),
    "Total": ("TeamMemberConnection", "DeployKeyConnection"),
}  # fmt: skip
ALIASES = {"maintainers": "members"}  # in the query for teams


@pytest.mark.parametrize("operation", USED, ids=lambda operation: operation.operation_id)
def test_each_operation_is_described_by_github(operation: Operation) -> None:
    described = GITHUB_REST.operations[operation.operation_id]
    assert (operation.method, operation.path) == (described["method"], described["path"])


def test_the_simulator_answers_each_operation() -> None:
    known = {re.sub(r"\{\w+\}", "{}", name) for name in ROUTES}
    assert {re.sub(r"\{\w+\}", "{}", f"{one.method} {one.path}") for one in USED} <= known
    assert GITHUB_REST.operations.keys() == {one.operation_id for one in USED}


def test_each_field_that_the_connector_reads_is_described_by_github() -> None:
    models = {
        name: each
        for module in MODULES
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, Fields) and each is not Fields
    }
    assert set(models) == READ.keys() | READ_BY_QUERY.keys()
    for name, model in models.items():
        read = {field.alias or field_name for field_name, field in model.model_fields.items()}
        read = {ALIASES.get(one, one) for one in read}
        if name in READ:
            known = {key for one in READ[name] for key in GITHUB_REST.schemas[one]["properties"]}
        else:
            known = {key for one in READ_BY_QUERY[name] for key in schema().types[one]}
        assert read <= known, name


@pytest.mark.parametrize("name", QUERIES)
def test_each_query_is_one_of_githubs_schema(name: str) -> None:
    query = read_query(QUERIES[name])
    given: dict[str, Any] = {variable: "x" for variable, kind in query.variables.items() if kind.endswith("!")}
    schema().check(query, given)


def test_a_query_asks_for_each_field_that_is_read() -> None:
    asked: dict[str, set[str]] = {}

    def walk(kind: str, selection: Any) -> None:
        for one in selection.values():
            assert isinstance(one, SelectedField)
            asked.setdefault(kind, set()).add(one.name)
            if one.selection is not None:
                walk(named_type(schema().types[kind][one.name]["type"]), one.selection)

    for text in QUERIES.values():
        walk("Query", read_query(text).selection)
    for kind, fields in schema().types.items():
        assert asked.get(kind, set()) <= fields.keys()
    assert asked["ExternalIdentity"] == {"user", "samlIdentity", "scimIdentity"}
    assert asked["ExternalIdentitySamlAttributes"] == {"nameId", "username", "emails", "attributes"}
    assert asked["User"] == {"databaseId", "login", "organizationVerifiedDomainEmails"}


@pytest.mark.parametrize(
    "text",
    [
        "query ($org: String!) { organization(login: $org) { nickname } }",
        "query { organization { login } }",
        "query { organization(login: 7) { login } }",
        'query { organization(login: "x", name: "x") { login } }',
        "query ($n: Int) { organization(login: $n) { login } }",
        'query { organization(login: "x") }',
        'query { organization(login: "x") { login { name } } }',
        'query { organization(login: "x") { teams(first: 1) { nodes { members(role: BOSS) { totalCount } } } } }',
        'query { organization(login: "x") ',
        "mutation { removeEnterpriseMember(input: {}) { user { login } } }",
    ],
)
def test_a_query_that_githubs_schema_does_not_have_is_found(text: str) -> None:
    with pytest.raises(QueryFault):
        schema().check(read_query(text), {})


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, {"id": "7"}), (200, {"login": "isa-lund"}), (200, []), (202, {"id": 7}), (404, {"error": "not_found"})],
)
def test_an_answer_that_github_does_not_describe_is_found(status: int, body: Any) -> None:
    with pytest.raises(AssertionError):
        GITHUB_REST.check_answer("GET", "/user/7", status, body)
