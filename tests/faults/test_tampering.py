"""A superuser of the database edits the ledger at random. Each edit of what is hashed, up to the checkpoint, is found;
what no hash or checkpoint covers is named in every report.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orchestrator.ledger.proofs.coverage import not_covered
from orchestrator.ledger.proofs.raw_rows import export_rows
from orchestrator.ledger.proofs.verification import VerificationReport, verify_database, verify_file
from tests.cli.command_line import CommandResult, Offboard
from tests.faults.batch import TrialBatch
from tests.faults.ledger_edits import FOUND, NOT_COVERED
from tests.faults.tampered_ledger import VERIFIER_KEY, TamperedLedger, tampered_ledger
from tests.integration.signed_databases import MASTER_KEY

EDITS = 100
"""In one batch; ten batches are a full run."""
EXPORTED = frozenset({"one_column", "rows_deleted", "rows_swapped", "field_rewritten", "truncated_and_filled_again"})
"""Edits of events that are also looked for in an export. What has no position is in no export."""
AT_THE_TERMINAL = 2
"""Edits of a batch after which `offboard ledger verify` runs as a process: each takes a second or more."""


def verified(here: TamperedLedger) -> VerificationReport:
    return verify_database(here.url, against=[here.note], verifier_key=VERIFIER_KEY)


def edit(here: TamperedLedger, name: str) -> str:
    """Makes the edit until it changes something that is hashed, and says with which statements it did."""
    untouched = here.hashed()
    while True:
        here.statements.clear()
        FOUND[name](here)
        made = "; ".join(here.statements)
        if here.hashed() != untouched:
            return f"{name}: {made:.400}"
        here.restore()  # the random values were those that were there


async def ledger_verify(here: TamperedLedger, folder: Path) -> CommandResult:
    """`offboard ledger verify --against FILE`, as an administrator types it."""
    note = folder / "checkpoint"
    note.write_text(here.note, encoding="utf-8")
    program = Offboard(folder)
    settings = {"OFFBOARD_DATABASE_URL": here.url, "OFFBOARD_MASTER_KEY": MASTER_KEY}
    return await program.beside("ledger", "verify", "--against", str(note), "--key", VERIFIER_KEY, env=settings)


@pytest.mark.trial(row=14, batches=10)
async def test_every_edit_of_what_is_hashed_is_found(database_url: str, batch: TrialBatch, tmp_path: Path) -> None:
    count = batch.sized(2 * len(FOUND), EDITS)
    order = [*FOUND, *batch.chance.choices(list(FOUND), k=count)][:count]
    batch.chance.shuffle(order)
    missed: list[str] = []
    async with tampered_ledger(database_url, batch.chance) as here:
        assert verified(here).ok
        for number, name in enumerate(order):
            made = edit(here, name)
            missed += [made] if verified(here).ok else []
            if name in EXPORTED and number % 5 == 0:
                missed += [f"exported, {made}"] if exported_verifies(here, tmp_path / f"{number}.jsonl") else []
            if number < AT_THE_TERMINAL:
                said = await ledger_verify(here, tmp_path)
                missed += [] if said.code == 1 and "Verification failed at" in said.err else [f"{said}, {made}"]
            here.restore()
        assert verified(here).ok, "the ledger is restored after each edit"
    batch.add("edits", len(order))
    batch.add("edits found", len(order) - len(missed))
    assert not missed, missed[:5]


def exported_verifies(here: TamperedLedger, path: Path) -> bool:
    export_rows(here.url, path)
    return verify_file(path, against=[here.note], verifier_key=VERIFIER_KEY).ok


async def test_what_is_not_covered_is_named(database_url: str, tmp_path: Path) -> None:
    """Such edits are not found; each report says where they are possible."""
    async with tampered_ledger(database_url, random.Random(14)) as here:
        untouched = here.rows()
        said = await ledger_verify(here, tmp_path)
        assert said.code == 0, said
        for change, place in NOT_COVERED.items():
            change(here)
            found = verified(here)
            assert found.ok and here.rows() != untouched, f"{change.__name__}: {found.wrong}"
            named = [one.place for one in not_covered(found)]
            assert len([one for one in named if place in one]) == 1, (place, named)
            assert place in said.out, f"{place} is not in {said.out}"
            here.restore()
        after = f"events after position {here.size} ({here.events - here.size})"
        assert after in said.out and f"no event lists ({len(here.unlisted)})" in said.out
