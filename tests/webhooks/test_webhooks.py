"""Programs elsewhere are sent events of runs: signed, to listed hosts only, again until they take it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import standardwebhooks
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from orchestrator import commands
from orchestrator.domain.commands.replaying import Scope
from orchestrator.domain.errors import Refusal
from orchestrator.domain.events import run_stream
from orchestrator.domain.packet.packet import APPROVALS_FILE
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.embedded.company.certificate import write_certificate
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.ledger.engine.webhooks import Webhook, Webhooks
from orchestrator.notifications.hook_events import TYPES
from orchestrator.workflows.webhooks import delivery_id
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import FAR_FUTURE, ZONE, Installation, conninfo, open_kinds
from tests.integration.needles import Needles, words_of
from tests.integration.packets import quick_packet
from tests.webhooks.conftest import PUBLIC_URL
from tests.webhooks.receiver import ReceivedDelivery, Receiver, receiving


def hooks_of(here: Installation) -> Webhooks:
    return Webhooks(here.backend.database, here.backend.keyring, here.backend.ledger)


async def eventually(holds: Callable[[], bool], what: str, deadline: float = 120) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline
    while not holds():
        assert loop.time() < until, f"{what} did not come within {deadline:.0f} s"
        await asyncio.sleep(0.05)


async def hook_until(
    here: Installation, hook_id: str, holds: Callable[[Webhook], bool], what: str, deadline: float = 120
) -> Webhook:
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline
    while not holds(hook := await hooks_of(here).get(hook_id)):
        assert loop.time() < until, f"{what} did not come: {hook.last_status}"
        await asyncio.sleep(0.05)
    return hook


async def start_under_embargo(here: Installation, person: Employee, lasts: timedelta) -> tuple[str, int]:
    """The run, and where its first event is in the ledger."""
    until = await here.backend.ledger.now() + lasts
    done = await commands.start_run(
        here.services,
        here.actors["hr"],
        await here.facts(person),
        here.packet.name,
        parse_cutoff(FAR_FUTURE, ZONE),
        embargo=EmbargoTerms(until, ("hr", "it", "operator")),
    )
    assert isinstance(done, commands.Done)
    return done.run_id, (await here.backend.ledger.firsts([run_stream(done.run_id)]))[0].position


def told_of(receiver: Receiver, type_: str) -> list[ReceivedDelivery]:
    return [told for told in receiver.told if told.document["type"] == f"dev.offboard.{type_}"]


def verify(told: ReceivedDelivery, secret: str) -> None:
    """The specification's own library says whether it comes from us. Raises where it does not."""
    standardwebhooks.Webhook(secret).verify(told.body, told.headers)


async def test_webhooks_get_a_run_from_request_to_close(
    install: Install, hire: Hire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    [person] = await hire()
    needles = Needles(words_of([person]))
    async with install() as here:
        with receiving() as receiver:
            hook, secret = await hooks_of(here).add(
                f"{receiver.url}/in?tenant=seven", here.settings.webhook_hosts, "it"
            )
            run = await here.start(person)
            assert (await here.attend(run)).finish == "clean"
            await eventually(lambda: bool(told_of(receiver, "run.closed")), "the end of the run")
            await eventually(lambda: len(receiver.told) >= 5, "everything")
            assert {t.removeprefix("dev.offboard.") for t in receiver.types()} == {
                "run.requested",
                "run.planned",
                "gate.opened",
                "gate.decided",
                "run.closed",
            }
            for told in receiver.told:
                verify(told, secret)
                document = told.document
                assert told.path == "/in?tenant=seven"
                assert told.headers["content-type"].startswith("application/cloudevents+json")
                assert told.headers["webhook-id"] == document["id"] and run in document["id"]
                assert (document["specversion"], document["source"], document["subject"]) == ("1.0", PUBLIC_URL, run)
                assert document["datacontenttype"] == "application/json" and document["data"]["run_id"] == run
                assert abs(datetime.fromisoformat(document["time"]) - datetime.now(UTC)) < timedelta(minutes=2)
                assert needles.in_bytes(told.body) == [] and person.employee_number.encode() not in told.body
                for actor in here.actors.values():
                    assert actor.human is not None and actor.human.encode() not in told.body
            assert len({told.document["id"] for told in receiver.told}) == len(receiver.told)
            [gate] = told_of(receiver, "gate.opened")
            assert gate.document["data"]["gate"] == "all" and gate.document["data"]["roles"] == ["it_approver"]
            [closed] = told_of(receiver, "run.closed")
            assert closed.document["data"]["outcome"] == "clean"
            with pytest.raises(standardwebhooks.WebhookVerificationError):
                verify(ReceivedDelivery(gate.path, gate.headers, gate.body + b" ", gate.at), secret)
            await hook_until(here, hook.hook_id, lambda known: known.last_status == "204", "the status")
        hits, count = await needles.in_histories(here.engine.client, "WorkflowType = 'DeliverWebhook'")
        assert count >= 5 and hits == []
        said = "\n".join(
            record.getMessage() for record in caplog.records if record.name.startswith(("offboard", "httpx"))
        )
        assert "tenant=seven" not in said and secret not in said
    async with await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url)) as raw:
        stored = await (await raw.execute("SELECT sealed FROM access.webhooks")).fetchone()
        assert stored is not None and secret.removeprefix("whsec_").encode() not in bytes(stored[0])


