"""What the errors of IAM Identity Center mean, and answers that are not AWS's own."""

from __future__ import annotations

import pytest

from connectors.abilities import Account, Effect, Lookup
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from tests.connectors.answering_kinds import CENTER_USER, KINDS, aws_answer, center_action
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer

[CENTER] = [kind for kind in KINDS if kind.name == "aws_identity_center"]
EFFECT = Effect("delete_account", "run-1/step-1/1", Account("7", "isa.lund"))
BY_NAME = [Lookup("userName", "isa.lund")]
CALLER = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/offboard", "UserId": "AIDAEXAMPLEEXAMPLEEX"}
MISSING = {"__type": "ResourceNotFoundException", "Message": "USER not found.", "ResourceType": "USER"}


def center_error(status: int, code: str, **more: str) -> ScriptedAnswer:
    return ScriptedAnswer(status, {"__type": f"com.amazonaws.identitystore#{code}", "Message": "No.", **more})


@pytest.mark.parametrize(
    ("status", "code", "expected", "name"),
    [
        (400, "ThrottlingException", TryAgainError, "too_many_requests"),
        (400, "ConflictException", TryAgainError, "system_failed"),
        (503, "ServiceUnavailable", TryAgainError, "system_failed"),
        (400, "ValidationException", RefusedError, "refused"),
        (400, "AccessDeniedException", ActionRequiredError, "credential_refused"),
        (400, "UnrecognizedClientException", ActionRequiredError, "credential_refused"),
        (400, "InvalidSignatureException", ActionRequiredError, "credential_refused"),
        (400, "ExpiredTokenException", ActionRequiredError, "credential_refused"),
        (400, "MissingAuthenticationTokenException", ActionRequiredError, "credential_refused"),
    ],
)
async def test_an_error_of_identity_center_means_the_same_for_reads_and_changes(
    status: int, code: str, expected: type[ConnectorError], name: str
) -> None:
    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        match center_action(asked):
            case "DescribeUser" if not reading:
                return ScriptedAnswer(200, CENTER_USER)
            case "GetCallerIdentity":
                return aws_answer("GetCallerIdentity", **CALLER)
            case "ListAccountAssignmentsForPrincipal" | "ListApplicationAssignmentsForPrincipal":
                return ScriptedAnswer(200, {})
        return center_error(status, code)

    async with CENTER.connected(answer) as (connector, server):
        for reading in (True, False):
            with pytest.raises(expected, match=name) as raised:
                await (connector.find_accounts(BY_NAME) if reading else connector.attempt(EFFECT))
            assert raised.value.happened == "no"
        assert center_action(server.asked[-1]) == "DeleteUser"


@pytest.mark.parametrize(
    "answer",
    [
        ScriptedAnswer(404, b"<html><body>Not here</body></html>"),
        ScriptedAnswer(404, MISSING | {"__type": "Gone"}),
        ScriptedAnswer(400, MISSING | {"ResourceType": "IDENTITY_STORE"}),
        ScriptedAnswer(400, MISSING | {"Reason": "KMS_KEY_NOT_FOUND"}),
        ScriptedAnswer(200, b"<html><body>Sign in</body></html>"),
        ScriptedAnswer(200, {}),
        ScriptedAnswer(200),
        ScriptedAnswer(200, CENTER_USER | {"UserId": "8"}),
        ScriptedAnswer(200, CENTER_USER | {"IdentityStoreId": "d-0000000000"}),
    ],
)
async def test_what_is_not_awss_own_answer_about_the_user_proves_nothing(answer: ScriptedAnswer) -> None:
    def answers(asked: ReceivedRequest) -> ScriptedAnswer:
        return ScriptedAnswer(200, {"Users": [CENTER_USER]}) if center_action(asked) == "ListUsers" else answer

    async with CENTER.connected(answers) as (connector, _):
        with pytest.raises(ActionRequiredError, match="answer_not_understood"):
            await connector.read_back(EFFECT)


async def test_a_user_is_not_unprivileged_because_the_answer_is_not_understood() -> None:
    """An approval can depend on it. A credential that may not read assignments shows none."""
    answer = ScriptedAnswer(200, b"<html><body>Sign in</body></html>")

    def lies(asked: ReceivedRequest) -> ScriptedAnswer:
        match center_action(asked):
            case "DescribeUser":
                return ScriptedAnswer(200, CENTER_USER)
            case "ListUsers":
                return ScriptedAnswer(200, {"Users": [CENTER_USER]})
            case "GetUserId":
                return ScriptedAnswer(200, {"IdentityStoreId": "d-1234567890", "UserId": "7"})
        return answer

    async with CENTER.connected(lies) as (connector, _):
        with pytest.raises(ActionRequiredError, match="answer_not_understood"):
            await connector.find_accounts(BY_NAME)
    answer = center_error(400, "AccessDeniedException")
    async with CENTER.connected(lies) as (connector, _):
        [account] = await connector.find_accounts(BY_NAME)
        assert not account.privileged


async def test_entries_of_another_user_are_an_error_or_not_counted() -> None:
    """A cache can answer with another user's document."""
    membership = {"IdentityStoreId": "d-1234567890", "MembershipId": "m", "GroupId": "g", "MemberId": {"UserId": "8"}}

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        match center_action(asked):
            case "DescribeUser":
                return ScriptedAnswer(200, CENTER_USER)
            case "ListGroupMembershipsForMember":
                return ScriptedAnswer(200, {"GroupMemberships": [membership]})
        return ScriptedAnswer(200, {})

    async with CENTER.connected(answer) as (connector, _):
        with pytest.raises(ActionRequiredError, match="answer_not_understood"):
            await connector.read_back(Effect("remove_from_groups", "key", Account("7", "isa.lund")))
