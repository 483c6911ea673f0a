"""HR is asked again where its facts are used, and before anything is destroyed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from activities.attempts.current_facts import CurrentFacts
from activities.starts import leaving_in_hr
from connectors.abilities import Ability, Pace, unpaced
from connectors.errors import ConnectorError, RefusedError, TryAgainError
from connectors.people import Person
from orchestrator.domain.permissions.levels import Level

NOW = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)
DELETE = Ability("delete_account", "change", "deletes", destroys=True)
NOTICE = Ability("send_notice", "change", "sends", repeat="never", needs_account=False)
TO_MANAGER = {"to": ["= person.manager_email"]}
NORA = Person(
    id="h-1", employee_number="E-1", given_name="Nora", family_name="Berg", display_name="Nora Berg",
    email="nora@example.org", former_emails=(), former_names=(), department="", title="", manager_id="h-2",
    manager_email=None, country="", time_zone="Europe/Berlin", status="left", leaving_at=NOW - timedelta(hours=1),
    payroll="running", assets=(),
)  # fmt: skip
MANAGER = replace(NORA, id="h-2", email="new.manager@example.org", manager_id=None, status="active", leaving_at=None)


class Hr:
    """A people source, and the connections that lead to it."""

    def __init__(self, *people: Person, error: ConnectorError | None = None) -> None:
        self.people = {person.id: person for person in people}
        self.error = error
        self.asked = 0

    async def person(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Person | None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.people.get(person_id)

    async def find_person(self, *_: Any, **__: Any) -> Any: ...
    async def search_people(self, *_: Any, **__: Any) -> Any: ...
    async def managers(self, *_: Any, **__: Any) -> Any: ...

    async def to(self, name: str, spec: Any) -> Any:
        return self

    def pace(self, name: str, spec: Any, *, deadline: float) -> Pace:
        return unpaced


async def facts(
    hr: Hr,
    ability: Ability,
    *,
    told: bool = True,
    cuts: bool = False,
    by: Level = Level.CHANGE,
    cutoff: datetime = NOW - timedelta(hours=1),
    hr_leaving_at: datetime | None = None,
    named: dict[str, Any] | None = None,
    **parameters: Any,
) -> Any:
    platform = SimpleNamespace(hr=SimpleNamespace(system="hr"), systems={"hr": None})
    packet = SimpleNamespace(platform=platform)
    record = SimpleNamespace(system="hr", level=by)
    known = {"hr_id": "h-1", "employee_number": "E-1", "manager_email": "old.manager@example.org"}
    known |= named or {}
    state: Any = SimpleNamespace(
        asked=SimpleNamespace(facts=known, hr_leaving_at=hr_leaving_at),
        cutoff=cutoff,
        plan=SimpleNamespace(steps={"s-1": record}),
        work=SimpleNamespace(steps={"s-1": SimpleNamespace(status="verified" if told else "planned")}),
    )
    world: Any = SimpleNamespace(pinned=packet, current=packet, now=NOW)
    step: Any = SimpleNamespace(parameters=parameters, cuts_access=cuts)
    connections: Any = hr
    keyring: Any = None
    return await CurrentFacts(connections, keyring).of(state, world, step, ability)


async def test_a_manager_who_changed_is_sent_what_the_old_one_was_to_get() -> None:
    assert (await facts(Hr(NORA, MANAGER), NOTICE, **TO_MANAGER)).manager_email == "new.manager@example.org"


NAMED = {"hr_id": "1001", "employee_number": "1001", "given_name": "Nora", "family_name": "Berg",
         "display_name": "Nora Berg", "email": "nora@example.org"}  # fmt: skip
NEW = replace(
    NORA, id="1001", employee_number="1001", given_name="Adam", family_name="Nowak", display_name="Adam Nowak",
    email="adam@example.org", status="active", leaving_at=None,
)  # fmt: skip


async def test_a_number_that_was_given_to_a_new_person_sends_nothing_to_that_persons_manager() -> None:
    """HR's file has the employee number as its only ID."""
    for ability, parameters in ((NOTICE, TO_MANAGER), (DELETE, {})):
        with pytest.raises(RefusedError, match="another_person") as refused:
            await facts(Hr(NEW, MANAGER), ability, named=NAMED, told=False, **parameters)
        assert refused.value.happened == "no"
    cut = await facts(Hr(NEW, MANAGER), NOTICE, named=NAMED, cuts=True, **TO_MANAGER)
    assert cut.manager_email == "old.manager@example.org", "access is removed with what is known"


@pytest.mark.parametrize(
    "renamed",
    [
        {"family_name": "Lind", "display_name": "Nora Lind", "email": "lind@example.org"},
        {"given_name": "Noor", "family_name": "Lind", "display_name": "Noor Lind"},
        {
            "given_name": "",
            "family_name": "",
            "display_name": "N. Lind",
            "email": "l@example.org",
            "former_emails": ("NORA@example.org",),
        },
        {"given_name": "", "family_name": "", "display_name": "", "email": ""},
    ],
    ids=["given_name", "address", "former_address", "nothing_known"],
)
async def test_a_person_who_changed_the_name_is_the_same(renamed: dict[str, Any]) -> None:
    hr = Hr(replace(NORA, id="1001", employee_number="1001", **renamed), MANAGER)
    assert (await facts(hr, NOTICE, named=NAMED, **TO_MANAGER)).manager_email == "new.manager@example.org"


