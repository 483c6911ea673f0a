"""`read` is granted by system: what an actor reads of a run with two systems beside HR."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.documents.runs.previews.preview import preview
from orchestrator.domain import events as e
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.run_projection import RunProjection
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.status import run_status
from tests.domain.run_world import EVENING, OLE, PERSON, REFUSED, AttemptResult, Story, account, actor, packet

ADA = PERSON.model_copy(update={"email": "ada@mail.example", "title": "Counsel", "time_zone": "Europe/Berlin"})
LEVELS = """levels:
  - {who: cards_reader, systems: [cards], up_to: read}
  - {who: cards_reader, kind: service, systems: [cards], up_to: read}
  - {who: hr_reader, systems: [hr], up_to: read}
  - {who: reader, systems: [hr, code, cards], up_to: read}
"""
PACKET = packet(platform=("levels:\n", LEVELS))
BOT = Actor(actor_id="card-bot", kind="service", roles=frozenset({"cards_reader"}))
OF_CARDS = ("holder-of-card", "proof of cards", "why cards")
OF_CODE = ("login-of-code", "proof of code", "why code", "refused_by_code", "why no code")
OF_RECORD = (
    "ada@mail.example", "Counsel", "Sales", "why ada leaves", "why paused", "a matter", "the matter is closed",
    "why asked again", "another matter",
)  # fmt: skip
FOR_ALL = ("Ada Lovelace", "E-1", "Europe/Berlin")


@pytest.fixture(scope="module")
def run() -> Story:
    """Each system, the run itself and HR's facts leave texts of their own."""
    run = Story(PACKET, person=ADA, reason="why ada leaves", ready=False)
    run.finds = {
        "code": [account("code", label="login-of-code")],
        "cards": [account("cards", label="holder-of-card")],
    }
    run.search()
    run.approve_all()
    run.complete("hand_over")
    run.attempt("look", AttemptResult(read="done", detail={"read_back": {"groups": ["group-of-code"]}}))
    run.at(EVENING)
    run.search()
    run.attempt("disable", AttemptResult(read="done", detail={"shown": "proof of code"}))
    run.attempt("freeze", AttemptResult(read="done", detail={"shown": "proof of cards"}))
    run.attempt("sessions", AttemptResult("refused", "no", "refused_by_code"))
    run.attempt("pay", REFUSED)
    run.append([e.StepRetryOrdered(step_id=run.id("sessions"), generation=2, by="ole", reason="why code")])
    run.append([e.StepRetryOrdered(step_id=run.id("pay"), generation=2, by="ole", reason="why cards")])
    run.append([e.RunHeld(by="ole", reason="why paused")])
    run.append([e.LegalHoldPlaced(hold_id="hold-1", by="lex", reason="a matter")])
    run.append([e.LegalHoldLifted(hold_id="hold-1", by="luz", reason="the matter is closed")])
    run.append(
        [
            e.SecondRequestReceived(
                by="hr",
                packet="leaver",
                cutoff=EVENING,
                zone="UTC",
                local_cutoff="",
                reason="why asked again",
                legal_hold="another matter",
            )
        ]
    )
    seen = e.SystemSearched(system="code", purpose="plan", outcome="none")
    run.append([e.MatchSettledBeforehand(seen=seen, accounts=(), by="hr", reason="why no code")])
    return run


def read_by(run: Story, who: Actor) -> tuple[RunState, list[e.Event], str]:
    """The state and the events as the actor reads them, and both as one text."""
    happened = [event for event, _ in run.log]
    projection = RunProjection.of(run.state, who, run.world, happened)
    state, shown = projection.state(), [projection.event(event) for event in happened]
    return state, shown, json.dumps([event.model_dump(mode="json") for event in shown]) + repr(state)


def test_an_actor_reads_the_systems_that_are_granted_and_no_others(run: Story) -> None:
    text = read_by(run, BOT)[2]
    assert [word for word in (*OF_CARDS, *FOR_ALL) if word not in text] == []
    assert [word for word in (*OF_CODE, *OF_RECORD) if word in text] == []


def test_what_a_snapshot_recorded_is_for_those_who_read_its_system(run: Story) -> None:
    def recorded(state: RunState) -> object:
        return state.work.steps[run.id("look")].recorded

    assert recorded(run.state) == {"groups": ["group-of-code"]}
    assert recorded(read_by(run, BOT)[0]) is None
    assert recorded(read_by(run, actor("rita", "reader"))[0]) == {"groups": ["group-of-code"]}


def test_hr_facts_and_texts_of_no_system_need_read_on_the_hr_system(run: Story) -> None:
    text = read_by(run, actor("hannah", "hr_reader"))[2]
    assert [word for word in (*OF_RECORD, *FOR_ALL) if word not in text] == []
    assert [word for word in (*OF_CARDS, *OF_CODE) if word in text] == []


@pytest.mark.parametrize("who", [OLE, actor("rita", "reader")])
def test_an_actor_who_reads_every_system_reads_the_run_unchanged(run: Story, who: Actor) -> None:
    state, shown, _ = read_by(run, who)
    assert state is run.state
    assert all(one is event for one, (event, _) in zip(shown, run.log, strict=True))


def test_a_mail_address_of_hr_is_hidden_on_every_system() -> None:
    """Systems keep it as well."""
    run = Story(PACKET, person=ADA, ready=False)
    run.finds["cards"] = [account("cards", label="ADA@mail.example")]
    run.search()
    run.approve_all()
    text = read_by(run, BOT)[2].casefold()
    assert "ada@mail.example" not in text and "a-cards-ada" in text
    assert "ada@mail.example" in read_by(run, OLE)[2].casefold()


