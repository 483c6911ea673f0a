"""The simulator of IAM Identity Center behaves as AWS's documents say, and its description finds what differs."""

from __future__ import annotations

import json

import pytest

from tests.vendors.aws.account import AccessKey, policy
from tests.vendors.aws.identity_center.asking import asked
from tests.vendors.aws.identity_center.directory import INSTANCE, STORE
from tests.vendors.aws.identity_center.model import CenterDescription
from tests.vendors.aws.identity_center.seeds import PRODUCTION, seed_identity_center
from tests.vendors.aws.identity_center.simulator import ROUTES, IdentityCenterSimulator

USER = f"{STORE.removeprefix('d-')}-12345678-1234-1234-1234-123456789012"


def test_every_action_is_described_by_aws() -> None:
    assert [action for action in ROUTES if not CenterDescription.read().describes(action)] == []


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("identitystore:DescribeUser", {"IdentityStoreId": STORE}),
        ("identitystore:DescribeUser", {"IdentityStoreId": STORE, "UserId": "isa.lund"}),
        ("identitystore:ListUsers", {"IdentityStoreId": "store"}),
        ("identitystore:ListUsers", {"IdentityStoreId": STORE, "MaxResults": 0}),
        ("identitystore:ListUsers", {"IdentityStoreId": STORE, "Colour": "red"}),
        ("identitystore:ListUsers", {"IdentityStoreId": STORE, "Extensions": ["enterprise"]}),
        (
            "sso:ListAccountAssignmentsForPrincipal",
            {"InstanceArn": INSTANCE, "PrincipalId": USER, "PrincipalType": "PERSON"},
        ),
        ("sso:ListAccountAssignmentDeletionStatus", {"InstanceArn": INSTANCE, "Filter": {"Status": "RUNNING"}}),
    ],
)
def test_a_request_that_differs_is_found(operation: str, body: dict[str, object]) -> None:
    assert list(CenterDescription.read().faults_of_request(operation, {}, body))


def test_an_answer_that_differs_is_found() -> None:
    description = CenterDescription.read()
    for body in ({}, {"Users": [{"UserId": USER}]}, {"Users": [], "Next": "1"}, {"Users": "none"}):
        assert list(description.faults_of_answer("identitystore:ListUsers", 200, body)), body
    missing = {"__type": "ResourceNotFoundException", "ResourceType": "USER"}
    assert not list(description.faults_of_answer("identitystore:DescribeUser", 400, missing))
    for status, error in ((404, missing), (400, {"__type": "Odd"}), (400, missing | {"ResourceType": "PERSON"})):
        assert list(description.faults_of_answer("identitystore:DescribeUser", status, error)), error


async def test_requests_are_signed_and_policies_decide() -> None:
    async with IdentityCenterSimulator().start() as aws:
        seed = seed_identity_center(aws)
        store = {"IdentityStoreId": STORE}
        users = (await asked(aws, seed.key, "identitystore", "ListUsers", store)).json()["Users"]
        assert {one["UserName"] for one in users} == {user.name for user in seed.users.values()}
        key = AccessKey(seed.key.id, "wrong", seed.key.created)
        wrong = await asked(aws, key, "identitystore", "ListUsers", store)
        assert (wrong.status_code, wrong.json()["__type"]) == (400, "InvalidSignatureException")
        seed.offboard.inline["offboard"] = json.dumps(policy())
        denied = await asked(aws, seed.key, "identitystore", "ListUsers", store)
        assert (denied.status_code, denied.json()["__type"]) == (400, "AccessDeniedException")


async def test_an_assignment_is_listed_until_it_is_deleted_and_sessions_outlast_it() -> None:
    async with IdentityCenterSimulator().start() as aws:
        seed = seed_identity_center(aws)
        user = next(iter(seed.users.values()))
        session = aws.state.take_on(user, PRODUCTION, seed.reader.arn, aws.now())
        body = {
            "InstanceArn": INSTANCE,
            "TargetId": PRODUCTION,
            "TargetType": "AWS_ACCOUNT",
            "PrincipalType": "USER",
            "PermissionSetArn": seed.reader.arn,
            "PrincipalId": user.id,
        }
        started = (await asked(aws, seed.key, "sso", "DeleteAccountAssignment", body)).json()
        request = started["AccountAssignmentDeletionStatus"]["RequestId"]
        assert (PRODUCTION, seed.reader.arn) in aws.state.roles_of(user)
        again = await asked(aws, seed.key, "sso", "DeleteAccountAssignment", body)
        assert again.json()["__type"] == "ConflictException"
        status = {"InstanceArn": INSTANCE, "AccountAssignmentDeletionRequestId": request}
        read = [
            (await asked(aws, seed.key, "sso", "DescribeAccountAssignmentDeletionStatus", status)).json()
            for _ in range(2)
        ]
        assert [one["AccountAssignmentDeletionStatus"]["Status"] for one in read] == ["IN_PROGRESS", "SUCCEEDED"]
        assert (PRODUCTION, seed.reader.arn) not in aws.state.roles_of(user)
        assert aws.state.session_works(session, aws.now())
        aws.advance(hours=seed.reader.hours)
        assert not aws.state.session_works(session, aws.now())
