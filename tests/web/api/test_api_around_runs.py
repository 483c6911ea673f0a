"""Packets, systems, and deciding for someone who is away."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest

from orchestrator.domain.packet.packet_files import starter_packet
from tests.ledger.small_office import renamed
from tests.web.api.running import Leavers, planned, refused, start, until
from tests.web.conftest import Program, Visit


def files(name: str) -> dict[str, str]:
    packet = renamed(starter_packet("identity-only"), name)
    return {file.removesuffix(".yaml"): text.decode() for file, text in packet.files.items()}


async def test_a_packet_is_adopted_signed_by_both_owners_and_moved(program: Program) -> None:
    value, safety, it = [await program(alias) for alias in ("value-owner", "safety-owner", "it")]
    texts = files("contractor")
    refused(await it.post("/packets", json=texts), 403, "not_an_owner")
    wrong = texts | {"workflow": texts["workflow"].replace("gate: access", "gate: nosuch")}
    problem = refused(await value.post("/packets", json=wrong), 422, "packet_problems")
    assert all(one["where"].startswith("workflow.yaml:") for one in problem["errors"])
    adopted = await value.post("/packets", json=texts)
    assert adopted.status_code == 201
    version = adopted.json()["version"]
    path = f"/packets/contractor/versions/{version[:12]}"
    signed = await value.post(f"{path}/signatures", json={})
    assert [one["owner"] for one in signed.json()["signatures"]] == ["value"]
    refused(await value.post(f"{path}/moves", json={"phase": "shadow"}), 403, "signature_missing")
    refused(await it.post(f"{path}/signatures", json={}), 403, "not_an_owner")
    refused(await safety.post(f"{path}/signatures", json={"phase": "production"}), 422, "not_the_next_phase")
    assert (await safety.post(f"{path}/signatures", json={"phase": "shadow"})).status_code == 200
    moved = await safety.post(f"{path}/moves", json={"phase": "shadow", "reason": "To look at it."})
    assert moved.json()["phase"] == "shadow"
    used = [(one["owner"], one["phase"]) for one in moved.json()["past_signatures"]]
    assert (moved.json()["signatures"], used) == ([], [("value", "shadow"), ("safety", "shadow")])

    shown = (await it.get(path)).json()
    assert {file["name"] for file in shown["files"]} == {"workflow.yaml", "platform.yaml", "approvals.yaml"}
    assert next(file for file in shown["files"] if file["name"] == "workflow.yaml")["text"] == texts["workflow"]
    history = [one["what"] for one in shown["history"]]
    # Refused are a move without signatures, and a signature of an account without the role.
    assert history == ["adopted", "signed", "refused", "refused", "signed", "moved"]
    assert (len(shown["past_signatures"]), shown["open_runs"]) == (2, 0)
    assert "Identity provider" in shown["meaning"]["steps"][0]["sentence"]
    assert {table["kind"] for table in shown["levels"]} == {"person", "service", "assistant"}
    assert "contractor" in [one["name"] for one in (await it.get("/packets")).json()["packets"]]
    assert [one["phase"] for one in (await it.get("/packets/contractor")).json()["versions"]] == ["shadow"]
    refused(await it.get("/packets/contractor/versions/00000000"), 404, "unknown_packet_version")
    refused(await it.get("/packets/nosuch"), 404, "unknown_packet")
    assert (await value.post(f"{path}/moves", json={"phase": "retired"})).json()["phase"] == "retired"
    refused(await value.post(f"{path}/signatures", json={}), 409, "no_next_phase")


async def test_what_happens_to_open_runs_is_asked_when_their_version_is_moved_back(
    program: Program, visit: Visit, leaver: Leavers
) -> None:
    value, safety, hr = [await program(alias) for alias in ("value-owner", "safety-owner", "hr")]
    version = (await value.post("/packets", json=files("returning"))).json()["version"]
    path = f"/packets/returning/versions/{version}"
    for phase in ("shadow", "pilot"):
        for owner in (value, safety):
            assert (await owner.post(f"{path}/signatures", json={"phase": phase})).status_code == 200
        assert (await value.post(f"{path}/moves", json={"phase": phase})).status_code == 200
    run_id = await start(hr, await leaver(), packet="returning")
    assert (await safety.get(path)).json()["open_runs"] == 1
    page = await visit("safety-owner")
    asked = await page.submit(f"{path}/move", {"phase": "shadow"})
    assert asked.status_code == 422 and "1 run of this version is open." in asked.text
    assert (
        "is now in the phase dry run"
        in (await page.submit(f"{path}/move", {"phase": "shadow", "open_runs": "continue"})).text
    )
    assert (await hr.get(f"/runs/{run_id}")).json()["state"] != "held"
    retired = await safety.post(f"{path}/moves", json={"phase": "retired", "open_runs": "pause"})
    assert retired.json()["phase"] == "retired"
    assert (await hr.get(f"/runs/{run_id}")).json()["state"] == "held"


async def test_a_draft_does_not_show_what_is_installed_and_imports_nothing_else(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a distribution that declares the named connector, in the named version, is imported."""
    (tmp_path / "offboard_wiki.py").write_text("from connectors.reference.cards import CARDS as KIND\n")
    info = tmp_path / "offboard_wiki-1.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offboard-wiki\nVersion: 1.2.0\n")
    (info / "entry_points.txt").write_text("[offboard.connectors]\nwiki = offboard_wiki:KIND\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    value, texts = await program("value-owner"), files("oracle")
    installed = metadata.version("cryptography")
    answers = set()
    for named in (
        "x@cryptography==0",
        f"x@cryptography=={installed}",
        "x@nosuch==0",
        "wiki@offboard-wiki==1.2.1",
        "blog@offboard-wiki==1.2.0",
    ):
        wrong = texts | {"platform": texts["platform"].replace("connector: scim", f"connector: {named}")}
        problem = refused(await value.post("/packets", json=wrong), 422, "packet_problems")
        assert "not available here in this version" in problem["detail"]
        answers.add(json.dumps([problem["detail"], problem["errors"]]).replace(named, "NAMED"))
    assert len(answers) == 1, answers
    assert "offboard_wiki" not in sys.modules


async def test_systems_are_looked_at_and_changes_on_one_are_held_back(program: Program) -> None:
    operator, hr = await program("operator"), await program("hr")
    looked = await operator.post("/systems/check", json={"packet": "standard-leaver"})
    assert looked.status_code == 200
    code = next(one for one in looked.json()["systems"] if one["system"] == "code")
    assert code["reachable"] and code["answered_at"] and not code["held"] and code["runbook"]
    hold = {"packet": "standard-leaver", "reason": "Maintenance"}
    refused(await hr.post("/systems/cards/hold", json=hold), 403, "role_missing")
    refused(await operator.post("/systems/nosuch/hold", json=hold), 404, "unknown_system")
    assert (await operator.post("/systems/cards/hold", json=hold)).json() == {
        "system": "cards",
        "held": True,
        "changed": True,
        "until": None,
    }
    assert not (await operator.post("/systems/cards/hold", json=hold)).json()["changed"]
    seen = (await hr.get("/systems", params={"packet": "standard-leaver"})).json()
    assert [one["system"] for one in seen["systems"] if one["held"]] == ["cards"] and not seen["all_held"]
    release = {"packet": "standard-leaver"}
    assert (await operator.post("/systems/cards/release", json=release)).json()["changed"]
    refused(await hr.get("/systems", params={"packet": "nosuch"}), 422, "unknown_packet")


async def test_a_colleague_decides_for_a_time_and_it_is_shown_for_whom(program: Program, leaver: Leavers) -> None:
    hr, it, finance = [await program(alias) for alias in ("hr", "it", "finance")]
    run_id = await start(hr, await leaver())
    await until(hr, run_id, planned)
    now = datetime.now(UTC)
    away = {"to": "finance", "until": (now + timedelta(days=3)).isoformat(), "reason": "On leave"}
    refused(await it.post("/delegations", json=away | {"to": "it"}), 422, "own_colleague")
    refused(await it.post("/delegations", json=away | {"to": "nobody"}), 422, "unknown_colleague")
    refused(await it.post("/delegations", json=away | {"until": now.isoformat()}), 422, "delegation_over")
    given = await it.post("/delegations", json=away)
    assert given.status_code == 201
    delegation = given.json()["delegation_id"]
    try:
        [held] = (await finance.get("/delegations")).json()["delegations"]
        assert (held["delegation_id"], held["by"], held["reason"]) == (delegation, "it", "On leave")
        assert (await finance.get("/me")).json()["decides_for"] == ["it"]
        items = (await finance.get("/inbox", params={"kind": "gate", "limit": 200})).json()["items"]
        [item] = [one for one in items if (one["run_id"], one["detail"]["gate"]) == (run_id, "access")]
        assert item["on_behalf_of"] == "it"
        decided = await finance.post(f"/runs/{run_id}/gates/g-access-1/decision", json={"verdict": "approve"})
        assert decided.status_code == 200
    finally:
        assert (await finance.post(f"/delegations/{delegation}/end")).json()["changed"]
    assert not (await it.post(f"/delegations/{delegation}/end")).json()["changed"]
    refused(await hr.post(f"/delegations/{delegation}/end"), 404, "unknown_delegation")
