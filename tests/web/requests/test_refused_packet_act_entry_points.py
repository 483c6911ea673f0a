"""What an account may not do with a packet version is recorded once, at each entry point, and shown in the packet's
history and in the version's record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator import commands
from orchestrator.domain.packet.history.packet_events import PacketActRefused, packet_stream
from orchestrator.domain.packet.packet_files import parse_packet, starter_names
from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.requests.entry_points import ENTRY_POINTS, SignedIn, SignInAs, packet_of, text_of

WHY = "The runbook names no team."


async def recorded(stack: Stack, name: str) -> list[PacketActRefused]:
    stream = packet_stream(name)
    page = await stack.services.runs.ledger.read({stream: 0})
    return [one.event for one in page.events[stream] if isinstance(one.event, PacketActRefused)]


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_what_is_refused_is_recorded_once(
    stack: Stack, sign_in: SignInAs, tmp_path: Path, entry_point: str
) -> None:
    first = packet_of(f"refused-{entry_point}", ("disable_identity",))
    name = first.name
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, first, actors["value-owner"], actors["safety-owner"])
    reworded = first.files["platform.yaml"].replace(b"Check the provider's status", b"Look at the provider's status")
    second = parse_packet({**first.files, "platform.yaml": reworded})
    await commands.adopt_packet(stack.services, actors["safety-owner"], second, starter_names())
    third = parse_packet({**first.files, "platform.yaml": reworded.replace(b"Look at", b"See")})
    at = f"/packets/{name}/versions/{second.version}"
    value, safety, auditor = await sign_in("value-owner"), await sign_in("safety-owner"), await sign_in("auditor")
    assert (await safety.api.post(f"{at}/objections", json={"reason": WHY})).status_code == 200
    assert await recorded(stack, name) == []

    async def sends(who: SignedIn, page: str, form: Any, path: str, body: Any, *typed: str) -> str:
        """What the entry point answers, after it has refused the request twice."""
        said = ""
        for _ in range(2):
            if entry_point == "page":
                answer = await who.page.submit(f"{at}/{page}", form)
                assert answer.status_code in (403, 409), text_of(answer)
                said = text_of(answer)
            elif entry_point == "api":
                answer = await who.api.post(path, json=body)
                assert answer.status_code in (403, 409), answer.text
                said = answer.text
            else:
                code, said = await who.typed("packet", *typed)
                assert code == 1, said
        return said

    sign = ("sign", {"phase": "production"}, f"{at}/signatures", {"phase": "production"}, "sign", name)
    assert "your roles" in await sends(auditor, *sign, "--phase", "production")
    move = ("move", {"phase": "production"}, f"{at}/moves", {"phase": "production"}, "move", name, "production")
    assert "objects to it" in await sends(safety, *move)
    objecting = ("object", {"reason": WHY}, f"{at}/objections", {"reason": WHY}, "object", name, "--reason", WHY)
    await sends(auditor, *objecting)
    withdrawal = f"{at}/objections/objection-1/withdrawal"
    form = {"objection": "objection-1"}
    await sends(value, "withdraw-objection", form, withdrawal, None, "object", name, "--withdraw", "objection-1")
    folder = tmp_path / name
    folder.mkdir()
    for file, text in third.files.items():
        (folder / file).write_bytes(text)
    files = {file.removesuffix(".yaml"): text.decode() for file, text in third.files.items()}
    adopting = ("edit", {"act": "adopt"}, "/packets", files, "sign", str(folder))
    # The page has only the files of the owner, so that it refuses an account that owns none of them.
    await sends(auditor if entry_point == "page" else value, *adopting)

    found = await recorded(stack, name)
    assert [(one.act, one.by, one.phase, one.refusal) for one in found[:4]] == [
        ("sign", "auditor", "production", "not_an_owner"),
        ("move", "safety-owner", "production", "objection_open"),
        ("object", "auditor", None, "not_an_owner"),
        ("withdraw", "value-owner", None, "not_your_objection"),
    ]
    assert {(one.version, one.account_kind) for one in found[:4]} == {(second.version, "person")}
    assert all(one.human == actors[one.by].human for one in found)
    [adoption] = found[4:]
    if entry_point == "page":
        assert (adoption.act, adoption.by, adoption.refusal) == ("adopt", "auditor", "not_an_owner")
    else:
        expected = ("adopt", "value-owner", "file_of_other_owner", third.version)
        assert (adoption.act, adoption.by, adoption.refusal, adoption.version) == expected

    sentence = "Signature for production refused: the account does not have the role of an owner."
    if entry_point == "page":
        for part in (f"{at}/record", f"{at}?part=owners"):
            assert sentence in text_of(await auditor.page.get(part))
        assert "Adoption refused" in text_of(await auditor.page.get(f"{at}?part=owners"))
    elif entry_point == "api":
        record = (await auditor.api.get(f"{at}/record")).json()
        assert [(one["act"], one["by"], one["code"]) for one in record["refused"]] == [
            (one.act, one.by, one.refusal) for one in found[:4]
        ]
        history = (await auditor.api.get(at)).json()["history"]
        assert [one["act"] for one in history if one["what"] == "refused"] == [one.act for one in found]
    else:
        code, said = await auditor.typed("packet", "record", name)
        assert code == 0 and f"auditor: {sentence}" in said
    # Nothing else has changed: the owner of the objection withdraws it, and the version goes on.
    assert (await safety.api.post(withdrawal)).status_code == 200
    for path, body in ((f"{at}/signatures", {"phase": "production"}), (f"{at}/moves", {"phase": "production"})):
        assert (await safety.api.post(path, json=body)).status_code == 200
