"""The simulator of AWS behaves as AWS's documents say, and its description finds what differs."""

from __future__ import annotations

import json

import pytest

from orchestrator.embedded.vendors.simulator import client_of
from tests.vendors.aws.account import policy
from tests.vendors.aws.description import AwsDescription
from tests.vendors.aws.seeds import seed_aws
from tests.vendors.aws.signing import call
from tests.vendors.aws.simulator import ROUTES, AwsSimulator

DENY_LISTS = policy({"Effect": "Deny", "Action": "iam:List*", "Resource": "*"})


def test_every_action_is_described_by_aws() -> None:
    assert [action for action in ROUTES if not AwsDescription.read().describes(action)] == []


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("GetGroup", {}),
        ("ListUsers", {"Filter": "a"}),
        ("ListUsers", {"MaxItems": "0"}),
        ("UpdateAccessKey", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Off"}),
        ("ListAccessKeys", {"UserName": "isa lund"}),
        ("SimulatePrincipalPolicy", {"ActionNames.member.2": "iam:GetUser"}),
    ],
)
def test_a_request_that_differs_is_found(action: str, fields: dict[str, str]) -> None:
    query = {name: [value] for name, value in fields.items()}
    assert list(AwsDescription.read().faults_of_request(action, query, None))


def test_an_answer_that_differs_is_found() -> None:
    description = AwsDescription.read()
    for body in ({}, {"Users": [{"UserName": "isa"}]}, {"Users": [], "Colour": "red"}, {"Users": "none"}):
        assert list(description.faults_of_answer("ListUsers", 200, body)), body
    for status, code in ((400, "NoSuchEntity"), (409, "DeleteConflict"), (403, "Odd")):
        assert list(description.faults_of_answer("GetUser", status, {"Error": {"Code": code}})), code
    assert not list(description.faults_of_answer("GetUser", 404, {"Error": {"Code": "NoSuchEntity"}}))


async def test_requests_are_signed_and_policies_decide() -> None:
    async with AwsSimulator().start() as aws:
        seed = seed_aws(aws)
        isa = seed.user("E-1015")
        key = isa.keys[0]
        async with client_of(aws) as nobody:
            assert "MissingAuthenticationToken" in (await nobody.get("/?Action=ListUsers&Version=2010-05-08")).text
        assert (await call(aws, key, "ListUsers")).status_code == 200
        assert "AccessDenied" in (await call(aws, key, "DeleteUser", UserName="bo.berg")).text
        isa.inline["deny"] = json.dumps(DENY_LISTS)
        denied = await call(aws, key, "ListUsers")
        assert denied.status_code == 403 and "explicit deny" in denied.text
        assert isa.id in (await call(aws, key, "GetCallerIdentity", "sts")).text, "needs no permission"
        conflict = await call(aws, seed.key, "DeleteUser", UserName=isa.name)
        assert conflict.status_code == 409 and "DeleteConflict" in conflict.text
        assert "InvalidAction" in (await call(aws, seed.key, "CreateUser", UserName="eva")).text
        key.secret = "another"
        assert "SignatureDoesNotMatch" in (await call(aws, type(key)(key.id, "wrong", key.created), "GetUser")).text
