"""Packets on their pages: read, signed, moved, compared."""

from __future__ import annotations

import html

import pytest

from orchestrator import commands
from orchestrator.domain.organisation.organisation import actor_of
from orchestrator.domain.packet.packet import PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.embedded.stack import Stack
from tests.web.conftest import Visit

NAME = "page-trial"


def _packet(title: str) -> Packet:
    files = dict(starter_packet("identity-only").files)
    text = files[WORKFLOW_FILE].decode().replace("name: identity-only", f"name: {NAME}")
    lines = [f"title: {title}" if line.startswith("title: ") else line for line in text.splitlines()]
    files[WORKFLOW_FILE] = ("\n".join(lines) + "\n").encode()
    return parse_packet(files)


@pytest.fixture
def trial() -> tuple[Packet, Packet]:
    """Two versions of a packet that no other test looks at."""
    return _packet("A first title"), _packet("A second title")


async def test_a_packet_is_read_in_words_levels_files_and_history(visit: Visit) -> None:
    auditor = await visit("auditor")
    listed = html.unescape((await auditor.get("/packets")).text)
    assert "Employee offboarding" in listed and "Production" in listed
    for part, words in (
        ("means", ("Disable the sign-in account", "at the cutoff", "Remove access", "Urgent starts")),
        ("levels", ("IT approver", "Identity provider", "AI assistants have no permissions")),
        ("files", ("workflow.yaml", "platform.yaml", "approvals.yaml", "access_gone_within: PT1H")),
        ("owners", ("Moved from pilot to production", "Signed for production as safety owner")),
    ):
        text = html.unescape((await auditor.get(f"/packets/standard-leaver?part={part}")).text)
        for word in words:
            assert word in text, (part, word)
    assert "Sign for" not in text and "Change phase" not in text, "an auditor changes nothing"


async def test_two_owners_sign_a_version_and_move_it_on(
    stack: Stack, visit: Visit, trial: tuple[Packet, Packet]
) -> None:
    first, second = trial
    known = await stack.backend.runs.organisation()
    owner = actor_of(known, "value-owner")
    await commands.adopt_packet(stack.services, owner, first, ["standard-leaver"])
    at = f"/packets/{NAME}/versions/{first.version}"
    value, safety = await visit("value-owner"), await visit("safety-owner")
    page = await value.get(f"{at}?part=owners")
    assert "Sign for dry run" in page.text and "not yet" in page.text
    early = await value.submit(f"{at}/move", {"phase": "shadow"})
    assert early.status_code == 403 and "is not signed by" in html.unescape(early.text)
    assert (await value.submit(f"{at}/sign", {"phase": "pilot"})).status_code == 422, "another phase than the next"
    signed = await value.submit(f"{at}/sign", {"phase": "shadow"})
    assert f"You have signed version {first.version[:12]} for dry run" in signed.text
    assert "Sign for dry run" not in signed.text, "one person signs once"
    assert "needs your signature as safety owner" in (await safety.get(at)).text
    link = f'<a href="{at}?part=owners">'
    assert link in (await safety.get("/")).text and link not in (await value.get("/")).text
    assert link not in (await safety.get("/?show=all")).text
    await safety.submit(f"{at}/sign", {"phase": "shadow"})
    assert link not in (await safety.get("/")).text
    moved = await safety.submit(f"{at}/move", {"phase": "shadow", "reason": "Both agree"})
    assert "is now in the phase dry run" in moved.text and "Both agree" in moved.text
    assert "Earlier signatures" in moved.text and "Dry run, value owner" in moved.text
    await commands.adopt_packet(stack.services, owner, second, ["standard-leaver"])
    compared = html.unescape((await value.get(f"/packets/{NAME}/differences")).text)
    assert "A first title" in compared and "A second title" in compared and "No differences" in compared
    assert "Title, from “A first title” to “A second title”." in compared and "Wording" in compared
    retired = await value.submit(f"{at}/move", {"phase": "retired"})
    assert "is now in the phase retired" in retired.text


async def test_signing_and_moving_is_the_owners_and_what_is_not_there_is_not_found(visit: Visit) -> None:
    operator = await visit("operator")
    page = await operator.get("/packets/standard-leaver")
    version = page.text.split("/packets/standard-leaver/versions/")[1].split('"')[0].split("?")[0]
    at = f"/packets/standard-leaver/versions/{version}"
    assert (await operator.submit(f"{at}/sign", {"phase": "shadow"})).status_code == 409, "none comes after production"
    assert (await operator.submit(f"{at}/move", {"phase": "shadow"})).status_code == 403
    for path in ("/packets/none", "/packets/none/differences", "/packets/standard-leaver/versions/0123456789abcdef"):
        assert (await operator.get(path)).status_code == 404, path


async def test_a_packet_whose_connector_is_not_installed_is_shown(stack: Stack, visit: Visit) -> None:
    """As after an upgrade of the distribution: the packet was adopted before."""
    files = dict(starter_packet("identity-only").files)
    files[WORKFLOW_FILE] = files[WORKFLOW_FILE].replace(b"name: identity-only", b"name: page-missing")
    files[PLATFORM_FILE] = files[PLATFORM_FILE].replace(b"connector: scim", b"connector: scim@offboard-scim==1.0")
    known = await stack.backend.runs.organisation()
    owner = actor_of(known, "value-owner")
    await commands.adopt_packet(stack.services, owner, parse_packet(files), ["standard-leaver"])
    value = await visit("value-owner")
    shown = await value.get("/packets/page-missing?part=means")
    assert shown.status_code == 200
    assert "the connector scim@offboard-scim==1.0 is not installed in this version." in html.unescape(shown.text)
