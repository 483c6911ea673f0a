"""Steps for every system of a class over the API, on the packet's page, and in the comparison of versions."""

from __future__ import annotations

import html
from typing import Any

from orchestrator.domain.packet.packet_files import starter_packet
from tests.web.api.running import Leavers, wanted
from tests.web.conftest import Program, Visit

NAME = "class-trial"
CODE = """\
  - name: end_sessions
    title: End sessions
    every: code_host
    ability: revoke_sessions
    at: cutoff
    gate: access
"""
SYSTEM = """\
  forge:
    title: Forge
    connector: code_hosting
    connection: {url: env:CODE_URL, token: env:CODE_TOKEN}
    hosts: [127.0.0.1]
    match: [{key: email, attribute: email}]
    support:
      team: Developer platform team
      hours: 24/7
      on_call: forge@example.org
      escalation: it@example.org
      runbook_url: https://wiki.example.org/forge
"""


def _files(*, system: str = "", steps: str = CODE) -> dict[str, str]:
    given = starter_packet("identity-only").files
    files = {name.removesuffix(".yaml"): text.decode() for name, text in given.items()}
    files["workflow"] = files["workflow"].replace("name: identity-only", f"name: {NAME}") + steps
    files["platform"] = files["platform"].replace("systems:\n", f"systems:\n{system}", 1)
    return files


async def test_steps_for_a_class_over_the_api_and_on_the_pages(visit: Visit, program: Program, leaver: Leavers) -> None:
    owner = await program("value-owner")

    async def adopt(status: int = 201, **given: str) -> Any:
        answer = await owner.post("/packets", json=_files(**given))
        assert answer.status_code == status, answer.text
        return answer.json()

    refused = await adopt(422, steps=CODE.replace("revoke_sessions", "revoke_session"))
    assert "no connector has the ability 'revoke_session'" in str(refused)
    first = (await adopt())["version"]
    one = (await owner.get(f"/packets/{NAME}/versions/{first}")).json()
    [written] = one["meaning"]["class_steps"]
    assert (written["name"], written["every"], written["steps"]) == ("end_sessions", "code_host", [])
    assert [notice["message"] for notice in one["notices"]] == [
        "no system has the class 'code_host', so there is no step 'end_sessions'"
    ]
    second = (await adopt(system=SYSTEM))["version"]
    assert second != first and (await adopt(system=SYSTEM))["version"] == second
    two = (await owner.get(f"/packets/{NAME}/versions/{second}")).json()
    [written] = two["meaning"]["class_steps"]
    assert (written["systems"], written["steps"], two["notices"]) == (["forge"], ["end_sessions-forge"], [])
    step = two["meaning"]["steps"][-1]
    assert (step["name"], step["system"], step["written_as"]) == ("end_sessions-forge", "forge", "end_sessions")
    assert step["title"] == "End sessions: Forge" and two["meaning"]["steps"][0]["written_as"] is None
    assert two["meaning"]["gates"][0]["steps"][-1] == "End sessions: Forge"

    safety = await visit("safety-owner")
    at = f"/packets/{NAME}/versions"
    page = html.unescape((await safety.get(f"{at}/{first}")).text)
    assert "Notices" in page and "no system has the class 'code_host'" in page
    page = html.unescape((await safety.get(f"{at}/{second}")).text)
    sentence = "“End sessions”, for every system of the class code host, has a step for “Forge”."
    assert sentence in page and "Comes from the step <code>end_sessions</code>" in page
    signing = html.unescape((await safety.get(f"{at}/{second}?part=owners")).text)
    assert "You also sign which systems have the steps" in signing and sentence in signing
    differences = html.unescape((await safety.get(f"/packets/{NAME}/differences?before={first}&after={second}")).text)
    assert "end_sessions-forge: revoke_sessions on forge, at cutoff, gate access" in differences

    for alias in ("value-owner", "safety-owner"):
        signed = await (await program(alias)).post(f"/packets/{NAME}/versions/{second}/signatures", json={})
        assert signed.status_code == 200, signed.text
    moves = f"/packets/{NAME}/versions/{second}/moves"
    assert (await owner.post(moves, json={"phase": "shadow"})).status_code == 200
    asked = wanted(await leaver(), packet=NAME)
    preview = (await (await program("hr")).post("/previews", json=asked)).json()
    assert (preview["packet_version"], preview["phase"]) == (second, "shadow")
    assert "end_sessions-forge" in [step["name"] for step in preview["steps"]]
    assert (await owner.post(moves, json={"phase": "retired"})).status_code == 200
