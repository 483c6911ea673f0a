"""An owner edits a copy of a packet version in the browser: checked by line, compared, adopted as a draft, signed."""

from __future__ import annotations

import html
import re

from orchestrator.domain.packet.packet_files import parse_packet
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


async def test_files_that_are_not_changed_stay_as_they_are_byte_by_byte(stack: Stack, visit: Visit) -> None:
    """A blank first line and the line ends of Windows are kept, which a browser drops or writes otherwise."""
    made = packet_of("kept-bytes", ("disable_identity",))
    platform = (b"\n" + made.files["platform.yaml"]).replace(b"\n", b"\r\n")
    packet = parse_packet(
        {**made.files, "platform.yaml": platform, "approvals.yaml": b"\n" + made.files["approvals.yaml"]}
    )
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    at = f"/packets/kept-bytes/versions/{packet.version}"
    safety = await visit("safety-owner")
    form = (await safety.get(f"{at}/edit")).text
    areas = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL)
    sent = {name: re.sub(r"\r?\n", "\r\n", html.unescape(text)) for name, text in areas}
    assert sent.keys() == {"platform.yaml", "approvals.yaml"}
    unchanged = html.unescape((await safety.submit(f"{at}/edit", sent | {"act": "check"})).text)
    assert "No differences." in unchanged
    reworded = {"platform.yaml": sent["platform.yaml"].replace("Check the provider's", "Look at the provider's")}
    await safety.submit(f"{at}/edit", sent | reworded | {"act": "adopt"})
    shelf = await stack.services.runs.shelf("kept-bytes")
    assert shelf.history.newest is not None and shelf.history.newest.version != packet.version
    files = shelf.version(shelf.history.newest.version).files
    assert files["approvals.yaml"] == packet.files["approvals.yaml"]
    assert files["platform.yaml"] == platform.replace(b"Check the provider's", b"Look at the provider's")
