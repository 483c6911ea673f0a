"""An owner objects to a version at each entry point: it does not go forward until its author withdraws the objection;
a signature that waits is in the inbox of the page, of the API and at the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator import commands
from orchestrator.domain.packet.packet_files import parse_packet, starter_names
from orchestrator.embedded.stack import Stack
from tests.web.api.running import refused
from tests.web.requests.entry_points import ENTRY_POINTS, SignedIn, SignInAs, packet_of, text_of

WHY = "The runbook names no team."
ANSWER = "The runbook names the identity team."


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_an_objection_holds_a_version_until_it_is_withdrawn(
    stack: Stack, sign_in: SignInAs, entry_point: str
) -> None:
    packet = packet_of(f"objected-{entry_point}", ("disable_identity",))
    actors = (await stack.services.runs.organisation()).actors
    value, safety = await sign_in("value-owner"), await sign_in("safety-owner")
    await commands.adopt_packet(stack.services, actors["value-owner"], packet, starter_names())
    at, name = f"/packets/{packet.name}/versions/{packet.version}", packet.name

    waiting = {"packet": name, "version": packet.version, "title": packet.workflow.title, "phase": "shadow"}
    assert waiting | {"owner": "safety"} in (await safety.api.get("/inbox")).json()["to_sign"]
    _, shown = await safety.typed("inbox")
    assert f"Packet {name} {packet.version[:12]} waits for your signature as safety owner for dry run." in shown
    for owner in (value, safety):
        assert (await owner.api.post(f"{at}/signatures", json={})).status_code == 200
    assert waiting | {"owner": "safety"} not in (await safety.api.get("/inbox")).json()["to_sign"]

    async def says(reason: str) -> tuple[bool, str]:
        if entry_point == "page":
            answer = await safety.page.submit(f"{at}/object", {"reason": reason})
            return answer.status_code == 200, text_of(answer)
        if entry_point == "api":
            answer = await safety.api.post(f"{at}/objections", json={"reason": reason})
            return answer.status_code == 200, answer.text
        code, said = await safety.typed("packet", "object", name, "--reason", reason)
        return code == 0, said

    async def withdraws(who: Any) -> tuple[bool, str]:
        if entry_point == "page":
            answer = await who.page.submit(f"{at}/withdraw-objection", {"objection": "objection-1"})
            return answer.status_code == 200, text_of(answer)
        if entry_point == "api":
            answer = await who.api.post(f"{at}/objections/objection-1/withdrawal")
            return answer.status_code == 200, answer.text
        code, said = await who.typed("packet", "object", name, "--withdraw", "objection-1")
        return code == 0, said

    done, said = await says(" ")
    assert not done and "An objection needs a reason" in said
    done, said = await says(WHY)
    assert done, said
    done, said = await says(WHY)
    assert not done and "You already object" in said
    problem = refused(await value.api.post(f"{at}/moves", json={"phase": "shadow"}), 409, "objection_open")
    assert "safety-owner objects to it" in problem["detail"]
    shown = text_of(await value.page.get(f"{at}?part=owners"))
    assert WHY in shown and "does not go to a later phase" in shown
    assert (await value.page.submit(f"{at}/move", {"phase": "shadow"})).status_code == 409

    done, said = await withdraws(value)
    assert not done and "can withdraw this objection" in said
    done, said = await withdraws(safety)
    assert done, said
    [objection] = (await value.api.get(at)).json()["objections"]
    assert (objection["by"], objection["reason"], objection["state"]) == ("safety-owner", WHY, "withdrawn")
    assert (await value.api.post(f"{at}/moves", json={"phase": "shadow"})).status_code == 200


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_an_objection_is_answered_by_the_version_that_says_so(
    stack: Stack, sign_in: SignInAs, tmp_path: Path, entry_point: str
) -> None:
    first = packet_of(f"answered-{entry_point}", ("disable_identity",))
    name, at = first.name, f"/packets/{first.name}/versions/{first.version}"
    actors = (await stack.services.runs.organisation()).actors
    value, safety = await sign_in("value-owner"), await sign_in("safety-owner")
    await commands.adopt_packet(stack.services, actors["value-owner"], first, starter_names())
    await commands.object_to_packet(stack.services, actors["safety-owner"], name, first.version, WHY)

    async def listed(who: SignedIn) -> dict[str, str] | None:
        """The packet's objection in the inbox, which is the same at each entry point."""
        found = (await who.api.get("/inbox")).json()["objections"]
        [one] = [one for one in found if one["packet"] == name] or [None]
        _, typed = await who.typed("inbox")
        page = text_of(await who.page.get("/inbox"))
        said = None if one is None else one["answer"] or one["reason"]
        for shown in (typed, page):
            assert (f"{first.version[:12]}" in shown and said in shown) if one else True
        return one

    waiting = await listed(value)
    assert waiting is not None and (waiting["by"], waiting["reason"], waiting["state"]) == ("safety-owner", WHY, "open")
    assert await listed(safety) is None, "the author knows it"

    unrelated = parse_packet({**first.files, "workflow.yaml": first.files["workflow.yaml"] + b"# A comment.\n"})
    await commands.adopt_packet(stack.services, actors["value-owner"], unrelated, starter_names())
    [objection] = (await value.api.get(at)).json()["objections"]
    assert (objection["state"], objection["answered_by"]) == ("open", None)
    assert await listed(value) is not None

    text = first.files["platform.yaml"].replace(b"Check the provider's status", b"Ask the identity team")
    files = {**first.files, "platform.yaml": text}
    second = parse_packet(files)
    folder = tmp_path / name
    folder.mkdir()
    for file, content in files.items():
        (folder / file).write_bytes(content)

    async def adopts(objection_id: str, answer: str) -> tuple[bool, str]:
        if entry_point == "page":
            form = {"act": "adopt", "answers": objection_id, "answer": answer}
            form |= {file: content.decode() for file, content in files.items()}
            posted = await value.page.submit(f"{at}/edit", form)
            return posted.status_code == 200, text_of(posted)
        if entry_point == "api":
            body: dict[str, Any] = {file.removesuffix(".yaml"): content.decode() for file, content in files.items()}
            body["answers"] = [{"objection": objection_id, "answer": answer}]
            answered = await value.api.post("/packets", json=body)
            return answered.status_code == 201, answered.text
        code, said = await value.typed("packet", "sign", str(folder), "--answers", objection_id, "--answer", answer)
        return code == 0, said

    done, said = await adopts("objection-7", ANSWER)
    assert not done and "no objection" in said
    done, said = await adopts("objection-1", " ")
    assert not done, said
    done, said = await adopts("objection-1", ANSWER)
    assert done, said
    [objection] = (await value.api.get(at)).json()["objections"]
    assert (objection["state"], objection["answered_by"], objection["answer"]) == ("answered", second.version, ANSWER)
    assert await listed(value) is None
    waiting = await listed(safety)
    assert waiting is not None and (waiting["state"], waiting["answer"]) == ("answered", ANSWER)
    for shown in (f"{at}?part=owners", f"{at}/record"):
        assert ANSWER in text_of(await safety.page.get(shown))
    _, record = await safety.typed("packet", "record", name, "--version", first.version)
    assert f"answers objection-1: {ANSWER}" in record
    # The version that was objected to stays where it is, and its author withdraws the objection.
    refused(await value.api.post(f"{at}/moves", json={"phase": "shadow"}), 409, "objection_open")
    assert (await safety.api.post(f"{at}/objections/objection-1/withdrawal")).status_code == 200
    assert await listed(safety) is None