def test_what_is_hidden_keeps_its_state(run: Story) -> None:
    state, shown, _ = read_by(run, BOT)
    whole = run.state
    assert run_status(state) == run_status(whole)
    assert {id_: known.status for id_, known in state.work.steps.items()} == {
        id_: known.status for id_, known in whole.work.steps.items()
    }
    assert state.plan == whole.plan and state.accounts.searches.keys() == whole.accounts.searches.keys()
    assert state.accounts.planned_on["code"].outcome == "matched"
    assert state.accounts.planned_on["code"].matched_on == ""
    assert state.accounts.planned_on["cards"] == whole.accounts.planned_on["cards"]
    assert [event.type_name() for event in shown] == [event.type_name() for event, _ in run.log]
    refolded = RunState()
    for event, (_, at) in zip(shown, run.log, strict=True):
        refolded = fold(refolded, event, at)
    assert refolded == state


def test_candidates_of_a_question_need_read_on_its_system() -> None:
    run = Story(PACKET, ready=False)
    run.finds["code"] = [account("code", "ada"), account("code", "ada-2")]
    run.search()
    state, _, text = read_by(run, BOT)
    assert state.accounts.planned_on["code"].candidates == () and "a-code-ada-2" not in text
    question = next(known.opened for known in state.work.exceptions.values())
    assert question.kind == "ambiguous_match" and question.system == "code"
    owner = RunProjection.of(run.state, actor("olga", "operator"), run.world)
    assert owner.state().accounts.planned_on["code"].candidates == run.state.accounts.planned_on["code"].candidates


def test_a_person_reads_the_system_of_what_waits_for_a_role_of_theirs() -> None:
    """Only while it waits, and only people: programs have what is granted to them."""
    changed = packet(platform=("  - {who: operator, up_to: change}\n", ""))
    run = Story(changed, ready=False)
    run.finds["code"] = [account("code", "ada"), account("code", "ada-2")]
    run.search()
    assert RunProjection.of(run.state, OLE, run.world).reads("code")
    assert not RunProjection.of(run.state, OLE, run.world).reads("cards")
    assert not RunProjection.of(run.state, OLE, run.world).record
    program = OLE.model_copy(update={"kind": "service", "human": None})
    assert not RunProjection.of(run.state, program, run.world).reads("code")
    run.append([e.MatchSettled(system="code", accounts=("a-code-ada",), by="ole")])
    assert not RunProjection.of(run.state, OLE, run.world).reads("code")


def test_a_steps_system_is_known_from_an_earlier_plan(run: Story) -> None:
    """A step that today's plan does not have is still one of its system."""
    left = run.state.plan.steps[run.id("freeze")]
    rest = {id_: step for id_, step in run.state.plan.steps.items() if id_ != left.step_id}
    state = fold(run.state, e.RunReleased(by="ole"), run.now)
    state = replace(state, plan=replace(state.plan, steps=rest))
    projection = RunProjection.of(state, BOT, run.world, [event for event, _ in run.log])
    evidence = next(event for event in run.events(e.StepVerified) if event.step_id == left.step_id)
    assert projection.event(evidence) is evidence


def test_a_preview_shows_what_its_asker_would_read_in_the_run() -> None:
    run = Story(PACKET, person=ADA, ready=False)
    run.finds = {"code": None, "cards": [account("cards", label="holder-of-card")]}
    run.search()
    searched = [search.result for search in run.state.accounts.searches.values()]
    troubles = {"code": "connection to forge.internal refused"}

    def shown(asker: Actor) -> str:
        return preview(run.state, PACKET, searched, troubles, asker, run.world, {}).model_dump_json()

    assert "holder-of-card" in shown(BOT) and "ada@mail.example" not in shown(BOT) and "forge" not in shown(BOT)
    whole = shown(OLE)
    assert all(text in whole for text in ("holder-of-card", "ada@mail.example", "forge.internal"))


def test_what_a_comparison_found_on_a_system_needs_read_on_it() -> None:
    run = Story(PACKET, phase="shadow", person=ADA)
    for name, system in (("disable", "code"), ("freeze", "cards")):
        step, code, shown = run.planned(name), f"refused_by_{system}", {"shown": f"proof of {system}"}
        about = {"step_id": step.step_id, "digest": step.digest, "read": "day", "outcome": "unknown"}
        found = {"change_id": f"c-{system}", "account_id": f"second-on-{system}", "what": "account_gone", "read": "day"}
        judged = {"about": step.step_id, "digest": step.digest, "verdict": "plan_wrong", "by": "ole"}
        run.append([e.StepCompared.model_validate({**about, "code": code, "evidence": shown})])
        run.append(
            [e.ChangeFound.model_validate({**found, "system": system, "details": {"label": f"user of {system}"}})]
        )
        run.append([e.DifferenceJudged.model_validate({**judged, "system": system, "reason": f"why {system}"})])
    texts = ("refused_by_{}", "proof of {}", "second-on-{}", "user of {}", "why {}")
    text = read_by(run, BOT)[2]
    assert [word for one in texts if (word := one.format("cards")) not in text] == []
    assert [word for one in texts if (word := one.format("code")) in text] == []
    whole = read_by(run, actor("rita", "reader"))[2]
    assert [word for one in texts for system in ("code", "cards") if (word := one.format(system)) not in whole] == []
