"""Every ability of the connector for IAM Identity Center against the simulator: what a person could reach before is out
of reach after, the read-back says so, and a repeated attempt changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.rehearsal import Rehearses
from connectors.vendors.aws.identity_center.permissions import ACTIONS
from tests.connectors.vendors.aws.connected_identity_center import ConnectedCenter, connected_center
from tests.vendors.aws.identity_center.seeds import DEVELOPMENT, ISSUER, PRODUCTION, grant
from tests.vendors.aws.seeds import new_role

DELETE = "/sso:DeleteAccountAssignment"


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedCenter]:
    async with connected_center() as connected:
        yield connected


def changes(here: ConnectedCenter) -> list[str]:
    return [call.operation for call in here.aws.sent("POST") if ":" in call.operation]


async def test_own_assignments_end_when_aws_has_deleted_them_and_those_of_groups_stay(here: ConnectedCenter) -> None:
    production, development = (PRODUCTION, here.seed.reader.arn), (DEVELOPMENT, here.seed.reader.arn)
    assert here.center.roles_of(here.isa) == {production, development}
    assert await here.outcome("remove_account_assignments") == "not_done"
    effect = here.effect("remove_account_assignments")
    detail = (await here.connector.attempt(effect)).detail
    removed = detail["removed_account_assignments"]
    assert [(one["account"], one["permission_set"], one["status"]) for one in removed] == [
        (PRODUCTION, "ReadOnly", "IN_PROGRESS"),
        (DEVELOPMENT, "ReadOnly", "IN_PROGRESS"),
    ]
    assert (detail["ended"], detail["not_possible"]) == ([], ["sessions", "access_tokens"])
    just_after = replace(effect, replied=detail)
    look = await here.connector.read_back(just_after)
    assert (look.outcome, len(look.evidence["unfinished"])) == ("not_done", 2)
    look = await here.connector.read_back(just_after)
    assert (look.outcome, look.evidence["list_proven_by"]) == ("done", "this_account")
    assert here.center.roles_of(here.isa) == {development}, "by the group Finance"
    assert (await here.do("remove_account_assignments"))["removed_account_assignments"] == []
    look = await here.look("remove_account_assignments")
    assert (look.outcome, look.evidence["list_proven_by"]) == ("done", "permission")
    grant(here.aws, here.seed, here.kim)
    assert (await here.look("remove_account_assignments")).evidence["list_proven_by"] == "another_account"


async def test_after_a_restart_a_deletion_in_progress_is_not_done(here: ConnectedCenter) -> None:
    """The read-back does not know what the attempt requested."""
    here.center.deletions_take(2)
    await here.do("remove_account_assignments")
    look = await here.look("remove_account_assignments")
    assert look.outcome == "not_done"
    assert [one["status"] for one in look.evidence["unfinished"]] == ["IN_PROGRESS", "IN_PROGRESS"]
    with pytest.raises(TryAgainError, match="system_failed") as raised:
        await here.do("remove_account_assignments")  # AWS refuses a second deletion during the first
    assert "ConflictException" in raised.value.detail
    await here.look("remove_account_assignments")
    assert await here.outcome("remove_account_assignments") == "done"


async def test_a_deletion_that_aws_cannot_finish_is_an_error_with_awss_reason(here: ConnectedCenter) -> None:
    here.center.failing_accounts = {PRODUCTION}
    with pytest.raises(RefusedError, match="assignment_not_deleted") as raised:
        await here.do("remove_account_assignments")
    assert "AWSReservedSSO could not be deleted" in raised.value.detail
    assert f"ReadOnly in {PRODUCTION}" in raised.value.detail
    here.center.failing_accounts = set()
    here.center.deletions_take(1)
    effect = here.effect("remove_account_assignments")
    [deletion] = [one for one in here.center.deletions.values() if one.status == "IN_PROGRESS"]
    deletion.status, deletion.reason = "FAILED", "The role is in use."
    pending = [{"id": "x", "request": deletion.id, "status": "IN_PROGRESS"}]
    look = await here.connector.read_back(replace(effect, replied={"removed_account_assignments": pending}))
    assert look.outcome == "not_done" and look.evidence["unfinished"][0]["reason"] == "The role is in use."


async def test_a_session_of_a_role_outlasts_the_assignment_and_the_user(here: ConnectedCenter) -> None:
    session = here.center.take_on(here.isa, PRODUCTION, here.seed.reader.arn, here.aws.now())
    here.center.deletions_take(0)
    for ability in ("remove_account_assignments", "remove_application_assignments", "remove_from_groups"):
        await here.do(ability)
    await here.do("delete_account")
    assert here.center.session_works(session, here.aws.now())
    for ability in ("remove_account_assignments", "remove_from_groups", "delete_account"):
        lasts = here.connector.abilities[ability].tokens_last
        assert lasts is not None and lasts.total_seconds() / 3600 >= here.seed.reader.hours


async def test_own_assignments_to_applications_end(here: ConnectedCenter) -> None:
    assert len(here.center.applications_of(here.isa)) == 2
    assert await here.outcome("remove_application_assignments") == "not_done"
    detail = await here.do("remove_application_assignments")
    assert [one["name"] for one in detail["removed_application_assignments"]] == ["Notes isa.lund"]
    assert here.center.applications_of(here.isa) == {here.seed.application}, "by the group Finance"
    assert await here.outcome("remove_application_assignments") == "done"
    assert (await here.do("remove_application_assignments"))["removed_application_assignments"] == []


async def test_groups_are_left_but_for_those_that_are_kept(here: ConnectedCenter) -> None:
    assert await here.outcome("remove_from_groups", here.bo) == "not_done"
    detail = await here.do("remove_from_groups", here.bo, keep=["sales"])
    assert [group["name"] for group in detail["left_groups"]] == ["Administrators"]
    assert await here.outcome("remove_from_groups", here.bo, keep=["Sales"]) == "done"
    assert await here.outcome("remove_from_groups", here.bo) == "not_done"
    with pytest.raises(RefusedError, match="group_not_found"):
        await here.do("remove_from_groups", here.bo, groups=["Sales", "Sailing"])
    assert here.center.teams_of(here.bo.id) == [] and here.center.roles_of(here.bo) == set()
    assert await here.outcome("remove_from_groups", here.bo, groups=["Sailing"]) == "unknown"
    assert await here.outcome("remove_from_groups", here.bo, groups=["Sales"]) == "done"


async def test_a_group_of_the_identity_provider_is_named_as_such(here: ConnectedCenter) -> None:
    [team] = here.center.teams_of(here.kim.id)
    team.external = (ISSUER, "group-1")
    [left] = (await here.do("remove_from_groups", here.kim))["left_groups"]
    assert left["provisioned"] is True


async def test_a_user_is_deleted_only_without_assignments_of_their_own(here: ConnectedCenter) -> None:
    assert here.center.sign_in(here.isa.name, here.isa.password)
    with pytest.raises(RefusedError, match="account_in_use") as raised:
        await here.do("delete_account")
    assert PRODUCTION in raised.value.detail and "applications" in raised.value.detail
    assert changes(here) == [], "nothing is removed"
    here.center.deletions_take(0)
    await here.do("remove_account_assignments")
    await here.do("remove_application_assignments")
    assert await here.outcome("delete_account") == "not_done"
    assert (await here.do("delete_account"))["already_gone"] is False
    assert not here.center.sign_in(here.isa.name, here.isa.password)
    assert await here.outcome("delete_account") == "done"
    assert (await here.do("delete_account"))["already_gone"] is True
    assert await here.outcome("remove_from_groups") == "unknown", "of no user, nothing is proven"
    with pytest.raises(RefusedError, match="account_gone"):
        await here.do("remove_from_groups")


async def test_a_user_of_an_identity_provider_is_deleted_only_if_the_step_says_so(here: ConnectedCenter) -> None:
    here.kim.external = (ISSUER, "idp-7")
    assert isinstance(here.connector, Rehearses)
    with pytest.raises(RefusedError, match="provisioned_account"):
        await here.connector.rehearse(here.effect("delete_account", here.kim))  # as the test of a system does
    with pytest.raises(RefusedError, match="provisioned_account") as raised:
        await here.do("delete_account", here.kim)
    assert ISSUER in raised.value.detail and "identity provider" in raised.value.remedy
    assert here.kim.id in here.center.people and changes(here) == []
    await here.do("delete_account", here.kim, also_provisioned=True)
    assert here.kim.id not in here.center.people


async def test_a_user_who_was_changed_after_it_was_read_is_not_deleted(here: ConnectedCenter) -> None:
    """Such as by the identity provider, because the person is employed again."""
    effect = here.effect("delete_account", here.kim)
    here.aws.faults.stay_stale("/identitystore:DescribeUser", reads=1)
    await here.do("remove_from_groups", here.kim)  # what was before is shown once
    here.kim.revision = 2
    here.center.people[here.kim.id] = here.kim
    with pytest.raises(TryAgainError, match="system_failed"):
        await here.connector.attempt(effect)
    assert here.kim.id in here.center.people


async def test_the_user_in_whose_session_offboard_works_is_never_changed(here: ConnectedCenter) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    _, session = new_role(here.aws, "AWSReservedSSO_Admin_0123456789abcdef", everything)
    connector = here.connected(session)
    here.kim.name = "offboard"  # the simulator names sessions so
    with pytest.raises(RefusedError, match="own_account"):
        await connector.attempt(here.effect("remove_from_groups", here.kim))
    assert changes(here) == []


async def test_the_snapshot_shows_what_the_user_can_reach(here: ConnectedCenter) -> None:
    here.bo.external = (ISSUER, "idp-7")
    here.bo.enabled = False
    shown = (await here.look("snapshot_access", here.bo)).evidence
    assert shown["not_shown"] == [] and shown["admin"] is True
    assert (shown["status"], shown["provisioned_by"]) == ("DISABLED", [ISSUER])
    assert sorted(one["name"] for one in shown["groups"]) == ["Administrators", "Sales"]
    reach = {
        (one["account"], one["permission_set"], one["session_duration"], one["by"])
        for one in shown["account_assignments"]
    }
    assert reach == {
        (PRODUCTION, "AdministratorAccess", "PT12H", "Administrators"),
        (DEVELOPMENT, "ReadOnly", "PT4H", "Sales"),
    }
    shown = (await here.look("snapshot_access")).evidence
    assert shown["admin"] is False and shown["created"]
    assert {(one["account"], one["by"]) for one in shown["account_assignments"]} == {
        (PRODUCTION, ""),
        (DEVELOPMENT, ""),
        (DEVELOPMENT, "Finance"),
    }
    assert {(one["name"], one["by"]) for one in shown["application_assignments"]} == {
        ("Notes isa.lund", ""),
        ("Dashboards", "Finance"),
    }
    here.allow("identitystore:DescribeUser", "identitystore:ListUsers")
    shown = (await here.look("snapshot_access")).evidence
    assert shown["not_shown"] == ["admin", "groups", "account_assignments", "application_assignments"]


async def test_an_empty_list_that_nothing_proves_is_unknown(here: ConnectedCenter) -> None:
    here.center.assignments = [one for one in here.center.assignments if one[2] in here.center.teams]
    here.allow(*ACTIONS["remove_account_assignments"])
    look = await here.look("remove_account_assignments")
    assert (look.outcome, look.evidence["list_proven_by"]) == ("unknown", "")
    here.allow(*ACTIONS["remove_account_assignments"], "iam:SimulatePrincipalPolicy")
    assert (await here.look("remove_account_assignments")).evidence["list_proven_by"] == "permission"
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        await here.look("remove_from_groups")


async def test_throttling_waits_and_a_lost_reply_is_read_back(here: ConnectedCenter) -> None:
    here.center.deletions_take(0)
    here.aws.faults.limit(path=DELETE)
    with pytest.raises(TryAgainError, match="too_many_requests") as raised:
        await here.do("remove_account_assignments")
    assert raised.value.happened == "no" and len(here.center.roles_of(here.isa)) == 2
    here.aws.faults.lose_reply("POST", DELETE)
    with pytest.raises(TryAgainError) as lost:
        await here.do("remove_account_assignments")
    assert lost.value.happened == "unknown"
    assert await here.outcome("remove_account_assignments") == "not_done", "one of two"
    await here.do("remove_account_assignments")
    assert await here.outcome("remove_account_assignments") == "done"
    here.aws.faults.break_down("POST", "/identitystore:DeleteGroupMembership", status=500)
    with pytest.raises(TryAgainError, match="system_failed"):
        await here.do("remove_from_groups")
    here.aws.faults.expire("GET", "/identitystore:DescribeUser")
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        await here.do("remove_from_groups")
    assert len(here.center.teams_of(here.isa.id)) == 1


async def test_reads_that_are_behind_are_not_done_yet(here: ConnectedCenter) -> None:
    here.aws.faults.stay_stale("/identitystore:ListGroupMembershipsForMember", reads=1)
    await here.do("remove_from_groups")
    assert await here.outcome("remove_from_groups") == "not_done"
    assert await here.outcome("remove_from_groups") == "done"


async def test_every_page_of_a_list_is_read(here: ConnectedCenter) -> None:
    here.aws.largest_page = 1
    here.center.deletions_take(0)
    assert len((await here.do("remove_account_assignments"))["removed_account_assignments"]) == 2
    assert len((await here.do("remove_from_groups", here.bo))["left_groups"]) == 2
