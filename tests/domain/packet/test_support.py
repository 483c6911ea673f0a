"""Who supports a system: hours with a time zone, what is missing, and what a version needs to enter phase shadow."""

from __future__ import annotations

from datetime import datetime

import pytest

from orchestrator.domain.errors import TooLate
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.packet.checks.notices import packet_notices
from orchestrator.domain.packet.checks.packet_checks import check_packet
from orchestrator.domain.packet.history.packet_phases import adopt, move, sign
from orchestrator.domain.packet.history.packet_state import PacketState, fold
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.domain.packet.packet_yaml import PacketProblems
from orchestrator.domain.packet.support import SupportSpec, missing_support, parse_hours
from orchestrator.domain.permissions.levels import Actor

STARTER = starter_packet("identity-only")
VALUE = Actor(actor_id="v", human="h-v", roles=frozenset({"value_owner"}))
SAFETY = Actor(actor_id="s", human="h-s", roles=frozenset({"safety_owner"}))
FULL = SupportSpec(
    team="Identity team",
    hours="Mon-Fri 08:00-18:00 Europe/Berlin",
    on_call="+49 30 1",
    escalation="it-duty@example.org",
    runbook_url="https://wiki.example.org/okta",
)
HOURS = "hours: Mon-Fri 08:00-18:00 Europe/Berlin"


def with_text(*swaps: tuple[str, str]) -> Packet:
    text = STARTER.files["platform.yaml"].decode()
    for old, new in swaps:
        assert old in text, old
        text = text.replace(old, new, 1)
    return parse_packet({**STARTER.files, "platform.yaml": text.encode()})


