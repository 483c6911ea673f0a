"""At each entry point: a version whose systems lack support does not enter phase shadow, and what is missing is said.
Each entry point also shows the support of a system, and that of an exception on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import commands
from orchestrator.domain.packet.packet_files import parse_packet, starter_names
from orchestrator.embedded.stack import Stack
from tests.web.api.running import refused
from tests.web.requests.entry_points import ENTRY_POINTS, SignInAs, packet_of, text_of

LACKS = "system 'identity' has no support hours and no on-call contact"


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_a_version_enters_shadow_once_its_systems_have_support(
    stack: Stack, sign_in: SignInAs, tmp_path: Path, entry_point: str
) -> None:
    whole = packet_of(f"supported-{entry_point}", ("disable_identity",))
    platform = whole.files["platform.yaml"].decode()
    bare = platform
    for line in ("      hours: 24/7\n", "      on_call: identity-on-call@example.org\n"):
        assert line in bare
        bare = bare.replace(line, "")
    packet = parse_packet({**whole.files, "platform.yaml": bare.encode()})
    actors = (await stack.services.runs.organisation()).actors
    value, safety = await sign_in("value-owner"), await sign_in("safety-owner")
    await commands.adopt_packet(stack.services, actors["value-owner"], packet, starter_names())
    at = f"/packets/{packet.name}/versions/{packet.version}"
    for owner in (value, safety):
        assert (await owner.api.post(f"{at}/signatures", json={})).status_code == 200

    notices = [one["message"] for one in (await value.api.get(at)).json()["notices"]]
    assert any("the system 'identity' has no support hours and no on-call contact" in one for one in notices)
    assert "no support hours and no on-call contact" in text_of(await value.page.get(at))
    folder = tmp_path / packet.name
    folder.mkdir()
    for name, text in packet.files.items():
        (folder / name).write_bytes(text)
    _, checked = await value.typed("packet", "check", str(folder))
    assert "no support hours and no on-call contact" in checked, checked

    if entry_point == "page":
        answer = await safety.page.submit(f"{at}/move", {"phase": "shadow"})
        assert answer.status_code == 409 and LACKS in text_of(answer)
    elif entry_point == "api":
        problem = refused(await safety.api.post(f"{at}/moves", json={"phase": "shadow"}), 409, "support_missing")
        assert LACKS in problem["detail"] and "under `support`" in problem["remedy"]
    else:
        code, said = await safety.typed("packet", "move", packet.name, "shadow", "--version", packet.version)
        assert code == 1 and LACKS in said, said
    assert (await value.api.get(at)).json()["phase"] == "draft"
    recorded = (await value.api.get(f"{at}/record")).json()["refused"]
    assert [one["code"] for one in recorded] == ["support_missing"]

    await commands.adopt_packet(stack.services, actors["safety-owner"], whole, starter_names())
    at = f"/packets/{whole.name}/versions/{whole.version}"
    for owner in (value, safety):
        assert (await owner.api.post(f"{at}/signatures", json={})).status_code == 200
    assert (await safety.api.post(f"{at}/moves", json={"phase": "shadow"})).status_code == 200

    shown = (await value.api.get(at)).json()["meaning"]["systems"]
    [identity] = [one for one in shown if one["name"] == "identity"]
    assert identity["support"] == "Identity team"
    assert identity["support_details"] == {
        "team": "Identity team",
        "role": None,
        "hours": "24/7",
        "on_call": "identity-on-call@example.org",
        "escalation": "it-duty-manager@example.org",
        "runbook_url": "https://wiki.example.org/offboard/identity",
    }
    listed = (await safety.api.get("/systems", params={"packet": whole.name})).json()["systems"]
    [identity] = [one for one in listed if one["system"] == "identity"]
    assert identity["support_details"]["contact_now"] == "Identity team", "a team that works around the clock"
    page = text_of(await safety.page.get("/systems"))
    assert "identity-on-call@example.org" in page and "https://wiki.example.org/offboard/identity" in page
    _, said = await safety.typed("systems", "--packet", whole.name)
    assert "escalation it-duty-manager@example.org" in said, said
