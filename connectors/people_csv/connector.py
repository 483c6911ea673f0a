"""People from HR's CSV files: a file, or a folder into which exports are put.

Each question is answered from the newest complete file. The kind has no acts: nothing can be entered in a file,
so steps for that are tasks of people. A person whose row cannot be read is an error and not
unknown, and an unknown person has not left.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from connectors.abilities import (
    Ability,
    Account,
    Effect,
    Lookup,
    Pace,
    Reachability,
    ReadBack,
    Reply,
    unpaced,
)
from connectors.account_set import comparable
from connectors.acts import ActTable
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.listing import LeaversListed, ListedLeaver, PeopleListed, UnreadableRecord
from connectors.people import Person, number_key
from connectors.people_csv.folder import EARLIER_FILES, FoundFile, complete_files, content_of, require_recent
from connectors.people_csv.mapping import ExportFormat, export_format
from connectors.people_csv.reading import at, count_people, read_export
from connectors.people_csv.rows import BadRow, Export, keys_of

KIND: Final = "people_csv"
ACTS: Final[ActTable[Any, Any]] = ActTable(KIND)
ATTRIBUTES: Final = ("id", "employee_number", "email")
_LINES_NAMED: Final = 5
_accepted: dict[Path, int] = {}
"""How many people the file that was read last had, by path, for as long as the process runs: connectors that are not
used are closed."""


class PeopleCsvSettings(BaseModel):
    """Where the files are and how they are written."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: str = Field(min_length=1, description="a file, or a folder with exports, in OFFBOARD_SECRETS_FOLDER")
    columns: dict[str, str] = Field(description="the titles of columns by field; hr.export_columns in platform.yaml")
    format: dict[str, Any] = Field({}, description="hr.export_format in platform.yaml")
    newest_by: Literal["time", "name"] = Field("time", description="time or name: which file of a folder is the newest")
    settle_seconds: float = Field(
        60.0, ge=0, le=86_400, description="for how many seconds a complete file has not changed"
    )
    max_age_hours: float = Field(
        48.0, gt=0, le=87_600, allow_inf_nan=False, description="the age in hours from which a file is not used"
    )
    fewest_people: int | None = Field(
        None, ge=0, description="the fewest people that a complete file can have, instead of half of the people before"
    )

    @field_validator("columns", "format", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class _Known:
    """One file as it was read. `day` is the date on which it was: what is long ago depends on it."""

    file: FoundFile
    export: Export
    day: date
    by_id: Mapping[str, Person]
    by_number: Mapping[str, Person]

    def person(self, person_id: str) -> Person | None:
        """Where the employee number is the id, a later file can spell it in another way."""
        same = self.by_number.get(number_key(person_id))
        return self.by_id.get(person_id) or (same if same is not None and same.id == same.employee_number else None)

    @property
    def count(self) -> int:
        return _count(self.export)


class PeopleCsvConnector:
    """See `connectors.abilities.Connector` and `connectors.people.PeopleSource`. `clock` is the time in seconds since
    1970."""

    def __init__(
        self,
        settings: PeopleCsvSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._path = Path(settings.path)
        self._form: ExportFormat = export_format(settings.columns, settings.format)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: _Known | None = None
        self._counts: dict[object, int] = {}

    @property
    def kind(self) -> str:
        return KIND

    @property
    def abilities(self) -> Mapping[str, Ability]:
        return ACTS.abilities

    def __repr__(self) -> str:
        return f"PeopleCsvConnector({self._path})"

    async def find_accounts(
        self, lookups: Sequence[Lookup], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Account]:
        """Rows of people, for packets that name this system in a step or a condition."""
        shown = [each for each in ATTRIBUTES if each == "id" or each in self._settings.columns]
        for lookup in lookups:
            if lookup.attribute not in shown:
                raise ActionRequiredError(
                    "unknown_attribute",
                    f"People in HR's file have no attribute {lookup.attribute!r}.",
                    remedy=f"Match by one of: {', '.join(shown)}; or map the column in hr.export_columns.",
                    happened="no",
                )
        known = await self._newest(deadline, pace)
        found: dict[str, Account] = {}
        for lookup in lookups:
            wanted = lookup.value.casefold()
            if not wanted.strip():
                continue
            _require_readable(known, lookup.value)
            for person in known.by_id.values():
                values = {"id": person.id, "employee_number": person.employee_number, "email": person.email}
                if values[lookup.attribute].casefold() == wanted:
                    working = self._now(person).status != "left"
                    found[person.id] = Account(person.id, person.display_name, values, working)
        return list(found.values())

    async def attempt(self, effect: Effect, *, pace: Pace = unpaced) -> Reply:
        ACTS.act(effect.ability)
        raise AssertionError("there are no acts")

    async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
        ACTS.act(effect.ability)
        raise AssertionError("there are no acts")

    async def check(self, *, deadline: float = 10.0, pace: Pace = unpaced) -> Reachability:
        try:
            known = await self._newest(deadline, pace)
        except ConnectorError as error:
            return Reachability(False, f"{error.detail} {error.remedy}".strip(), error.code)
        changed = datetime.fromtimestamp(known.file.modified, UTC)
        said = f"{known.file.path.name} of {changed:%Y-%m-%d %H:%M} UTC: {known.count} people"
        leaving = sum(self._now(person).status == "leaving" for person in known.by_id.values())
        said += f", {leaving} leaving."
        if bad := known.export.bad:
            lines = ", ".join(str(row.line) for row in bad[:_LINES_NAMED])
            more = ", …" if len(bad) > _LINES_NAMED else ""
            said += f" {len(bad)} rows cannot be read (line {lines}{more}); see `offboard hr check`."
        return Reachability(True, said)

    async def aclose(self) -> None:
        self._known = None

    async def find_person(self, identifier: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Sequence[Person]:
        if not identifier.strip():
            return []
        known = await self._newest(deadline, pace)
        _require_readable(known, identifier)
        wanted, number = comparable(identifier), number_key(identifier)
        return [
            self._now(person)
            for person in known.by_id.values()
            if identifier == person.id
            or wanted == comparable(person.email)
            or number == number_key(person.employee_number)
        ]

    async def search_people(
        self, text: str, *, limit: int = 50, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Person]:
        known = await self._newest(deadline, pace)
        typed = _folded(text)
        if not typed:
            return []
        exact, others = [], []
        for person in known.by_id.values():
            number, address = _folded(person.employee_number), _folded(person.email)
            if typed in (number, address):
                exact.append(person)
            elif number.startswith(typed) or address.startswith(typed) or _name_has(person, typed.split()):
                others.append(person)
        return [self._now(person) for person in [*exact, *others][:limit]]

    async def list_people(self, *, at_most: int, deadline: float, pace: Pace = unpaced) -> PeopleListed:
        known = await self._newest(deadline, pace)
        people = [self._now(person) for person in known.by_id.values()]
        if known.export.bad:
            return PeopleListed(people, f"{len(known.export.bad)} rows of HR's file cannot be read.")
        return PeopleListed(people[:at_most], f"HR has more than {at_most} people." if len(people) > at_most else "")

    async def leavers(self, *, deadline: float, pace: Pace = unpaced) -> LeaversListed:
        known = await self._newest(deadline, pace)
        leavers = [
            ListedLeaver(row.person.id, row.cutoff.instant, f"line {row.line}")
            for row in known.export.rows
            if row.cutoff is not None
        ]
        unreadable = [UnreadableRecord(f"line {row.line}", f"the row {row.message}") for row in known.export.bad]
        file = known.file
        version = hashlib.sha256(repr(file.identity).encode()).hexdigest()
        return LeaversListed(leavers, unreadable, file.path.name, datetime.fromtimestamp(file.modified, UTC), version)

    async def person(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Person | None:
        known = await self._newest(deadline, pace)
        found = known.person(person_id)
        if found is None:
            _require_readable(known, person_id)
            return None
        return self._now(found)

    async def managers(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Sequence[Person]:
        known = await self._newest(deadline, pace)
        person = known.person(person_id)
        if person is None:
            _require_readable(known, person_id)
            raise RefusedError(
                "not_found", "HR's file has no such person.", remedy="Check the ID in HR's export.", happened="no"
            )
        chain: list[Person] = []
        seen = {person.id}
        while person.manager_id is not None and person.manager_id not in seen:
            seen.add(person.manager_id)
            _require_readable(known, person.manager_id)
            manager = known.by_id.get(person.manager_id)
            if manager is None:
                break
            chain.append(self._now(manager))
            person = manager
        return chain

    def _now(self, person: Person) -> Person:
        return at(person, person.leaving_at, datetime.fromtimestamp(self._clock(), UTC))

    async def _newest(self, deadline: float, pace: Pace) -> _Known:
        """The newest complete file, read at most once. Raises `ConnectorError`."""
        await pace()
        try:
            async with asyncio.timeout(deadline), self._lock:
                return await asyncio.to_thread(self._read_newest)
        except TimeoutError:
            raise TryAgainError(
                "deadline_over",
                f"{self._path} was not read within {deadline:g} seconds.",
                remedy="It is tried again.",
                happened="no",
            ) from None

    def _read_newest(self) -> _Known:
        found = complete_files(self._path, self._settings.newest_by, self._settings.settle_seconds, self._clock)
        newest, today = found[0], datetime.fromtimestamp(self._clock(), UTC).date()
        require_recent(newest.path.name, newest.modified, self._settings.max_age_hours, self._clock())
        known = self._known
        if known is not None and known.file.identity == newest.identity and known.day == today:
            return known
        export = self._export(newest)
        self._require_whole(newest, export, found[1 : 1 + EARLIER_FILES])
        people = [row.person for row in export.rows]
        by_number = {number_key(person.employee_number): person for person in people if person.employee_number}
        self._known = _Known(newest, export, today, {person.id: person for person in people}, by_number)
        _accepted[self._path] = self._known.count
        return self._known

    def _export(self, file: FoundFile) -> Export:
        now = datetime.fromtimestamp(self._clock(), UTC)
        export = read_export(content_of(file), self._settings.columns, self._form, now=now)
        hidden = next((row for row in export.bad if row.hides), None)
        if hidden is not None:
            raise ActionRequiredError(
                "export_quotation",
                f"{file.path.name}, line {hidden.line}: the row {hidden.message}. It can hide other people.",
                remedy="Correct it in HR and export again.",
                happened="no",
            )
        return export

    def _require_whole(self, file: FoundFile, export: Export, earlier: Sequence[FoundFile]) -> None:
        """A truncated export must not look as if most people were gone."""
        count, fewest = _count(export), self._settings.fewest_people
        if fewest is not None:
            if count < fewest:
                raise _too_few(file, count, f"fewest_people is {fewest}")
            return
        most = max([_accepted.get(self._path, 0), *(self._count_of(each) for each in earlier)])
        if count * 2 < most:
            raise _too_few(file, count, f"an earlier file has {most}")

    def _count_of(self, file: FoundFile) -> int:
        """0 for an earlier file that cannot be read."""
        if file.identity not in self._counts:
            try:
                self._counts[file.identity] = count_people(content_of(file), self._settings.columns, self._form)
            except ConnectorError:
                self._counts[file.identity] = 0
            for old in list(self._counts)[: -4 * EARLIER_FILES]:
                del self._counts[old]
        return self._counts[file.identity]


def make_people_csv(settings: PeopleCsvSettings, allowed_hosts: Collection[str]) -> PeopleCsvConnector:
    """Raises `ActionRequiredError` for a mapping that is wrong. Nothing is read yet."""
    return PeopleCsvConnector(settings)


def _count(export: Export) -> int:
    return len(export.rows) + len(export.bad)


def _require_readable(known: _Known, identifier: str) -> None:
    """A row that cannot be read could be the person who is looked for. Raises `ActionRequiredError`."""
    row: BadRow
    for row in known.export.bad:
        if not row.keys.isdisjoint(keys_of((identifier,))):
            raise ActionRequiredError(
                "person_unreadable",
                f"{known.file.path.name}, line {row.line}: the row {row.message}.",
                remedy="Correct the row in HR and export again.",
                happened="no",
            )


def _too_few(file: FoundFile, count: int, other: str) -> ActionRequiredError:
    return ActionRequiredError(
        "people_file_too_small",
        f"{file.path.name} has {count} people, but {other}. It may be incomplete, so it is not used.",
        remedy="Export all people again. If the number is right, set fewest_people in the system's connection to it.",
        happened="no",
    )


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


def _name_has(person: Person, words: Sequence[str]) -> bool:
    names = (person.given_name, person.family_name, person.display_name, *person.former_names)
    name = _folded(" ".join(names))
    return all(word in name for word in words)