@pytest.mark.parametrize(
    ("hours", "at", "is_open"),
    [
        ("Mon-Fri 08:00-18:00 Europe/Berlin", "2026-12-01T07:00Z", True),  # Tuesday, 08:00 in Berlin
        ("Mon-Fri 08:00-18:00 Europe/Berlin", "2026-12-01T06:59Z", False),
        ("Mon-Fri 08:00-18:00 Europe/Berlin", "2026-12-01T17:00Z", False),
        ("Mon-Fri 08:00-18:00 Europe/Berlin", "2026-07-01T06:00Z", True),  # in summer, an hour earlier
        ("Mon-Fri 08:00-18:00 Europe/Berlin", "2026-12-05T10:00Z", False),  # Saturday
        ("Mon,Wed 00:00-24:00 UTC", "2026-12-02T23:59Z", True),
        ("Mon,Wed 00:00-24:00 UTC", "2026-12-03T00:00Z", False),
        ("Fri 22:00-06:00 UTC", "2026-12-04T23:00Z", True),
        ("Fri 22:00-06:00 UTC", "2026-12-05T05:59Z", True),  # the night of Friday
        ("Fri 22:00-06:00 UTC", "2026-12-04T05:00Z", False),
        ("Sat-Mon 09:00-12:00 Asia/Tokyo", "2026-12-07T00:30Z", True),  # Monday, 09:30 in Tokyo
        ("24/7", "2026-12-06T03:00Z", True),
    ],
)
def test_the_contact_is_the_team_in_its_hours_and_on_call_at_other_times(hours: str, at: str, is_open: bool) -> None:
    now = datetime.fromisoformat(at)
    assert parse_hours(hours).open_at(now) is is_open
    support = FULL.model_copy(update={"hours": hours})
    assert support.contact_at(now) == ("Identity team" if is_open else "+49 30 1")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("hours: working days", "write days, hours and a time zone"),
        ("hours: Mon-Fri 08:00-18:00", "write days, hours and a time zone"),
        ("hours: Mon-Fri 8-18 Europe/Berlin", "write days, hours and a time zone"),
        ("hours: Mon-Fri 08:00-18:00 Europe/Atlantis", "there is no time zone 'Europe/Atlantis'"),
        ("runbook_url: javascript:alert(1)", "write the address of a page"),
        ("runbook_url: https://user:secret@wiki.example.org/", "must not contain an address with a user name"),
        ("pager: 1", "pager"),
        ("role: Identity Team", "role"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(field: str, said: str) -> None:
    old = HOURS if field.startswith("hours") else f"{HOURS}\n"
    new = field if field.startswith("hours") else f"{HOURS}\n      {field}\n"
    swaps = [(old, new)]
    if field.startswith("runbook_url"):
        swaps.insert(0, ("      runbook_url: https://wiki.example.org/offboard/people\n", ""))
    with pytest.raises(PacketProblems) as refused:
        with_text(*swaps)
    [problem] = refused.value.problems
    assert said in f"{problem.field} {problem.message}" and problem.line, problem


def test_what_is_missing_is_said_for_each_system() -> None:
    assert FULL.missing == () and missing_support({"okta": FULL}) == ()
    assert missing_support({"okta": FULL.model_copy(update={"hours": "", "on_call": " "}), "hr": SupportSpec()}) == (
        "system 'okta' has no support hours and no on-call contact",
        "system 'hr' has no support team, no support hours, no on-call contact, no escalation contact and no runbook "
        "URL",
    )


def test_a_text_is_the_team_as_in_packets_from_before_there_was_more() -> None:
    start, end = "    support:", "    runbook: Check the provider's"
    text = STARTER.files["platform.yaml"].decode()
    identity = text[text.rindex(start) : text.index(end)]
    spec = with_text((identity, "    support: Identity team\n")).platform.systems["identity"]
    assert spec.support == SupportSpec(team="Identity team") and spec.runbook.startswith("Check the provider's")


def moved(packet: Packet, to: str, state: PacketState, lacks: tuple[str, ...]) -> PacketState:
    for owner in (VALUE, SAFETY):
        state = fold((draft.event for draft in sign(state, packet.version, owner)), state)
    made = move(state, packet.version, to, SAFETY, missing_support=lacks)  # type: ignore[arg-type]  # one of the phases
    return fold((draft.event for draft in made), state)


def test_a_version_enters_shadow_with_support_and_keeps_its_phases_without() -> None:
    lacks = ("system 'hr' has no support hours",)
    draft = fold([one.event for one in adopt(PacketState(), STARTER, SAFETY)])
    with pytest.raises(TooLate, match="support_missing") as refused:
        moved(STARTER, "shadow", draft, lacks)
    said = f"Version {STARTER.version[:12]} can't enter phase shadow: system 'hr' has no support hours."
    assert refused.value.message == said

    shadow = moved(STARTER, "shadow", draft, ())
    pilot = moved(STARTER, "pilot", shadow, lacks)
    back = move(pilot, STARTER.version, "shadow", SAFETY, missing_support=lacks)
    assert len(back) == 1, "from before the rule, or after it: a version goes back without support"


def test_check_warns_of_what_is_missing() -> None:
    packet = with_text((f"      {HOURS}\n", ""))
    [notice] = [one for one in packet_notices(packet, {}, {}) if one.field == "systems.hr"]
    assert notice.message == "the system 'hr' has no support hours, which a version needs to enter phase shadow"
    assert (notice.file, notice.remedy) == ("platform.yaml", "write under 'support' of the system: hours")


def test_exceptions_of_a_system_are_owned_by_its_team_before_the_role_for_exceptions() -> None:
    packet = with_text((f"{HOURS}\n", f"{HOURS}\n      role: it_approver\n"))
    failed, of_hr = RULES["step_failed"], RULES["leaving_changed"]
    assert failed.owners_for(packet, "hr") == ("it_approver", "operator")
    assert failed.owners_for(packet, "identity") == failed.owners_for(packet, None) == ("operator",)
    assert of_hr.owners_for(packet, "hr") == of_hr.owners(packet), "what HR decides is not for the team"


def test_the_role_of_a_team_is_one_that_users_can_have() -> None:
    packet = with_text((f"{HOURS}\n", f"{HOURS}\n      role: identity_people\n"))
    problems = check_packet(packet, {}, roles_known={"operator", "value_owner", "safety_owner", "it_approver"})
    assert "systems.hr.support.role" in {problem.field for problem in problems}
