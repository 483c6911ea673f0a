"""Each owner changes their own file alone, at each entry point: what is wording or stricter needs their signature only,
what is laxer needs both, and the other owner's file is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import refused
from tests.web.requests.entry_points import SignInAs, packet_of, text_of

STEPS = ("disable_identity",)
Swap = tuple[str, str, str]
RUNBOOK: Swap = ("platform.yaml", "runbook: ", "runbook: First ask the identity team. ")
SLOWER: Swap = ("workflow.yaml", "access_gone_within: PT1H", "access_gone_within: PT2H")


def changed(packet: Packet, *swaps: Swap) -> Packet:
    files = dict(packet.files)
    for file, old, new in swaps:
        assert old.encode() in files[file], old
        files[file] = files[file].replace(old.encode(), new.encode(), 1)
    return parse_packet(files)


def texts(packet: Packet) -> dict[str, str]:
    return {name.removesuffix(".yaml"): text.decode() for name, text in packet.files.items()}


def in_folder(packet: Packet, folder: Path) -> str:
    folder.mkdir()
    for name, text in packet.files.items():
        (folder / name).write_bytes(text)
    return str(folder)


async def version(client: httpx.AsyncClient, packet: Packet) -> Any:
    versions = (await client.get(f"/packets/{packet.name}")).json()["versions"]
    return next(one for one in versions if one["version"] == packet.version)


async def test_each_owner_changes_their_own_file(stack: Stack, sign_in: SignInAs, tmp_path: Path) -> None:
    packet = packet_of("own-file", STEPS)
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    value, safety = await sign_in("value-owner"), await sign_in("safety-owner")

    runbook = changed(packet, RUNBOOK)
    said = refused(await value.api.post("/packets", json=texts(runbook)), 403, "file_of_other_owner")
    assert said["detail"].startswith("platform.yaml differs from the version in production, and only a safety owner")
    code, shown = await value.typed("packet", "sign", in_folder(runbook, tmp_path / "taken"))
    assert code == 1 and "only a safety owner can change it" in shown, shown

    assert (await safety.api.post("/packets", json=texts(runbook))).status_code == 201
    assert (await version(value.api, runbook))["required"] == {"owners": ["safety"], "direct": True}
    at = f"/packets/own-file/versions/{runbook.version}"
    assert f"{at}?part=owners" in (await safety.page.get("/")).text
    assert f"{at}?part=owners" not in (await value.page.get("/")).text, "it waits for its owner only"
    page = text_of(await safety.page.get(f"{at}?part=owners"))
    assert "Sign for production" in page and "Value owner: not needed" in page
    refused(await safety.api.post(f"{at}/moves", json={"phase": "production"}), 403, "signature_missing")
    signed = await safety.page.submit(f"{at}/sign", {"phase": "production"})
    assert signed.status_code == 200 and "You have signed version" in signed.text, signed.text
    code, shown = await safety.typed("packet", "move", "own-file", "production", "--version", runbook.version)
    assert code == 0 and "is in the phase production" in shown, shown

    slower = changed(runbook, SLOWER)
    code, shown = await value.typed("packet", "sign", in_folder(slower, tmp_path / "slower"))
    assert code == 0, shown
    assert (await version(value.api, slower))["required"] == {"owners": ["value", "safety"], "direct": False}
    at = f"/packets/own-file/versions/{slower.version}"
    problem = refused(await value.api.post(f"{at}/moves", json={"phase": "shadow"}), 403, "signature_missing")
    assert "safety owner" in problem["detail"]
    refused(await value.api.post(f"{at}/signatures", json={"phase": "production"}), 422, "not_the_next_phase")
    assert f"{at}?part=owners" in (await safety.page.get("/")).text
    moved = await value.page.submit(f"{at}/move", {"phase": "shadow"})
    assert moved.status_code == 403
