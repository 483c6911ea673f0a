"""Reads the three files of a packet. All errors are reported at once, with file, line and field.

A packet's folder holds `workflow.yaml`, `platform.yaml` and `approvals.yaml`; other files in it are no one's
business here. Starter packets are data of the package `orchestrator.packets`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path as Folder
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.domain.errors import Invalid
from orchestrator.domain.packet import packet as models
from orchestrator.domain.packet.checks.expression_checks import expression_problems
from orchestrator.domain.packet.class_steps import expand
from orchestrator.domain.packet.formulas import Path
from orchestrator.domain.packet.packet import (
    FILE_NAMES,
    Approvals,
    Expansion,
    Packet,
    Platform,
    Workflow,
    packet_version,
)
from orchestrator.domain.packet.packet_yaml import PacketProblem, PacketProblems, YamlDocument, read_documents

_STARTERS: Final = "orchestrator.packets"

MAX_PROBLEMS: Final = 200
"""Problems listed for one file. Each is searched for a name that was meant, which takes processor time."""

M = TypeVar("M", Workflow, Platform, Approvals)


def parse_packet(
    files: Mapping[str, bytes], *, max_nodes: int | None = None, expansion: Expansion | None = None
) -> Packet:
    """Reads the three files, by name; files of other names are left out. `max_nodes` limits a file that comes from
    outside; versions in the ledger are read whatever they have. `expansion` is that of a version in the ledger; a
    packet from outside gets one by `class_steps.expanded`. Raises `PacketProblems` with all that is wrong in and
    between the lines of each file; whether the packet is valid as a whole, and with the connectors
    there are, is for `packet_checks.check_packet`. Packets of the same files are one object."""
    contents = tuple((name, bytes(files[name])) for name in FILE_NAMES if name in files)
    return _parsed(contents, max_nodes, tuple(expansion.items()) if expansion else ())


@lru_cache(maxsize=64)
def _parsed(
    contents: tuple[tuple[str, bytes], ...], max_nodes: int | None, expansion: tuple[tuple[str, tuple[str, ...]], ...]
) -> Packet:
    files = dict(contents)
    problems = [
        PacketProblem(file=name, message="is missing", remedy=f"a packet is {', '.join(FILE_NAMES)} in one folder")
        for name in FILE_NAMES
        if name not in files
    ]
    documents = read_documents(files, max_nodes)
    problems += [problem for document in documents.values() for problem in document.problems]
    workflow = _read(Workflow, documents.get(models.WORKFLOW_FILE), problems)
    platform = _read(Platform, documents.get(models.PLATFORM_FILE), problems)
    approvals = _read(Approvals, documents.get(models.APPROVALS_FILE), problems)
    problems += expression_problems(workflow, approvals, documents)
    if problems or workflow is None or platform is None or approvals is None:
        raise PacketProblems(sorted(problems, key=_by_place))
    systems = dict(expansion)
    return Packet(
        workflow=expand(workflow, platform, systems) if systems else workflow,
        written=workflow,
        expansion=systems or None,
        platform=platform,
        approvals=approvals,
        version=packet_version(files, systems),
        files=files,
    )


def read_packet_folder(path: Folder) -> Packet:
    """Raises `PacketProblems`, also where a file is not there, and `Invalid` where the folder cannot be read."""
    if not path.is_dir():
        raise Invalid("no_packet_folder", f"There is no folder {path.name!r}.", file=FILE_NAMES[0])
    try:
        files = {name: (path / name).read_bytes() for name in FILE_NAMES if (path / name).is_file()}
    except OSError as failed:
        raise Invalid("packet_unreadable", f"A file of the packet in {path.name!r} cannot be read.") from failed
    return parse_packet(files)


def starter_names() -> tuple[str, ...]:
    """The packets that ship with Offboard, in alphabetical order."""
    return tuple(sorted(entry.name for entry in resources.files(_STARTERS).iterdir() if _is_packet(entry)))


def starter_packet(name: str) -> Packet:
    """Raises `Invalid` (code `unknown_starter`) with the names there are."""
    if name not in starter_names():
        raise Invalid("unknown_starter", f"There is no starter packet {name!r}.", known=", ".join(starter_names()))
    folder = resources.files(_STARTERS).joinpath(name)
    return parse_packet({file: folder.joinpath(file).read_bytes() for file in FILE_NAMES})


def named_packet(named: str) -> Packet:
    """A starter packet by its name, or the packet in a folder. Raises like `read_packet_folder`."""
    return starter_packet(named) if named in starter_names() else read_packet_folder(Folder(named))


def _is_packet(entry: Any) -> bool:
    return bool(entry.is_dir() and entry.joinpath(models.WORKFLOW_FILE).is_file())


def _by_place(problem: PacketProblem) -> tuple[int, int]:
    return FILE_NAMES.index(problem.file), problem.line or 0


def _read(model: type[M], document: YamlDocument | None, problems: list[PacketProblem]) -> M | None:
    if document is None or document.data is None:
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as failed:
        seen: set[tuple[Path, str]] = set()
        errors = failed.errors(include_url=False)
        if len(errors) > MAX_PROBLEMS:
            more = f"has {len(errors) - MAX_PROBLEMS} more problems of this kind"
            problems.append(document.problem((), more, "correct those that are listed first"))
            errors = errors[:MAX_PROBLEMS]
        for error in errors:
            if error["type"] == "too_short" and any(_within(other, error) for other in errors):
                continue  # only looks empty because each of its entries is wrong, which is said already
            path = _place(document, error["loc"])
            message, remedy = _in_plain_words(error)
            if (path, message) not in seen:
                seen.add((path, message))
                problems.append(document.problem(path, message, remedy))
        return None


def _within(other: ErrorDetails, error: ErrorDetails) -> bool:
    return len(other["loc"]) > len(error["loc"]) and other["loc"][: len(error["loc"])] == error["loc"]


def _place(document: YamlDocument, location: tuple[int | str, ...]) -> Path:
    """Pydantic's location without what it adds for unions and keys, as far as the file has it; and one part more
    where the last one is missing from the file."""
    path: Path = ()
    for part in location:
        if (*path, part) in document.lines:
            path = (*path, part)
        elif part == location[-1] and isinstance(part, str) and part.isidentifier():
            return (*path, part)
    return path


@lru_cache(maxsize=1)
def _known_names() -> set[str]:
    return {
        field.alias or name
        for model in vars(models).values()
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name, field in model.model_fields.items()
    }


def _in_plain_words(error: ErrorDetails) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx") or {}
    name = str(error["loc"][-1]) if error["loc"] else ""
    if kind == "missing":
        return f"{name!r} is missing", "add it"
    if kind == "extra_forbidden":
        known = _known_names()
        if name in known:
            return f"{name!r} is not a field here", "it belongs to another part of the packet"
        close = difflib.get_close_matches(name, known, n=1)
        return f"{name!r} is not a field here", f"did you mean {close[0]!r}?" if close else "remove it"
    if kind == "value_error":
        return str(context.get("error", error["msg"])), ""
    if kind == "string_type":
        return "must be text", "put it in quotation marks"
    if kind == "string_pattern_mismatch":
        return "is not a name", "use lower-case letters, digits, '_' and '-', and begin with a letter"
    if kind in ("literal_error", "enum"):
        return "is not an allowed value", f"write {context.get('expected', 'one of them')}"
    if kind in ("tuple_type", "list_type"):
        return "must be a list", "write [first, second], or one per line behind a '-'"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "must have 'name: value' lines", ""
    if kind == "too_short":
        return "must not be empty", ""
    return error["msg"][:1].lower() + error["msg"][1:], ""
