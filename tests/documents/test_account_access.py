"""What an account can do, from the run's snapshot of it: privileged groups first, amounts, and how much of the rest."""

from __future__ import annotations

from orchestrator.documents.runs.account_access import MAX_VALUES, access_of
from tests.domain.run_world import AttemptResult, Story, packet

PACKET = packet(platform=("token: env:CODE_TOKEN}", "token: env:CODE_TOKEN, privileged: 'Global-Admins, owners'}"))
READ = {
    "active": True, "admin": True, "note": "text", "limit_cents": 250050,
    "groups": [{"id": "g1", "name": "everyone"}, {"id": "g2", "name": "global-admins"}, {"id": "g3"}],
    "roles": ["reader"], "entitlements": [], "sessions": [{"id": "s1"}, {"id": "s2"}],
    "tokens": [{"name": f"t{number}"} for number in range(MAX_VALUES + 5)],
}  # fmt: skip


def shown(read: object) -> dict[str, object]:
    run = Story(PACKET, ready=False)
    run.search()
    run.attempt("look", AttemptResult(read="done", detail={"read_back": read}))
    [one] = access_of(run.state, run.world.pinned, [run.state.plan.steps[run.id("disable")]])
    assert (one["system"], one["label"]) == ("code", "ada")
    return {fact["name"]: fact for fact in one["facts"]}


def test_privileged_access_comes_first_then_amounts_then_the_rest() -> None:
    facts = shown(READ)
    assert list(facts)[:3] == ["admin", "groups", "limit"]
    assert set(facts) == {"admin", "groups", "limit", "roles", "sessions", "tokens"}
    groups = facts["groups"]
    assert (groups["values"], groups["count"]) == (["global-admins", "everyone"], 3)  # type: ignore[index]
    assert groups["privileged_values"] == ["global-admins"]  # type: ignore[index]
    assert facts["limit"]["amount"] == "2500.50"  # type: ignore[index]
    assert (facts["sessions"]["values"], facts["sessions"]["count"]) == ([], 2)  # type: ignore[index]
    assert len(facts["tokens"]["values"]) == MAX_VALUES and facts["tokens"]["count"] == MAX_VALUES + 5  # type: ignore[index]


def test_groups_that_the_system_marks_are_privileged() -> None:
    groups = [{"name": "staff", "privileged": False}, {"name": "Domain Admins", "privileged": True}]
    facts = shown({"nested_groups": groups})
    assert facts["nested_groups"]["privileged"] is True  # type: ignore[index]
    assert facts["nested_groups"]["privileged_values"] == ["Domain Admins"]  # type: ignore[index]


def test_owned_objects_that_are_counted_by_place_are_added_up() -> None:
    facts = shown({"owned_objects": {"sales": 3, "(server)": 1}, "two_step_verification": {"enrolled": True}})
    assert set(facts) == {"owned_objects"}
    assert facts["owned_objects"]["count"] == 4  # type: ignore[index]
    assert facts["owned_objects"]["values"] == ["sales: 3", "(server): 1"]  # type: ignore[index]


def test_odd_snapshots_show_nothing() -> None:
    assert shown({"groups": [None, 7, {"name": 3}], "admin": "yes", "x_cents": True, "amount_cents": "12"}) == {
        "groups": {
            "name": "groups",
            "values": [],
            "count": 3,
            "amount": None,
            "privileged": False,
            "privileged_values": [],
        }
    }


def test_steps_of_other_accounts_and_runs_without_a_snapshot_show_nothing() -> None:
    run = Story(PACKET, ready=False)
    run.search()
    assert access_of(run.state, run.world.pinned, run.state.plan.steps.values()) == []
