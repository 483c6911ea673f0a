"""A packet for tests that wait for leases: everything at once behind one gate, and deadlines of two seconds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet

WORKFLOW = """\
name: quick-leaver
title: Somebody leaves quickly
purpose: Everything that a worker can die of, side by side.
value_owner: value_owner
outcomes:
  access_gone_within: PT1H
thresholds:
  retries_become_exception_after: PT1S
steps:
  - {name: record_leaving, title: Record, system: hr, ability: record_leaving, parameters: {at: "= run.cutoff"},
     at: cutoff, gate: all}
  - {name: final_pay, title: Pay, system: hr, ability: schedule_final_pay, at: cutoff, gate: all}
  - {name: disable_identity, title: Disable, system: identity, ability: disable_account, at: cutoff, gate: all}
  - {name: suspend_code, title: Suspend, system: code, ability: suspend_account, at: cutoff, gate: all}
  - {name: revoke_code_tokens, title: Tokens, system: code, ability: revoke_tokens, at: cutoff, gate: all}
  - {name: close_card, title: Close, system: cards, ability: close_card, at: cutoff, gate: all}
  - {name: forward_mail, title: Forward, system: mail, ability: forward_mail,
     parameters: {forward_to: "= person.manager_email"}, at: cutoff, gate: all}
  - {name: tell_manager, title: Tell, system: mail, ability: send_notice, at: cutoff, gate: all,
     parameters: {to: "= person.manager_email", subject: Access ended, text: "= person.display_name"}}
"""

PLATFORM = """\
safety_owner: safety_owner
systems:
  hr:
    title: HR
    connector: hr
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection: {url: env:HR_URL, token: env:HR_TOKEN}
    hosts: [127.0.0.1, localhost]
    match: [{key: employee_number, attribute: employee_number}]
    deadline: PT2S
  identity:
    title: Identity
    connector: scim
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection: {url: env:IDENTITY_URL, token: env:IDENTITY_TOKEN}
    hosts: [127.0.0.1, localhost]
    match: [{key: employee_number, attribute: externalId}]
    deadline: PT2S
  code:
    title: Code
    connector: code_hosting
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection: {url: env:CODE_URL, token: env:CODE_TOKEN}
    hosts: [127.0.0.1, localhost]
    match: [{key: employee_number, attribute: employee_number}, {key: email, attribute: email}]
    expected: false
    deadline: PT2S
  mail:
    title: Mail
    connector: mail
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection:
      smtp_host: env:MAIL_HOST
      smtp_port: env:MAIL_PORT
      username: env:MAIL_USER
      password: env:MAIL_PASSWORD
      sender: offboard@example.org
      ca_file: env:MAIL_CA_FILE
      admin_url: env:MAIL_ADMIN_URL
      admin_token: env:MAIL_ADMIN_TOKEN
    hosts: [127.0.0.1, localhost]
    match: [{key: email, attribute: address}]
    deadline: PT2S
  cards:
    title: Cards
    connector: cards
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection: {url: env:CARDS_URL, token: env:CARDS_TOKEN}
    hosts: [127.0.0.1, localhost]
    match: [{key: employee_number, attribute: employee_number}]
    expected: false
    deadline: PT2S
levels:
  - {who: requester, up_to: prepare}
  - {who: requester, systems: [hr], up_to: change}  # a new cutoff is entered there again
  - {who: it_approver, up_to: change}
  - {who: operator, up_to: change}
  - {who: safety_owner, up_to: change}
hr:
  system: hr
"""

APPROVALS = """\
gates:
  all:
    title: Everything
    decided_by: [it_approver]
    quorum: QUORUM
    decide_within: P1D
    escalate_to: [safety_owner]
    valid_for: P7D
postpone: {allowed_to: [requester]}
exceptions:
  owner: operator
launch: {}
"""


LOCK = """\
  - {name: lock_directory, title: Lock, system: directory, ability: lock_account, at: cutoff, gate: all}
"""

DIRECTORY = """\
  directory:
    title: Directory
    connector: ldap
    support: {team: Team, hours: 24/7, on_call: on-call, escalation: duty, runbook_url: "https://wiki.example"}
    connection:
      url: env:DIRECTORY_URL
      bind_dn: env:DIRECTORY_BIND_DN
      password: env:DIRECTORY_PASSWORD
      people_base: env:DIRECTORY_BASE_DN
      groups_base: env:DIRECTORY_BASE_DN
      placeholder_member: env:DIRECTORY_PLACEHOLDER
    hosts: [127.0.0.1, localhost]
    match: [{key: employee_number, attribute: employeeNumber}]
    deadline: PT2S
"""


def quick_packet(
    *, quorum: int = 1, directory: bool = False, changed: Mapping[str, str] = MappingProxyType({})
) -> Packet:
    """Eight steps on five systems without an order among them, and with `directory` a ninth on a sixth. Its only gate
    needs `quorum` people. `changed` replaces words of platform.yaml."""
    platform = PLATFORM
    for old, new in changed.items():
        assert platform.count(old) == 1, old
        platform = platform.replace(old, new)
    if directory:
        platform = platform.replace("levels:\n", f"{DIRECTORY}levels:\n")
    files = {
        "workflow.yaml": WORKFLOW + (LOCK if directory else ""),
        "platform.yaml": platform,
        "approvals.yaml": APPROVALS.replace("QUORUM", str(quorum)),
    }
    return parse_packet({name: text.encode() for name, text in files.items()})
