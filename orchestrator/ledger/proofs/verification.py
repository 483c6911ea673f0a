"""Verifies a ledger from its raw rows, in a database or an exported file.

    rows ─► parts (parts.py), side by side ─► tree and checkpoints, in order ─┐
                    └─► streams (stream_order.py) ────────────────────────────┴─► the first wrong row, or none

Shares nothing with the code that writes: it follows `docs/ledger-format.md` with a parser, a tree and a note reader of
its own, so that a fault in one is found by the other. Needs no key but the checkpoint's verifier key, and reads no
personal data. Memory does not grow with the events; each takes some 150 bytes of a temporary folder.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import psycopg

from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.processes import started_processes
from orchestrator.ledger.proofs.parts import COPIED, PART, Nodes, PartFound, WrongRow, careful_part, quick_part
from orchestrator.ledger.proofs.raw_rows import (
    RowsUnreadable,
    copied_rows,
    event_rows,
    exported_rows,
    extent,
    file_rows,
    hidden_rows,
    position_after,
    raw_connection,
)
from orchestrator.ledger.proofs.signed_note import NoteRefused, SignedRoot, read_signed_root
from orchestrator.ledger.proofs.stored_files import FileRow, StatedFiles
from orchestrator.ledger.proofs.stream_order import check_order, files_for, put_aside

PARTS_AT_ONCE: Final = 4
"""ReadParts that a process reads over one connection before it takes others."""
_RESTORE = (
    "Keep this database as it is for examination, and compare it with a backup and with the checkpoints kept elsewhere"
)
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Wrong:
    """The first thing that is wrong. `position` is the row's, or None where it is not about one row."""

    position: int | None
    place: str
    what: str
    remedy: str = _RESTORE

    def __str__(self) -> str:
        return f"{self.place}: {self.what}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """`ok` if nothing is wrong. `events`, `streams` and `root` describe the part that was verified; `checkpoints` is
    the number of signed roots in it, `files` the number of stored files that match their digests and the events."""

    events: int
    streams: int
    root: bytes
    checkpoints: int = 0
    wrong: Wrong | None = None
    files: int = 0
    unlisted_files: int = 0
    covered: int = 0

    @property
    def ok(self) -> bool:
        return self.wrong is None


def verify_database(
    url: str, *, against: Sequence[str] = (), verifier_key: str | None = None, processes: int = 1
) -> VerificationReport:
    """Reads every row of `ledger.events` that was there when it began, and every stored file. `against` are
    checkpoints (signed notes, as text) kept elsewhere, in any order, `verifier_key` the key they must be signed with.
    A large ledger is read by `processes` at once, each with a connection. Blocks: call it in a thread.

    Raises psycopg's OperationalError when the database cannot be reached, OSError when the temporary folder is full,
    and LedgerError when one of the processes was ended.
    """
    with raw_connection(url) as connection, _side_by_side(processes) as run:
        head, last = extent(connection)
        stated = StatedFiles()
        try:
            found = _verify(partial(_database_parts, url, last), last, run, against, verifier_key, stated, head)
        except BrokenProcessPool:
            raise LedgerError(
                "ledger verify", "one of its processes was ended", "Check the memory of this machine and run it again"
            ) from None
        hidden = hidden_rows(connection)
        if found.ok and hidden is not None:
            return replace(found, wrong=Wrong(None, *hidden))
        return _with_files(connection, found, stated) if found.ok else found


def verify_file(path: Path, *, against: Sequence[str] = (), verifier_key: str | None = None) -> VerificationReport:
    """The same for a file that `export_rows` wrote, in one process; stored files are not in it."""
    events = path.stat().st_size // 1000  # about; it decides how many temporary files there are
    with _side_by_side(1) as run:
        return _verify(partial(_file_parts, path), events, run, against, verifier_key, StatedFiles())


class SideBySide(Protocol):
    """`map`, in other processes. Results come in the order of the items, of which only some are taken ahead: there can
    be more than memory holds."""

    def __call__(self, work: Callable[[T], R], items: Iterable[T]) -> Generator[R]: ...


@dataclass(frozen=True, slots=True)
class _Aside:
    """`folder` is where parts leave what the order of streams needs, in `files` files; nowhere, where that is 0.
    `sizes` are the sizes of the tree that are compared; `part` is how many rows a part has."""

    folder: Path
    files: int
    sizes: Sequence[int]
    part: int


ReadParts = Callable[[SideBySide, _Aside], Generator[PartFound]]
"""All parts in order. Their facts are not in them any more."""


class _FirstWrong(Exception):
    def __init__(self, wrong: Wrong) -> None:
        super().__init__(wrong.what)
        self.wrong = wrong


def _verify(
    parts: ReadParts,
    events: int,
    run: SideBySide,
    against: Sequence[str],
    verifier_key: str | None,
    stated: StatedFiles,
    head: Sequence[int] | None = None,
) -> VerificationReport:
    """`head` are the positions found in `ledger.head`, if there is such a table. `stated` gets what the events state
    about stored files."""
    wrong = None
    tree = _Tree([])
    with tempfile.TemporaryDirectory(prefix="offboard-verify-") as name:
        try:
            marks = _signed_roots(against, verifier_key)
            tree = _Tree(marks)
            aside = _Aside(Path(name), files_for(events), [mark.size for mark in marks], PART)
            with closing(parts(run, aside)) as found:
                for part in found:
                    for position, rows in part.stated:
                        stated.add(position, rows)
                    tree.add(part)
            tree.end(head)
        except _FirstWrong as bad:
            wrong = bad.wrong
        except RowsUnreadable as bad:
            wrong = Wrong(None, bad.place, bad.what, "Export again")
        if not tree.events:
            return VerificationReport(0, 0, tree.root(), tree.met, wrong)
        orders = list(run(partial(check_order, aside.folder, below=tree.events + 1), range(aside.files)))
        breaks = min((order.wrong for order in orders if order.wrong is not None), key=_position, default=None)
        if breaks is None:
            streams = sum(order.streams for order in orders)
            return VerificationReport(tree.events, streams, tree.root(), tree.met, wrong, covered=tree.covered)
        # Everything before it is as it should be: its tree is made again, since the one above goes beyond it.
        whole, tree = breaks.position - 1, _Tree(marks)
        with closing(parts(run, replace(aside, files=0, sizes=[*aside.sizes, whole]))) as found:
            for part in found:
                tree.add(part.until(whole))
                if tree.events == whole:
                    break
        orders = list(run(partial(check_order, aside.folder, below=breaks.position), range(aside.files)))
        streams = sum(order.streams for order in orders)
    return VerificationReport(tree.events, streams, tree.root(), tree.met, _wrong_row(breaks), covered=tree.covered)


def _position(row: WrongRow) -> int:
    return row.position


def _wrong_row(row: WrongRow) -> Wrong:
    return Wrong(row.position, f"position {row.position}", row.what)


@contextmanager
def _side_by_side(processes: int) -> Iterator[SideBySide]:
    """Other processes are started when there are items enough for them."""
    pool: ProcessPoolExecutor | None = None

    def run(work: Callable[[T], R], items: Iterable[T]) -> Generator[R]:
        nonlocal pool
        left = iter(items)
        some = list(islice(left, 2)) if processes > 1 else []
        if len(some) < 2 and pool is None:
            yield from map(work, some)
            yield from map(work, left)
            return
        if pool is None:
            pool = started_processes(processes)
        begun: deque[Future[R]] = deque(pool.submit(work, item) for item in some)
        try:
            begun.extend(pool.submit(work, item) for item in islice(left, 2 * processes))
            while begun:
                yield begun.popleft().result()
                begun.extend(pool.submit(work, item) for item in islice(left, 1))
        finally:
            for waiting in begun:
                waiting.cancel()
            wait(begun)  # they write to the temporary folder

    try:
        yield run
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _database_parts(url: str, last: int, run: SideBySide, aside: _Aside) -> Generator[PartFound]:
    step = PARTS_AT_ONCE * aside.part
    spans = ((first, min(first + step, last)) for first in range(0, last, step))
    with closing(run(partial(_read_parts, url, aside), spans)) as read:
        for parts in read:
            yield from parts


def _read_parts(url: str, aside: _Aside, span: tuple[int, int]) -> list[PartFound]:
    """The parts after the one position, up to the other; those after a wrong one are left out."""
    parts: list[PartFound] = []
    with raw_connection(url) as connection:
        for start in range(span[0], span[1], aside.part):
            until = min(start + aside.part, span[1])
            part = quick_part(start, copied_rows(connection, COPIED, start, until), aside.sizes)
            if part is None or part.events < until - start:
                part = careful_part(start, event_rows(connection, until, start), aside.sizes)
            if part.wrong is None and part.events < until - start:
                missing = start + part.events + 1
                following = position_after(connection, missing)
                part.wrong = WrongRow(missing, f"it is missing; the next row is {following}")
            parts.append(_put_aside(part, aside))
            if part.wrong is not None:
                break
    return parts


def _file_parts(path: Path, run: SideBySide, aside: _Aside) -> Generator[PartFound]:
    with path.open(encoding="utf-8") as lines:
        rows, first, bad = exported_rows(path.name, lines), 0, None
        while bad is None:
            some = []
            try:
                for row in islice(rows, aside.part):
                    some.append(row)
            except RowsUnreadable as error:
                bad = error
            if some:
                yield _put_aside(careful_part(first, some, aside.sizes), aside)
            if bad is not None:
                raise bad
            if len(some) < aside.part:
                return
            first += aside.part


def _put_aside(part: PartFound, aside: _Aside) -> PartFound:
    if aside.files:
        put_aside(aside.folder, aside.files, part.facts)
    part.facts = []
    return part


class _Tree:
    """The tree over the parts so far, with the checkpoints that it has met (RFC 6962)."""

    def __init__(self, marks: Sequence[SignedRoot]) -> None:
        self.events = self.met = self.covered = 0
        self._marks = deque(marks)
        self._subtrees: Nodes = []
        self._meet(0, [])

    def add(self, part: PartFound) -> None:
        """The next part. Raises `_FirstWrong`; the tree then ends before what is wrong."""
        until = part.first + part.events
        while self._marks and self._marks[0].size <= until:
            size = self._marks[0].size
            self._meet(size, part.nodes[size])
        self._push(until, part.nodes[until])
        if part.wrong is not None:
            raise _FirstWrong(_wrong_row(part.wrong))

    def end(self, head: Sequence[int] | None) -> None:
        if head is not None and list(head) != [self.events]:
            says = ", ".join(map(str, head)) or "nothing"
            raise _FirstWrong(Wrong(None, "ledger.head", f"it says {says}, there are {self.events}"))
        if self._marks:
            raise _FirstWrong(
                Wrong(
                    self.events + 1,
                    f"position {self.events + 1}",
                    f"it is missing: the ledger ends before it, and a checkpoint states {self._marks[0].size} events",
                )
            )

    def root(self) -> bytes:
        return _root(self._subtrees)

    def _meet(self, size: int, nodes: Nodes) -> None:
        """Every checkpoint of this size; `nodes` are those of the part that it is in."""
        while self._marks and self._marks[0].size == size:
            if _root([*self._subtrees, *nodes]) != self._marks.popleft().root:
                first = self.covered + 1
                self._push(size, nodes)
                raise _FirstWrong(
                    Wrong(
                        first,
                        f"positions {first} to {size}",
                        f"the root differs from the checkpoint of {size} events: at least one of these rows was "
                        "rewritten, with the hashes after it",
                    )
                )
            self.met += 1
            self.covered = size

    def _push(self, events: int, nodes: Nodes) -> None:
        for size, node in nodes:
            while self._subtrees and self._subtrees[-1][0] == size:
                node = hashlib.sha256(b"\x01" + self._subtrees.pop()[1] + node).digest()
                size *= 2
            self._subtrees.append((size, node))
        self.events = events


def _root(subtrees: Nodes) -> bytes:
    if not subtrees:
        return hashlib.sha256(b"").digest()
    root = subtrees[-1][1]
    for _, left in reversed(subtrees[:-1]):
        root = hashlib.sha256(b"\x01" + left + root).digest()
    return root


def _signed_roots(notes: Sequence[str], verifier_key: str | None) -> list[SignedRoot]:
    if notes and verifier_key is None:
        raise ValueError("verification: checkpoints need the verifier key that they were signed with")
    roots = []
    for number, note in enumerate(notes, 1):
        try:
            roots.append(read_signed_root(note, verifier_key or ""))
        except NoteRefused as error:
            raise _FirstWrong(
                Wrong(None, f"checkpoint {number}", str(error), "Give a checkpoint and key that belong to this ledger")
            ) from error
    return sorted(roots, key=lambda mark: mark.size)


def _with_files(
    connection: psycopg.Connection[Any], found: VerificationReport, stated: StatedFiles
) -> VerificationReport:
    """Each file's ciphertext against its digest, and its row against the events. A file that no event states is one of
    an older version, or of a command that was refused at the last moment."""
    count, unlisted = 0, 0
    before: bytes | None = None
    for digest, sealed, columns in file_rows(connection):
        what = stated.compare(digest, FileRow(*columns))
        if sealed is None or hashlib.sha256(sealed).digest() != digest:
            what = "the hash of its bytes is not its digest: one of the two was changed"
        if digest == before:
            what = "it occurs twice"
        if what is not None:
            return replace(found, files=count, wrong=Wrong(None, f"file {digest.hex()}", what))
        before = digest
        count += 1
        unlisted += not stated.lists(digest)
    missing = stated.missing()
    if missing is not None:
        digest, what = missing
        return replace(found, files=count, wrong=Wrong(None, f"file {digest.hex()}", what))
    return replace(found, files=count, unlisted_files=unlisted)
