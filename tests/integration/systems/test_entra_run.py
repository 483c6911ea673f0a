"""A whole run on the simulator of Entra: the end of access is the expiry of the last access token."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from orchestrator.documents.runs.run import run_document
from orchestrator.domain.measures.access_end import access_end
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.reading.queries import Queries
from orchestrator.reading.visibility import Viewer
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import new_settings, statuses
from tests.integration.packets import APPROVALS
from tests.vendors.entra.seeds import seed_entra
from tests.vendors.entra.simulator import EntraSimulator

WORKFLOW = """\
name: entra-leaver
title: Entra
purpose: Sign-in ends.
value_owner: value_owner
outcomes: {access_gone_within: PT1H}
steps:
  - {name: disable, title: Disable, system: entra, ability: disable_account, at: cutoff, gate: all}
  - {name: sessions, title: Sessions, system: entra, ability: revoke_sessions, needs: [disable], at: cutoff, gate: all}
"""
PLATFORM = """\
safety_owner: safety_owner
systems:
  hr:
    title: HR
    connector: hr
    connection: {url: env:HR_URL, token: env:HR_TOKEN}
    hosts: [127.0.0.1, localhost]
    match: [{key: employee_number, attribute: employee_number}]
  entra:
    title: Entra ID
    connector: entra
    connection:
      {url: env:E_URL, login_url: env:E_LOGIN, tenant: env:E_TENANT, client_id: env:E_APP, client_secret: env:E_SECRET}
    hosts: [127.0.0.1]
    match: [{key: employee_number, attribute: employeeId}]
levels:
  - {who: requester, up_to: prepare}
  - {who: it_approver, up_to: change}
  - {who: operator, up_to: change}
  - {who: safety_owner, up_to: change}
hr: {system: hr}
"""


def packet() -> Packet:
    texts = {"workflow": WORKFLOW, "platform": PLATFORM, "approvals": APPROVALS.replace("QUORUM", "1")}
    return parse_packet({f"{stem}.yaml": text.encode() for stem, text in texts.items()})


async def test_a_run_says_until_when_tokens_are_accepted(
    install: Install, hire: Hire, database_url: str, temporal: TemporalServer, company: Company
) -> None:
    [person] = await hire()
    async with EntraSimulator().start() as entra:
        seed = seed_entra(entra, [person])
        given = {
            "E_URL": f"{entra.url}/v1.0", "E_LOGIN": entra.url, "E_TENANT": entra.state.id,
            "E_APP": seed.service.app_id, "E_SECRET": seed.service.secret,
        }  # fmt: skip
        settings = new_settings(database_url, temporal.address, company)
        settings = replace(settings, environment={**settings.environment, **given})
        async with install(packet=packet(), settings=settings) as here:
            run = await here.start(person)
            state = await here.attend(run)
            assert statuses(state) == {"disable": "verified", "sessions": "attested"}, await here.story(run)
            end = access_end(state)
            assert end is not None and end.gone_at == end.last + timedelta(minutes=90)
            assert state.finished_at is not None and state.finished_at < end.gone_at, "no one waits for a token"

            queries = Queries(here.backend.database, here.backend.ledger, here.backend.runs)
            document = run_document(await queries.run_page(Viewer.of(here.actors["operator"]), run))
            assert document["access_gone_at"] == end.gone_at and document["access_verified_at"] == end.verified
            ended = {step["name"]: step["ended"] for step in document["steps"]}
            assert ended["sessions"] == {
                "ended": ["sessions", "refresh_tokens"], "not_possible": ["access_tokens", "application_sessions"],
                "access_tokens": "until", "access_tokens_until": end.gone_at,
            }  # fmt: skip
