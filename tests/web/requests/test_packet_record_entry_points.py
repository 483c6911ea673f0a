"""The record of a packet version at each entry point: who signed what, when, on which changes, and objections."""

from __future__ import annotations

import json

import pytest

from orchestrator import commands
from orchestrator.domain.packet.history.packet_events import packet_stream
from orchestrator.domain.packet.packet_files import parse_packet, starter_names
from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.requests.entry_points import ENTRY_POINTS, SignedIn, SignInAs, packet_of, text_of

WHY = "The runbook names no team."
SENTENCE = "runbook"


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_a_record_says_who_signed_which_changes(stack: Stack, sign_in: SignInAs, entry_point: str) -> None:
    first = packet_of(f"recorded-{entry_point}", ("disable_identity",))
    name = first.name
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, first, actors["value-owner"], actors["safety-owner"])
    reworded = first.files["platform.yaml"].replace(b"Check the provider's status", b"Look at the provider's status")
    second = parse_packet({**first.files, "platform.yaml": reworded})
    await commands.adopt_packet(stack.services, actors["safety-owner"], second, starter_names())
    at = f"/packets/{name}/versions/{second.version}"
    value, safety, auditor = await sign_in("value-owner"), await sign_in("safety-owner"), await sign_in("auditor")
    assert (await value.api.post(f"{at}/objections", json={"reason": WHY})).status_code == 200
    assert (await safety.api.post(f"{at}/signatures", json={"phase": "production"})).status_code == 200
    assert (await value.api.post(f"{at}/objections/objection-1/withdrawal")).status_code == 200
    moved = await safety.api.post(f"{at}/moves", json={"phase": "production", "reason": "The text was wrong."})
    assert moved.status_code == 200, moved.text

    if entry_point == "page":
        shown = text_of(await auditor.page.get(f"{at}/record"))
        assert "Signed for production as safety owner" in shown and "The text was wrong." in shown
        assert WHY in shown and "Withdrawn" in shown and f"Changes from version {first.version[:12]}" in shown
        assert SENTENCE in shown
        linked = (await auditor.page.get(f"{at}?part=owners")).text
        assert f'href="{at}/record"' in linked
        return
    if entry_point == "api":
        answer = await auditor.api.get(f"{at}/record")
        assert answer.status_code == 200, answer.text
        found = answer.json()
    else:
        code, said = await auditor.typed("packet", "record", name)
        assert (
            code == 0
            and f"signed it for production as safety owner, compared with version {first.version[:12]}" in said
        )
        assert f"value-owner objected (withdrawn): {WHY}" in said and SENTENCE in said
        await _refuses_beginnings_that_are_too_short(safety, name, second.version)
        code, said = await auditor.typed("packet", "record", name, "--json")
        assert code == 0
        found = json.loads(said)
    stream = packet_stream(name)
    recorded = (await stack.services.runs.ledger.read({stream: 0})).events[stream]
    places = {type(one.event).__name__: one.position for one in recorded}
    assert (found["version"], found["phase"]) == (second.version, "production")
    assert [one["by"] for one in found["adopted"]] == ["safety-owner"]
    [signature] = found["signatures"]
    assert (signature["by"], signature["owner"], signature["phase"]) == ("safety-owner", "safety", "production")
    # At the time of the signature the first version was in production; now it is not any more.
    assert (signature["compared_with"], signature["position"]) == (first.version, places["PacketSigned"])
    move = next(one for one in found["moves"] if one["phase"] == "production")
    assert (move["by"], move["reason"], move["compared_with"]) == ("safety-owner", "The text was wrong.", first.version)
    [objection] = found["objections"]
    assert (objection["by"], objection["reason"], objection["state"]) == ("value-owner", WHY, "withdrawn")
    [compared] = found["changes"]
    assert (compared["before"], compared["after"]) == (first.version, second.version)
    assert [change["kind"] for change in compared["changes"]] == ["wording"]


async def _refuses_beginnings_that_are_too_short(owner: SignedIn, name: str, version: str) -> None:
    """As pages and API do: they can fit several versions, and a command would change another one than was meant."""
    for beginning in ("", version[:1], version[:7]):
        for words in (
            ("record", name),
            ("sign", name),
            ("object", name, "--reason", WHY),
            ("move", name, "retired"),
            ("shadow", name),
        ):
            code, said = await owner.typed("packet", *words, "--version", beginning)
            assert code == 1 and f"has no version '{beginning}'" in said, (words, said)
