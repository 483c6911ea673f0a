"""What differs in meaning between two versions of a packet: each change with its file, the owner of that file, and
whether it is wording, stricter, laxer or other (`change_table`).

A file whose bytes differ has at least one change: where no field differs, comments, layout or order do, which is
wording. The systems of a step for every system of a class are part of a version; they concern both owners, since each
follows from both files and from the connectors at the adoption.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel

from orchestrator.domain.packet.packet import (
    APPROVALS_FILE,
    PLATFORM_FILE,
    WORKFLOW_FILE,
    Approvals,
    LevelRule,
    MatchKey,
    Packet,
    Platform,
)
from orchestrator.domain.packet.versions.change_table import ChangeKind, FieldRow, row_of
from orchestrator.domain.permissions.levels import Level

FileOwner = Literal["value", "safety", "both"]
FILE_OWNERS: Final[Mapping[str, FileOwner]] = {WORKFLOW_FILE: "value", PLATFORM_FILE: "safety", APPROVALS_FILE: "both"}


@dataclass(frozen=True, slots=True)
class PartOf:
    """A part of a packet that a change is in. `words` say what it is, such as `step`; `title` is its title or name,
    None for a part that there is once."""

    words: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class FileChange:
    """One difference. `place` is the path in the file, such as `steps.disable.gate`. `what`: a value is another one, an
    entry is added or removed, entries have another order, a permission is another one, a step for every system of a
    class has other systems, or only the text of the file differs. `before` and `after` are values of the packet's
    models, None where there is none. `parts` are from the outside to the inside."""

    file: str
    owner: FileOwner
    kind: ChangeKind
    what: Literal["value", "added", "removed", "order", "permission", "systems", "text"]
    place: tuple[str, ...]
    words: str
    parts: tuple[PartOf, ...] = ()
    before: Any = None
    after: Any = None


def changes(before: Packet, after: Packet) -> tuple[FileChange, ...]:
    """In the order of the files, and within a file in the order of its fields. Empty for the same version."""
    found: list[FileChange] = []
    for file, old, new in (
        (WORKFLOW_FILE, before.written, after.written),
        (PLATFORM_FILE, before.platform, after.platform),
        (APPROVALS_FILE, _limits_stated(before.approvals), _limits_stated(after.approvals)),
    ):
        if before.files[file] == after.files[file]:
            continue
        in_file = list(_in_model(_Place(file), old, new))
        if file == PLATFORM_FILE:
            in_file += _permissions(before, after)
        found += in_file or [FileChange(file, FILE_OWNERS[file], "wording", "text", (), "text")]
    return (*found, *_class_systems(before, after))


@dataclass(frozen=True, slots=True)
class _Place:
    file: str
    path: tuple[str, ...] = ()
    parts: tuple[PartOf, ...] = ()

    def inside(self, *path: str, part: PartOf | None = None) -> _Place:
        return _Place(self.file, (*self.path, *path), (*self.parts, part) if part is not None else self.parts)

    def change(self, kind: ChangeKind, what: Any, words: str, before: Any = None, after: Any = None) -> FileChange:
        return FileChange(self.file, FILE_OWNERS[self.file], kind, what, self.path, words, self.parts, before, after)


def _in_model(place: _Place, before: BaseModel, after: BaseModel) -> Iterator[FileChange]:
    for name, field in type(after).model_fields.items():
        old, new = getattr(before, name), getattr(after, name)
        if isinstance(after, Platform) and name == "levels":
            continue
        if not _same(old, new):
            yield from _in_field(place.inside(field.alias or name), row_of(type(after), name), old, new)


def _in_field(place: _Place, row: FieldRow, before: Any, after: Any) -> Iterator[FileChange]:
    if row.entries:
        yield from _in_entries(place, row, _by_name(before), _by_name(after))
    elif before is None:
        yield place.change(row.appears, "added" if row.parts else "value", row.words, None, after)
    elif after is None:
        yield place.change(row.vanishes, "removed" if row.parts else "value", row.words, before, None)
    elif row.parts:
        yield from _in_model(place.inside(part=PartOf(row.words)), before, after)
    else:
        yield place.change(row.judge(before, after), "value", row.words, before, after)


def _in_entries(
    place: _Place, row: FieldRow, before: Mapping[str, BaseModel], after: Mapping[str, BaseModel]
) -> Iterator[FileChange]:
    for name in dict.fromkeys((*before, *after)):
        shown = after.get(name) or before[name]
        entry = place.inside(name, part=PartOf(row.words, getattr(shown, "title", None) or name))
        if name not in before:
            yield entry.change(row.appears, "added", row.words)
        elif name not in after:
            yield entry.change(row.vanishes, "removed", row.words)
        elif not _same(before[name], after[name]):
            yield from _in_model(entry, before[name], after[name])
    kept = [name for name in before if name in after]
    if row.ordered and kept != [name for name in after if name in before]:
        yield place.change("other", "order", row.words, tuple(before), tuple(after))


def _by_name(entries: Mapping[str, BaseModel] | Iterable[BaseModel]) -> Mapping[str, BaseModel]:
    """Entries of a list that have the same name are numbered: the first one counts for a match, for example."""
    if isinstance(entries, Mapping):
        return entries
    named: dict[str, BaseModel] = {}
    for entry in entries:
        name = _name_of(entry)
        same = sum(1 for known in named.values() if _name_of(known) == name)
        named[f"{name} ({same + 1})" if same else name] = entry
    return named


def _name_of(entry: BaseModel) -> str:
    return f"{entry.key}={entry.attribute}" if isinstance(entry, MatchKey) else str(getattr(entry, "name", entry))


def _same(before: Any, after: Any) -> bool:
    """Whether two values are the same in a packet: for Python, `true` equals 1."""
    if isinstance(before, BaseModel):
        names = type(before).model_fields
        return type(before) is type(after) and all(_same(getattr(before, one), getattr(after, one)) for one in names)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(_same(before[name], after[name]) for name in before)
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return len(before) == len(after) and all(_same(one, other) for one, other in zip(before, after, strict=True))
    return type(before) is type(after) and bool(before == after)


def _limits_stated(approvals: Approvals) -> Approvals:
    """With the limits that hold: a file without them has the default ones."""
    return approvals.model_copy(update={"starts": approvals.start_limits})


def _permissions(before: Packet, after: Packet) -> Iterator[FileChange]:
    """Level by level of what the lines grant to a role, a kind of account and a system. A system that only one version
    has is left out of it where the other version grants nothing there."""
    rules = (*before.platform.levels, *after.platform.levels)
    systems = {*before.platform.systems, *after.platform.systems}
    workflows = {after.name, *(name for rule in rules for name in rule.workflows if name != "*")}
    old = grants(before.platform.levels, systems, workflows)
    new = grants(after.platform.levels, systems, workflows)
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        kind, who, system, workflow = key
        spec = after.platform.systems.get(system) or before.platform.systems.get(system)
        parts = [PartOf(kind, who), PartOf("system", spec.title if spec is not None else system)]
        if workflow != after.name:
            parts.append(PartOf("workflow", workflow))
        more = was is None or (now is not None and now > was)
        # Steps need the permission of the people and services that cause them. No step needs an assistant.
        judged: ChangeKind = "laxer" if more else "stricter" if kind == "assistant" else "other"
        place = ("levels", kind, who, system, workflow)
        yield FileChange(PLATFORM_FILE, "safety", judged, "permission", place, "permission", tuple(parts), was, now)


def grants(
    rules: Iterable[LevelRule], systems: Iterable[str], workflows: Iterable[str]
) -> dict[tuple[str, str, str, str], Level]:
    """The highest level by kind of account, role, system and workflow. `*` as a role stays as it is: everyone of that
    kind. `*` as a system or workflow is each of those given."""
    known_systems, known_workflows = sorted(systems), sorted(workflows)
    found: dict[tuple[str, str, str, str], Level] = {}
    for rule in rules:
        for system in known_systems if "*" in rule.systems else rule.systems:
            for workflow in known_workflows if "*" in rule.workflows else rule.workflows:
                key = (rule.kind, rule.who, system, workflow)
                if key not in found or found[key] < rule.up_to:
                    found[key] = rule.up_to
    return found


def _class_systems(before: Packet, after: Packet) -> Iterator[FileChange]:
    """Steps that both versions have for every system of a class. A system without its step is laxer."""
    old, new = before.expansion or {}, after.expansion or {}
    for step in after.written.steps:
        if step.name not in old or step.name not in new or set(old[step.name]) == set(new[step.name]):
            continue
        kind: ChangeKind = "laxer" if set(old[step.name]) - set(new[step.name]) else "other"
        place, parts = ("steps", step.name, "every"), (PartOf("step", step.title),)
        was, now = old[step.name], new[step.name]
        yield FileChange(WORKFLOW_FILE, "both", kind, "systems", place, "systems of the class", parts, was, now)