CLOSE = b"""close:
  it_signs: {title: IT signs, decided_by: [it_approver], decide_within: P5D, valid_for: P30D}
exceptions:
"""


async def test_a_gate_of_the_close_is_sent_with_the_outcome_that_is_signed(install: Install, hire: Hire) -> None:
    files = quick_packet().files
    changed = {APPROVALS_FILE: files[APPROVALS_FILE].replace(b"exceptions:\n", CLOSE)}
    [person] = await hire()
    async with install(packet=parse_packet({**files, **changed})) as here:
        with receiving() as receiver:
            await hooks_of(here).add(f"{receiver.url}/in", here.settings.webhook_hosts, "it")
            run = await here.start(person)
            ended = await here.attend(run)
            await eventually(lambda: bool(told_of(receiver, "run.closed")), "the end of the run")
            await eventually(lambda: len(told_of(receiver, "gate.opened")) == 2, "both gates")
            opened = {told.document["data"]["gate"]: told.document["data"] for told in told_of(receiver, "gate.opened")}
    assert ended.finish == "clean"
    assert "close" not in opened["all"], "a gate about steps"
    assert (opened["it_signs"]["close"], opened["it_signs"]["steps"]) == ("clean", len(ended.plan.steps))


async def test_a_failing_webhook_is_sent_to_again_under_the_same_id(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with install() as here:
        with receiving() as receiver:
            receiver.answers = [500, 200]
            hook, secret = await hooks_of(here).add(receiver.url, ("127.0.0.1",), "it", types=["run.requested"])
            await here.start(person, cutoff=FAR_FUTURE)
            await hook_until(here, hook.hook_id, lambda known: known.last_status == "500", "the failure")
            await eventually(lambda: len(receiver.told) == 2, "another attempt")
            first, second = receiver.told
            assert first.headers["webhook-id"] == second.headers["webhook-id"] and first.body == second.body
            verify(second, secret)
            assert second.at - first.at >= 4
            known = await hook_until(here, hook.hook_id, lambda known: known.last_status == "200", "the success")
            assert known.given_up == 0 and known.disabled_at is None


async def test_only_subscribed_events_are_sent(install: Install, hire: Hire) -> None:
    [early, person] = await hire(2)
    async with install() as here:
        with receiving() as gates, receiving() as other_packets, receiving() as late:
            hooks = hooks_of(here)
            await here.start(early, cutoff=FAR_FUTURE)
            await hooks.add(gates.url, ("127.0.0.1",), "it", types=["gate"])
            await hooks.add(other_packets.url, ("127.0.0.1",), "it", packets=["another-packet"])
            run = await here.start(person)
            assert (await here.attend(run)).finish == "clean"
            disabled, _ = await hooks.add(late.url, ("127.0.0.1",), "it")
            await hooks.disable(disabled.hook_id)
            await eventually(lambda: len(told_of(gates, "gate.decided")) == 1, "the decision")
            assert {told.document["subject"] for told in told_of(gates, "gate.decided")} == {run}
            assert {t.split(".")[2] for t in gates.types()} == {"gate"}
            assert other_packets.told == [] and late.told == []
            with pytest.raises(Refusal, match="unknown_event_type"):
                await hooks.add(gates.url, ("127.0.0.1",), "it", types=["step.started"])


async def test_a_host_that_is_not_listed_is_refused_when_added_and_when_sent(install: Install, hire: Hire) -> None:
    [person] = await hire()
    with receiving() as receiver:
        async with install(hosts=("hooks.example.com",)) as here:
            with pytest.raises(Refusal, match="host_not_allowed"):
                await hooks_of(here).add(receiver.url, here.settings.webhook_hosts, "it")
            # The list was longer when it was added.
            hook, _ = await hooks_of(here).add(receiver.url, ("127.0.0.1",), "it", types=["run.requested"])
            await here.start(person, cutoff=FAR_FUTURE)
            known = await hook_until(here, hook.hook_id, lambda known: known.last_status is not None, "a status")
            assert (known.last_status, known.given_up) == ("host_not_allowed", 1)
        assert receiver.told == []


async def test_a_listed_name_that_leads_into_this_machine_is_not_followed(install: Install, hire: Hire) -> None:
    [person] = await hire()
    name = socket.gethostname().lower()  # a name of this machine, which leads to an address within
    try:
        socket.getaddrinfo(name, 443)
    except OSError:
        pytest.skip("this machine's own name leads nowhere")
    with receiving() as receiver:
        async with install(hosts=(name,)) as here:
            url = f"https://{name}:{receiver.url.rpartition(':')[2]}/"
            hook, _ = await hooks_of(here).add(url, here.settings.webhook_hosts, "it", types=["run.requested"])
            await here.start(person, cutoff=FAR_FUTURE)
            known = await hook_until(here, hook.hook_id, lambda known: known.last_status is not None, "a status")
            assert (known.last_status, known.given_up) == ("address_not_allowed", 1)
        assert receiver.told == []


async def test_a_redirect_is_not_followed(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with install() as here:
        with receiving() as receiver, receiving() as elsewhere:
            receiver.answers, receiver.location = [307], f"{elsewhere.url}/stolen"
            hook, _ = await hooks_of(here).add(receiver.url, ("127.0.0.1",), "it", types=["run.requested"])
            await here.start(person, cutoff=FAR_FUTURE)
            await hook_until(here, hook.hook_id, lambda known: known.last_status == "307", "the status")
            assert elsewhere.told == []


async def test_an_answer_is_not_read_to_its_end(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with install() as here:
        with receiving() as receiver:
            receiver.answers, receiver.body = [200], b"x" * (64 << 20)
            hook, _ = await hooks_of(here).add(receiver.url, ("127.0.0.1",), "it", types=["run.requested"])
            await here.start(person, cutoff=FAR_FUTURE)
            await hook_until(here, hook.hook_id, lambda known: known.last_status == "200", "the status", 8)


async def test_a_webhook_that_answers_gone_is_sent_nothing_more(install: Install, hire: Hire) -> None:
    [first, second] = await hire(2)
    async with install() as here:
        with receiving() as receiver:
            receiver.answers = [410]
            hook, _ = await hooks_of(here).add(receiver.url, ("127.0.0.1",), "it", types=["run.requested"])
            await here.start(first, cutoff=FAR_FUTURE)
            known = await hook_until(here, hook.hook_id, lambda known: known.disabled_at is not None, "the end")
            assert known.last_status == "410"
            with receiving() as other:
                await hooks_of(here).add(other.url, ("127.0.0.1",), "it", types=["run.requested"])
                await here.start(second, cutoff=FAR_FUTURE)
                await eventually(lambda: len(other.told) == 1, "the other webhook")
            assert len(receiver.told) == 1


async def test_both_secrets_hold_while_one_is_replaced(install: Install, hire: Hire) -> None:
    [first, second] = await hire(2)
    async with install() as here:
        with receiving() as receiver:
            hooks = hooks_of(here)
            hook, old = await hooks.add(receiver.url, ("127.0.0.1",), "it", types=["run.requested"])
            new = await hooks.replace_secret(hook.hook_id)
            assert old != new and new.startswith("whsec_")
            await here.start(first, cutoff=FAR_FUTURE)
            await eventually(lambda: len(receiver.told) == 1, "an event")
            verify(receiver.told[0], old)
            verify(receiver.told[0], new)
            await here.set_clock_ahead(timedelta(days=1, minutes=1).total_seconds())
            await here.start(second, cutoff=FAR_FUTURE)
            await eventually(lambda: len(receiver.told) == 2, "another event")
            verify(receiver.told[1], new)
            with pytest.raises(standardwebhooks.WebhookVerificationError):
                verify(receiver.told[1], old)


async def test_a_certificate_is_checked_against_the_name_and_not_the_address(
    install: Install, hire: Hire, tmp_path: Path
) -> None:
    authority, certificate = write_certificate(tmp_path)
    [first, second] = await hire(2)
    with receiving(certificate) as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        async with install(hosts=("localhost",), ca_file=str(authority)) as here:
            hook, _ = await hooks_of(here).add(url, here.settings.webhook_hosts, "it", types=["run.requested"])
            await here.start(first, cutoff=FAR_FUTURE)
            await hook_until(here, hook.hook_id, lambda known: known.last_status == "204", "the status")
            assert receiver.told[0].headers["host"] == url.removeprefix("https://")
        async with install(hosts=("localhost",), settings=here.settings) as here:
            await here.start(second, cutoff=FAR_FUTURE)
            await hook_until(
                here, hook.hook_id, lambda known: known.last_status == "certificate_refused", "the refusal"
            )
        assert len(receiver.told) == 1


async def test_what_happened_without_followers_is_reported_once(install: Install, hire: Hire) -> None:
    people = await hire(3)
    with receiving() as receiver:
        async with install(worker=False) as here:
            await hooks_of(here).add(receiver.url, ("127.0.0.1",), "it", types=["run.requested"])
            runs = [await here.start(person, cutoff=FAR_FUTURE) for person in people]
        async with install(settings=here.settings) as here:
            await eventually(lambda: len(receiver.told) == 3, "all of them")
            assert {told.document["subject"] for told in receiver.told} == set(runs)
        # Another process, which begins as if no one had noted how far it went.
        async with await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url), autocommit=True) as raw:
            await raw.execute("DELETE FROM engine.cursors WHERE name = 'webhooks'")
        async with install(settings=here.settings) as here:
            last = await here.start((await hire())[0], cutoff=FAR_FUTURE)
            await eventually(lambda: receiver.told[-1].document["subject"] == last, "the next one")
            assert len(receiver.told) == 4


async def test_a_run_under_embargo_is_sent_once_that_is_over(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with install() as here:
        with receiving() as receiver:
            hook, _ = await hooks_of(here).add(receiver.url, ("127.0.0.1",), "it", types=["run.requested"])
            until = await here.backend.ledger.now() + timedelta(seconds=6)
            run, position = await start_under_embargo(here, person, timedelta(seconds=6))
            # By the ledger's clock: on a busy machine the start itself takes seconds.
            while await here.backend.ledger.now() < until - timedelta(seconds=1):
                sent = [*receiver.told], (await hooks_of(here).get(hook.hook_id)).last_status
                if await here.backend.ledger.now() < until:
                    assert sent == ([], None)
                await asyncio.sleep(0.1)
            handle = here.engine.client.get_workflow_handle(delivery_id(hook.hook_id, position))
            with contextlib.suppress(RPCError):  # not started yet
                status = (await handle.describe()).status
                if await here.backend.ledger.now() < until:
                    assert status == WorkflowExecutionStatus.RUNNING
            await eventually(lambda: len(receiver.told) == 1, "the event")
            assert receiver.told[0].document["subject"] == run
            assert "embargo" not in receiver.told[0].body.decode()


async def test_replays_waivers_assignments_and_pauses_are_sent_without_people_and_texts(
    install: Install, hire: Hire, company: Company
) -> None:
    [person] = await hire()
    said = "A sentence that only Offboard may know"
    async with install() as here:
        with receiving() as receiver:
            await hooks_of(here).add(f"{receiver.url}/in", here.settings.webhook_hosts, "it")
            operator = here.actors["operator"]
            await company.break_("mail", "error_in_200", method="PATCH")
            run = await here.start(person)
            state = await here.attend(run, until=lambda state: "step_failed" in open_kinds(state))
            [failed] = [one.opened.exception_id for one in state.work.open_exceptions()]
            await commands.assign_exception(here.services, operator, run, failed, "operator", said)
            soon = await here.backend.ledger.now() + timedelta(seconds=5)
            await commands.waive_exception(here.services, operator, run, failed, soon, said, said)
            await commands.hold_run(here.services, operator, run, said, until=soon)
            await eventually(lambda: bool(told_of(receiver, "exception.reopened")), "the end of the waiver")
            await eventually(lambda: bool(told_of(receiver, "run.released")), "the end of the pause")
            await company.clear_faults("mail")
            await commands.retry_step(here.services, operator, run, "forward_mail")
            await here.attend(run)
            await commands.replay_run(here.services, operator, run, Scope(), said)
            await eventually(lambda: bool(told_of(receiver, "run.replay_requested")), "the replay")
        sent = {
            type_: told_of(receiver, type_)[0].document["data"]
            for type_ in ("exception.assigned", "exception.waived", "exception.reopened", "run.held")
        }
        until = soon.isoformat().replace("+00:00", "Z")
        assert sent["exception.assigned"] == {"run_id": run, "exception_id": failed, "assigned": True}
        assert sent["exception.waived"] == {"run_id": run, "exception_id": failed, "until": until}
        assert sent["exception.reopened"].keys() == {"run_id", "exception_id", "due"}
        assert sent["run.held"] == {"run_id": run, "until": until}
        [replay] = told_of(receiver, "run.replay_requested")
        assert replay.document["data"]["reopens"] is True and replay.document["data"]["repeated"] == 0
        assert not any(said.encode() in told.body for told in receiver.told)


def test_the_documentation_has_every_type() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert [type_ for type_ in TYPES if f"`{type_}`" not in documented] == []


def test_every_type_has_its_kind() -> None:
    assert {type_.partition(".")[0] for type_ in TYPES} == {"run", "gate", "exception"}
