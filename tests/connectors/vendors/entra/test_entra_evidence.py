"""Entra: when an empty list of consents, direct reports, owned objects or eligible roles is done, with recorded
exchanges. `test_entra_against_the_simulator.py` has the same against a tenant that lies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.recordings import replay
from connectors.vendors.entra.connector import ENTRA
from tests.connectors.vendors.entra.test_entra import SETTINGS, effect, exchanges, look


@pytest.mark.parametrize(
    ("ability", "recording", "outcome", "proven_by"),
    [
        ("revoke_grants", "grants_gone", "done", "another_account"),
        ("revoke_grants", "grants_unproven", "unknown", ""),
        ("revoke_grants", "grants_still_listed", "unknown", ""),
        ("revoke_grants", "grants_none_anywhere", "done", "permission"),
        ("revoke_grants", "grants_none_anywhere_permission_lacking", "unknown", ""),
        ("revoke_grants", "grants_none_anywhere_permissions_hidden", "unknown", ""),
        ("hand_over_reports", "reports_gone", "done", "another_account"),
        ("hand_over_reports", "reports_unproven", "unknown", ""),
        ("hand_over_reports", "reports_none_anywhere", "done", "permission"),
        ("hand_over_ownership", "ownership_gone", "done", "this_account"),
        ("hand_over_ownership", "ownership_nothing_left", "done", "another_account"),
        ("hand_over_ownership", "ownership_unproven", "unknown", ""),
        ("hand_over_ownership", "ownership_none_anywhere", "done", "permission"),
    ],
)
def test_an_empty_list_is_done_only_with_evidence(ability: str, recording: str, outcome: str, proven_by: str) -> None:
    found = look(ability, recording)
    assert (found.outcome, found.evidence["list_proven_by"]) == (outcome, proven_by)


@pytest.mark.parametrize(
    ("ability", "recording", "replied"),
    [
        ("revoke_grants", "grants_gone", "revoked_grants"),
        ("hand_over_reports", "reports_gone", "reports"),
        ("hand_over_ownership", "ownership_nothing_left", "handed_over"),
    ],
)
def test_what_the_attempt_removed_from_the_list_proves_it(ability: str, recording: str, replied: str) -> None:
    """And no request is sent about other accounts."""
    act = ENTRA.acts.act(ability)
    assert act.look is not None
    asked = replace(effect(ability), replied={replied: [{"id": "1"}]})
    found = replay(act.look(SETTINGS, asked), exchanges(recording)[:2], ENTRA.dialect)
    assert (found.outcome, found.evidence["list_proven_by"]) == ("done", "this_account")


def test_a_tenant_without_eligible_roles_is_done_only_if_the_app_may_read_them() -> None:
    assert look("remove_directory_roles", "roles_gone").outcome == "done"
    hidden = look("remove_directory_roles", "roles_eligible_none_anywhere_permissions_hidden")
    assert (hidden.outcome, hidden.evidence["eligible_roles_shown"]) == ("unknown", False)
