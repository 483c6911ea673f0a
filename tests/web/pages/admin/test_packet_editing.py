"""An owner edits a copy of a packet version in the browser: checked by line, compared, adopted as a draft, signed."""

from __future__ import annotations

import html

from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.conftest import Visit
from tests.web.requests.entry_points import packet_of


async def test_an_owner_edits_checks_and_adopts_their_file(stack: Stack, visit: Visit) -> None:
    packet = packet_of("edited", ("disable_identity",))
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    at = f"/packets/edited/versions/{packet.version}"
    safety, auditor = await visit("safety-owner"), await visit("auditor")
    assert f'href="{at}/edit"' in (await safety.get(f"{at}?part=files")).text
    assert f'href="{at}/edit"' not in (await auditor.get(f"{at}?part=files")).text
    assert (await auditor.get(f"{at}/edit")).status_code == 403
    form = html.unescape((await safety.get(f"{at}/edit")).text)
    assert "runbook: " in form and "workflow.yaml belongs to the other owner" in form

    text = packet.files["platform.yaml"].decode()
    line = 1 + next(n for n, known in enumerate(text.splitlines()) if "rate_per_second: 10" in known)
    wrong = await safety.submit(
        f"{at}/edit", {"platform.yaml": text.replace("rate_per_second: 10", "rate_per_second: no")}
    )
    shown = html.unescape(wrong.text)
    assert wrong.status_code == 422 and f"platform.yaml, line {line}: <code>rate_per_second: no</code>" in shown

    reworded = text.replace("Check the provider's status page.", "Look at the provider's status page.")
    assert reworded != text
    said = {"platform.yaml": reworded.replace("\n", "\r\n"), "workflow.yaml": "name: taken", "act": "check"}
    checked = html.unescape((await safety.submit(f"{at}/edit", said)).text)
    assert "<strong>Wording</strong>" in checked and "runbook" in checked and "taken" not in checked
    versions = len((await stack.services.runs.shelf("edited")).history.versions)
    adopted = html.unescape((await safety.submit(f"{at}/edit", said | {"act": "adopt"})).text)
    assert "is adopted as a draft" in adopted and "Sign for production" in adopted
    shelf = await stack.services.runs.shelf("edited")
    assert len(shelf.history.versions) == versions + 1 and shelf.history.newest is not None
    newest = shelf.version(shelf.history.newest.version)
    assert newest.files["platform.yaml"] == reworded.encode()
    assert newest.files["workflow.yaml"] == packet.files["workflow.yaml"]
