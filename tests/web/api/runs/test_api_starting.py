"""Finding a person, looking what a run would do, and starting it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx

from tests.web.api.running import PACKET, Leavers, planned, refused, start, until, wanted
from tests.web.conftest import Program


async def test_hr_finds_a_person_looks_ahead_and_starts_a_run(program: Program, leaver: Leavers) -> None:
    hr, person = await program("hr"), await leaver()
    found = (await hr.post("/people/search", json={"packet": PACKET, "text": person.given_name})).json()
    assert person.employee_number in [one["employee_number"] for one in found["people"]] and not found["more"]
    facts = (await hr.post("/people/lookup", json={"packet": PACKET, "wanted": person.email})).json()
    assert (facts["employee_number"], facts["time_zone"]) == (person.employee_number, "Europe/Berlin")

    looked = await hr.post("/previews", json=wanted(person, zone=None))
    assert looked.status_code == 200
    preview = looked.json()
    assert (preview["cutoff"], preview["zone"]) == ("2031-11-28T16:00:00Z", "Europe/Berlin")
    assert "disable_identity" in [step["name"] for step in preview["steps"]]
    limited = [step["reversible_for"] for step in preview["steps"] if step["reversible"] == "limited"]
    assert all(isinstance(seconds, int | float) for seconds in limited)
    assert {gate["gate"] for gate in preview["gates"]} >= {"access"}
    assert person.employee_number not in (await hr.get("/runs", params={"limit": 500})).text

    run_id = await start(hr, person, reason="Their last day.")
    run = await until(hr, run_id, planned)
    assert run["person"]["employee_number"] == person.employee_number
    assert (run["cutoff"], run["requested_by"], run["urgent"]) == ("2031-11-28T16:00:00Z", "hr", False)
    assert run["access_gone_within"] == 3600.0

    again = refused(await hr.post("/runs", json=wanted(person)), 409, "run_open")
    assert run_id in again["detail"]


async def test_the_cutoff_is_said_in_the_persons_zone_where_none_is_named(program: Program, leaver: Leavers) -> None:
    hr, person = await program("hr"), await leaver(time_zone="America/New_York")
    run = (await hr.get(f"/runs/{await start(hr, person, zone=None)}")).json()
    assert (run["zone"], run["cutoff"]) == ("America/New_York", "2031-11-28T22:00:00Z")


async def test_what_cannot_be_a_start_is_refused_with_a_remedy(program: Program, leaver: Leavers) -> None:
    hr, person = await program("hr"), await leaver()
    gap = refused(await hr.post("/runs", json=wanted(person, cutoff="2031-03-30T02:30")), 422, "cutoff_in_gap")
    assert gap["remedy"]
    refused(await hr.post("/runs", json=wanted(person, cutoff=None)), 422, "cutoff_missing")
    refused(await hr.post("/runs", json=wanted(person, zone="Mars/Phobos")), 422, "unknown_zone")
    refused(await hr.post("/runs", json=wanted(person, packet="nosuch")), 422, "unknown_packet")
    refused(await hr.post("/runs", json=wanted(person) | {"person": "E-0000"}), 422, "unknown_person")
    wrong = refused(await hr.post("/runs", json=wanted(person, surprise=1)), 422, "invalid_request")
    assert wrong["errors"] == [{"where": "body.surprise", "what": "Extra inputs are not permitted"}]
    refused(await hr.post("/runs", content=b"{"), 422, "invalid_request")


async def test_who_may_not_prepare_runs_learns_nothing_about_people(program: Program, leaver: Leavers) -> None:
    person = await leaver()
    for alias in ("auditor", "value-owner"):
        client = await program(alias)
        search = {"packet": PACKET, "text": person.given_name}
        refused(await client.post("/people/search", json=search), 403, "level_not_granted")
        lookup = {"packet": PACKET, "wanted": person.email}
        refused(await client.post("/people/lookup", json=lookup), 403, "level_not_granted")
        refused(await client.post("/previews", json=wanted(person)), 403, "level_not_granted")
        refused(await client.post("/runs", json=wanted(person)), 403, "level_not_granted")


async def test_an_urgent_start_takes_a_sign_in_of_the_last_minutes(program: Program, leaver: Leavers) -> None:
    hr, person = await program("hr"), await leaver()
    run_id = await start(hr, person, urgent=True, cutoff=None)
    run = (await hr.get(f"/runs/{run_id}")).json()
    assert run["urgent"] and run["local_cutoff"] is None


def shape(answer: httpx.Response) -> dict[str, str]:
    """The types of an answer's fields; the values of the ledger's change with the runs of other tests."""
    return {name: type(value).__name__ for name, value in answer.json().items()}


async def test_an_embargoed_run_exists_for_those_named_and_a_second_request_says_nothing(
    program: Program, leaver: Leavers
) -> None:
    hr, operator, auditor = [await program(alias) for alias in ("hr", "operator", "auditor")]
    person = await leaver()
    until_then = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    alone = {"until": until_then, "named": ["operator"]}
    lacking = refused(await hr.post("/runs", json=wanted(person, embargo=alone)), 422, "embargo_lacks_people")
    assert "gate" in lacking["detail"]
    everybody = {"until": until_then, "named": ["it", "finance", "operator", "safety-owner"]}
    before = shape(await auditor.get("/ledger"))
    run_id = await start(hr, person, embargo=everybody)
    assert (await operator.get(f"/runs/{run_id}")).status_code == 200
    hidden = refused(await auditor.get(f"/runs/{run_id}"), 404, "unknown_run")
    none = refused(await auditor.get("/runs/r0000000000000000"), 404, "unknown_run")
    assert hidden["detail"].replace(run_id, "X") == none["detail"].replace("r0000000000000000", "X")
    for path in ("/runs", "/inbox?mine=false", "/exceptions?standing=all", "/ledger/history"):
        assert run_id not in (await auditor.get(path)).text
    history = (await auditor.get("/ledger/history")).json()["events"]
    assert {event["position"] for event in history} == {None}, "gaps would reveal it"
    assert shape(await auditor.get("/ledger")) == before, "a number that became null would reveal it"
    for command in ("hold", "replan"):
        refused(await auditor.post(f"/runs/{run_id}/{command}", json={}), 404, "unknown_run")
    assert (await hr.get(f"/runs/{run_id}")).json()["embargo"]["named"] == sorted([*everybody["named"], "hr"])
    ended = await hr.post(f"/runs/{run_id}/embargo", json={"until": None})
    assert ended.status_code == 200
    assert (await auditor.get(f"/runs/{run_id}")).status_code == 200
    refused(await hr.post(f"/runs/{run_id}/embargo", json={"until": until_then}), 409, "embargo_over")


async def test_nothing_is_answered_without_a_valid_token(program: Program) -> None:
    client = await program("hr")
    for given in ("", "Bearer", "Bearer obt_0000000000000000_" + "a" * 43, "Basic aHI6aHI="):
        answer = await client.get("/runs", headers={"Authorization": given})
        refused(answer, 401, "token_needed")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_who_does_not_see_an_open_run_hears_that_their_request_was_received_and_nothing_else(
    program: Program, leaver: Leavers
) -> None:
    hr, operator, person = await program("hr"), await program("operator"), await leaver()
    named = {"until": (datetime.now(UTC) + timedelta(days=2)).isoformat(), "named": ["it", "finance", "safety-owner"]}
    run_id = await start(operator, person, embargo=named)
    answer = await hr.post("/runs", json=wanted(person, reason="They told me."))
    assert answer.status_code == 202 and answer.json().keys() == {"message"} and "location" not in answer.headers
    assert (await hr.post("/runs", json=wanted(person, reason="They told me."))).json() == answer.json()
    assert run_id not in (await hr.get("/runs", params={"limit": 500})).text
    asked = [x for x in (await operator.get(f"/runs/{run_id}")).json()["exceptions"] if x["kind"] == "second_request"]
    assert len(asked) == 1


async def test_a_request_that_goes_on_beyond_what_it_may_have_is_ended(program: Program) -> None:
    hr = await program("hr")

    async def endless() -> AsyncIterator[bytes]:
        yield b'{"person": "'
        for _ in range(40):
            yield b"x" * 65536

    for headers in ({}, {"Idempotency-Key": "a long one"}):
        answer = await hr.post("/runs", content=endless(), headers={"Content-Type": "application/json", **headers})
        refused(answer, 413, "too_large")


async def test_the_api_can_be_read_by_people_who_have_no_token(program: Program) -> None:
    hr = await program("hr")
    base = str(hr.base_url).removesuffix("/api/v1/")
    async with httpx.AsyncClient(base_url=base) as anybody:
        page = await anybody.get("/api")
        document = (await anybody.get("/api/v1/openapi.json")).json()
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    for path, operations in document["paths"].items():
        assert path in page.text
        assert all(operation["summary"] in html.unescape(page.text) for operation in operations.values())
    assert document["openapi"].startswith("3.1") and "http://" not in page.text.replace("http://www.w3.org", "")
    described = set(document["components"]["schemas"])
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert named <= described
