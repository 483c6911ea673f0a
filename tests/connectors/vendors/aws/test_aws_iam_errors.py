"""What AWS's errors mean, and answers that are not AWS's own."""

from __future__ import annotations

import pytest

from connectors.abilities import Account, Effect, Lookup
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from tests.connectors.answering_kinds import AWS_USER, KINDS, aws_action, aws_answer
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer

[AWS] = [kind for kind in KINDS if kind.name == "aws_iam"]
EFFECT = Effect("remove_console_access", "run-1/step-1/1", Account("7", "isa.lund"))
BY_NAME = [Lookup("userName", "isa.lund")]
CALLER = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/offboard", "UserId": "AIDAEXAMPLEEXAMPLEEX"}


def aws_error(status: int, code: str) -> ScriptedAnswer:
    text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>No.</Message></Error></ErrorResponse>"
    return ScriptedAnswer(status, text.encode())


@pytest.mark.parametrize(
    ("status", "code", "expected", "name"),
    [
        (400, "Throttling", TryAgainError, "too_many_requests"),
        (503, "ServiceUnavailable", TryAgainError, "system_failed"),
        (409, "EntityTemporarilyUnmodifiable", TryAgainError, "system_failed"),
        (409, "ConcurrentModification", TryAgainError, "changed_meanwhile"),
        (409, "LimitExceeded", RefusedError, "refused"),
        (400, "ValidationError", RefusedError, "refused"),
        (403, "AccessDenied", ActionRequiredError, "credential_refused"),
        (403, "InvalidClientTokenId", ActionRequiredError, "credential_refused"),
        (403, "SignatureDoesNotMatch", ActionRequiredError, "credential_refused"),
        (403, "ExpiredToken", ActionRequiredError, "credential_refused"),
        (400, "RequestExpired", ActionRequiredError, "credential_refused"),
        (404, "MalformedQueryString", RefusedError, "refused"),
    ],
)
async def test_an_error_of_aws_means_the_same_for_reads_and_changes(
    status: int, code: str, expected: type[ConnectorError], name: str
) -> None:
    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        match aws_action(asked):
            case "GetUser" if not reading:
                return aws_answer("GetUser", User=AWS_USER)
            case "GetCallerIdentity":
                return aws_answer("GetCallerIdentity", **CALLER)
            case "GetLoginProfile":
                profile = {"UserName": "isa.lund", "CreateDate": "2026-01-05T09:00:00Z"}
                return aws_answer("GetLoginProfile", LoginProfile=profile)
        return aws_error(status, code)

    async with AWS.connected(answer) as (connector, server):
        for reading in (True, False):
            with pytest.raises(expected, match=name) as raised:
                await (connector.find_accounts(BY_NAME) if reading else connector.attempt(EFFECT))
            assert raised.value.happened == "no"
        assert aws_action(server.asked[-1]) == "DeleteLoginProfile"


@pytest.mark.parametrize(
    "answer",
    [
        ScriptedAnswer(404, b"<html><body>Not here</body></html>"),
        ScriptedAnswer(404, {"code": "NoSuchEntity"}),
        aws_error(404, "NoSuchBucket"),
        ScriptedAnswer(200, b"<html><body>Sign in</body></html>"),
        ScriptedAnswer(200, {}),
        ScriptedAnswer(200, b"<GetUserResponse/>"),
        ScriptedAnswer(200),
        aws_error(200, "NoSuchEntity"),
    ],
)
async def test_what_is_not_awss_own_answer_proves_nothing(answer: ScriptedAnswer) -> None:
    """Neither that there is no user, nor that the user has no password."""

    def mixed(asked: ReceivedRequest) -> ScriptedAnswer:
        return aws_answer("GetUser", User=AWS_USER) if aws_action(asked) == "GetUser" else answer

    for answers in (lambda asked: answer, mixed):
        async with AWS.connected(answers) as (connector, _):
            with pytest.raises(ActionRequiredError, match="answer_not_understood"):
                await (connector.read_back(EFFECT) if answers is mixed else connector.find_accounts(BY_NAME))


@pytest.mark.parametrize(
    "answer", [ScriptedAnswer(200, b"<html><body>Sign in</body></html>"), aws_error(400, "ValidationError")]
)
async def test_a_user_is_not_unprivileged_because_its_policies_cannot_be_read(answer: ScriptedAnswer) -> None:
    """An approval can depend on it. Only a credential that may not read policies shows none."""

    def lies(asked: ReceivedRequest) -> ScriptedAnswer:
        return aws_answer("GetUser", User=AWS_USER) if aws_action(asked) == "GetUser" else answer

    async with AWS.connected(lies) as (connector, _):
        with pytest.raises((ActionRequiredError, RefusedError)):
            await connector.find_accounts(BY_NAME)
    answer = aws_error(403, "AccessDenied")
    async with AWS.connected(lies) as (connector, _):
        [account] = await connector.find_accounts(BY_NAME)
        assert not account.privileged


async def test_an_entry_of_another_user_is_an_error() -> None:
    """A cache can answer with another user's document."""
    other = {"UserName": "bo.berg", "CreateDate": "2026-01-05T09:00:00Z"}
    key = other | {"AccessKeyId": "AKIAEXAMPLEEXAMPLE", "Status": "Inactive"}
    device = {"UserName": "bo.berg", "SerialNumber": "GAHT12345678", "EnableDate": "2026-01-05T09:00:00Z"}
    wrong = {
        "GetLoginProfile": {"LoginProfile": other},
        "ListAccessKeys": {"AccessKeyMetadata": [key]},
        "ListMFADevices": {"MFADevices": [device]},
    }

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        action = aws_action(asked)
        return aws_answer(action, **(wrong.get(action) or {"User": AWS_USER}))

    async with AWS.connected(answer) as (connector, _):
        for ability in ("remove_console_access", "deactivate_access_keys", "remove_mfa_devices"):
            with pytest.raises(ActionRequiredError, match="answer_not_understood"):
                await connector.read_back(Effect(ability, "key", Account("7", "isa.lund")))
