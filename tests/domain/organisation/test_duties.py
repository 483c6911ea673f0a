"""What a leaver holds in Offboard itself, and who has it after the cutoff."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.documents.runs.previews.duties import duty_document
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.duties import duties_of
from tests.domain.organisation.test_services import ADA, FEED, feed, owners, seen
from tests.domain.organisations import organisation_of
from tests.domain.run_world import ANNA, BEN, MONDAY, OLE, PERSON_ID, SAM, actor, packet

ADAS_OTHER = actor("ada-2", "approver", human=PERSON_ID)


def held(*events: Event, departed: tuple[str, ...] = ()) -> dict[tuple[str, str], tuple[tuple[str, ...], bool]]:
    people = organisation_of([*seen(ADA, ADAS_OTHER, ANNA, BEN, OLE), *events])
    found = duties_of(PERSON_ID, people, [packet()], departed, MONDAY)
    return {(duty.kind, duty.name): (duty.passes_to, duty.missing) for duty in found}


def delegated(by: str, to: str, until: datetime = MONDAY + timedelta(days=9)) -> Event:
    return e.DecisionsDelegated(delegation_id=f"{by}-{to}", by=by, to=to, since=MONDAY, until=until)


def test_the_roles_of_all_accounts_of_the_leaver_are_listed_with_who_else_has_them() -> None:
    assert held() == {
        ("role", "approver"): (("anna", "ben"), False),
        ("role", "safety_owner"): ((), True),
        ("packet_owner", "leaver"): ((), True),
    }
    assert held(*seen(SAM))["role", "safety_owner"] == (("sam",), False)
    assert held(*seen(SAM), departed=("h-sam",))["role", "safety_owner"] == ((), True)
    assert held(departed=("h-anna",))["role", "approver"] == (("ben",), False)


def test_delegations_end_and_the_delegator_has_to_choose_again() -> None:
    found = held(delegated("ada", "anna"), delegated("ole", "ada-2"), delegated("ben", "ada", MONDAY))
    assert found["delegate", "anna"] == ((), False)
    assert found["delegator", "ole"] == ((), True)
    assert ("delegator", "ben") not in found, "it is over"


def test_services_pass_on_assistants_end_and_webhooks_go_on() -> None:
    helper = actor("s_helper", kind="assistant")
    made = e.TokenMade(token_id="helper", actor_id="s_helper", up_to="read", by="ada", human=PERSON_ID)
    hook = e.WebhookAdded(hook_id="w1", by="ada", human=PERSON_ID)
    found = held(*feed(), *seen(helper), made, hook)
    assert found["service", FEED] == ((), True)
    assert found["assistant", "s_helper"] == ((), False)
    assert found["webhook", "w1"] == ((), True)
    again = held(*feed(), owners(ADA, OLE), hook, *seen(SAM), e.WebhookDisabled(hook_id="w1", by="sam"))
    assert again["service", FEED] == (("ole",), False) and ("webhook", "w1") not in again


def test_a_person_without_an_account_here_has_no_duties() -> None:
    assert duties_of("p-other", organisation_of(seen(ADA, ANNA)), [packet()], (), MONDAY) == ()


def test_each_duty_says_who_takes_it_over() -> None:
    people = organisation_of([*seen(ADA, ADAS_OTHER, ANNA, BEN), *feed(), delegated("ada", "anna")])
    shown = [duty_document(duty, 3 if duty.missing else 0) for duty in duties_of(PERSON_ID, people, [], (), MONDAY)]
    assert [one.message for one in shown] == [
        "Role approver: anna and ben also have it.",
        "Role safety owner: no other person has it. 3 open items wait for it. Give it to another person, who "
        "then signs in, before the cutoff.",
        "Delegation to anna: it ends at the cutoff.",
        f"Service {FEED}: no other person answers for it, and its token ends at the cutoff.",
    ]