async def test_a_manager_who_left_is_sent_nothing() -> None:
    hr = Hr(NORA, replace(MANAGER, status="left"))
    assert (await facts(hr, NOTICE, **TO_MANAGER)).manager_email is None


async def test_hr_is_not_asked_where_nothing_depends_on_it() -> None:
    hr = Hr(NORA, MANAGER)
    assert (await facts(hr, NOTICE, to="it@example.org")).manager_email == "old.manager@example.org"
    assert hr.asked == 0


@pytest.mark.parametrize(
    "again", [{"status": "active", "leaving_at": None}, {"status": "leaving", "leaving_at": NOW + timedelta(days=30)}]
)
async def test_nothing_of_a_person_who_works_here_again_is_destroyed(again: dict[str, Any]) -> None:
    hr = Hr(replace(NORA, **again), MANAGER)
    with pytest.raises(RefusedError, match="employed_again") as refused:
        await facts(hr, DELETE)
    assert refused.value.happened == "no"
    assert await facts(hr, NOTICE, **TO_MANAGER)
    assert await facts(hr, DELETE, told=False), "HR was not told yet, so its record proves nothing"


@pytest.mark.parametrize("by", [Level.STAGE, Level.CHANGE])
async def test_a_leaving_that_was_entered_in_hr_and_taken_back_there_destroys_nothing(by: Level) -> None:
    """`record_leaving` has the level `stage`."""
    hr = Hr(replace(NORA, status="active", leaving_at=None), MANAGER)
    with pytest.raises(RefusedError, match="employed_again"):
        await facts(hr, DELETE, by=by)
    assert await facts(hr, DELETE, by=Level.PREPARE), "nothing was entered in HR"


@pytest.mark.parametrize(
    ("again", "destroyed"),
    [
        ({"status": "active", "leaving_at": None}, False),
        ({"status": "active", "leaving_at": NOW + timedelta(days=30)}, False),
        ({"status": "leaving", "leaving_at": NOW + timedelta(days=90)}, False),
        ({"status": "leaving", "leaving_at": NOW + timedelta(days=30)}, True),
        ({"status": "leaving", "leaving_at": NOW + timedelta(days=10)}, True),
        ({"status": "left", "leaving_at": NOW - timedelta(days=1)}, True),
    ],
    ids=["taken_back", "active_again", "later_than_before", "as_before", "earlier_than_before", "left"],
)
async def test_a_leaving_that_hr_had_at_the_start_and_took_back_destroys_nothing(
    again: dict[str, Any], destroyed: bool
) -> None:
    """The run entered nothing in HR. It removes access before the day that HR had."""
    hr = Hr(replace(NORA, **again), MANAGER)
    before = NOW + timedelta(days=30)
    if destroyed:
        assert await facts(hr, DELETE, told=False, hr_leaving_at=before)
    else:
        with pytest.raises(RefusedError, match="employed_again"):
            await facts(hr, DELETE, told=False, hr_leaving_at=before)
    assert await facts(hr, DELETE, told=False), "HR had no leaving at the start, so it took none back"


def test_the_start_records_when_the_person_leaves_by_hrs_record() -> None:
    assert leaving_in_hr("leaving", NOW) == NOW and leaving_in_hr("left", NOW) == NOW
    assert leaving_in_hr("active", None) is None and leaving_in_hr("active", NOW) is None
    undated = leaving_in_hr("left", None)
    assert undated is not None and abs(datetime.now(UTC) - undated) < timedelta(minutes=1)


async def test_a_step_before_the_cutoff_is_not_kept_by_the_cutoff_itself() -> None:
    cutoff = NOW + timedelta(hours=1)
    hr = Hr(replace(NORA, status="leaving", leaving_at=cutoff), MANAGER)
    assert await facts(hr, DELETE, by=Level.STAGE, cutoff=cutoff)
    with pytest.raises(RefusedError, match="employed_again"):
        await facts(hr, DELETE, by=Level.STAGE, cutoff=NOW)


@pytest.mark.parametrize("left", [{}, {"status": "leaving"}])
async def test_what_belonged_to_a_person_who_left_is_destroyed(left: dict[str, Any]) -> None:
    assert await facts(Hr(replace(NORA, **left), MANAGER), DELETE)
    assert await facts(Hr(), DELETE), "HR has removed the person"


async def test_only_steps_that_cut_access_go_on_without_hr() -> None:
    hr = Hr(error=TryAgainError("unreachable", happened="unknown"))
    with pytest.raises(TryAgainError) as raised:
        await facts(hr, DELETE)
    assert raised.value.happened == "no"
    assert (await facts(hr, NOTICE, cuts=True, **TO_MANAGER)).manager_email == "old.manager@example.org"
