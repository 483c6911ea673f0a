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
NEVER_ANSWERED: Swap = ("platform.yaml", "deadline: PT20S", "deadline: PT1S")
NO_QUORUM: Swap = ("approvals.yaml", "quorum: 1", "quorum: 2")
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


async def test_one_owner_alone_does_not_make_steps_fail_or_wait(
    stack: Stack, sign_in: SignInAs, tmp_path: Path
) -> None:
    packet = packet_of("own-limits", STEPS)
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    safety = await sign_in("safety-owner")

    for number, swap in enumerate((NEVER_ANSWERED, NO_QUORUM)):
        tried = changed(packet, swap)
        code, shown = await safety.typed("packet", "sign", in_folder(tried, tmp_path / str(number)))
        assert code == 0 and "Signed for dry run by safety-owner" in shown, shown
        assert (await version(safety.api, tried))["required"] == {"owners": ["value", "safety"], "direct": False}
        at = f"/packets/own-limits/versions/{tried.version}"
        for phase in ("pilot", "production"):
            refused(await safety.api.post(f"{at}/signatures", json={"phase": phase}), 422, "not_the_next_phase")
            assert (await safety.page.submit(f"{at}/sign", {"phase": phase})).status_code == 422
            code, shown = await safety.typed("packet", "move", "own-limits", phase, "--version", tried.version)
            assert code == 1 and "The next phase" in shown, shown
        refused(await safety.api.post(f"{at}/moves", json={"phase": "shadow"}), 403, "signature_missing")
        assert (await safety.page.submit(f"{at}/move", {"phase": "shadow"})).status_code == 403
        assert (await version(safety.api, tried))["phase"] == "draft"
