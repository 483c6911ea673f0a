"""What `make faults` keeps and leaves out: seeds, parts, results, and the table of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.batch import Counts, TrialBatch
from tests.faults.figures_table import table
from tests.faults.full_run import FullRun, parse_part
from tests.faults.kept_seeds import KeptSeed, keep, read_kept
from tests.faults.reliability_page import BEGIN, END, PAGE, figures, write
from tests.faults.results import Result, ResultStore
from tests.faults.rows import ROWS

TRIALS = [("t.py::a[batch1]", 1), ("t.py::a[batch2]", 1), ("t.py::b[batch1]", 2), ("t.py::b[batch2]", 2)]


def done(id_: str, row: int = 1, **more: object) -> Result:
    return Result(id_, id_.partition("[")[0], row, 7, 1.5, **more)  # type: ignore[arg-type]


def test_a_seed_gives_each_batch_the_same_seed_in_every_full_run() -> None:
    seeds = [FullRun(5).seed_of("t.py::a", number) for number in range(3)]
    assert seeds == [FullRun(5, row=1, part=(2, 3)).seed_of("t.py::a", number) for number in range(3)]
    assert len(set(seeds)) == 3
    assert seeds != [FullRun(6).seed_of("t.py::a", number) for number in range(3)]
    assert TrialBatch(seeds[0], "full").chance.random() == TrialBatch(seeds[0], "full").chance.random()


def test_parts_have_every_trial_once_and_rows_only_their_own() -> None:
    parts = [FullRun(1, part=(k, 3)).selected(TRIALS) for k in (1, 2, 3)]
    assert sorted(id_ for part in parts for id_ in part) == sorted(id_ for id_, _ in TRIALS)
    assert FullRun(1, row=2).selected(TRIALS) == {"t.py::b[batch1]", "t.py::b[batch2]"}
    assert parse_part("2/4") == (2, 4)
    for wrong in ("5/4", "0/4", "2", "a/b"):
        with pytest.raises(ValueError):
            parse_part(wrong)


def test_what_is_finished_is_not_run_again_unless_asked(tmp_path: Path) -> None:
    first = FullRun(1, tmp_path)
    assert len(first.selected(TRIALS)) == 4
    ResultStore(tmp_path).write(done(TRIALS[0][0]))
    ResultStore(tmp_path).write(done(TRIALS[2][0], 2, failure="it broke", counts=Counts(1, 2, 3, 4, 5)))
    assert first.selected(TRIALS) == {TRIALS[1][0], TRIALS[3][0]}
    assert ResultStore(tmp_path).read()[TRIALS[2][0]].counts == Counts(1, 2, 3, 4, 5)
    assert FullRun(1, tmp_path, row=1, again=True).selected(TRIALS) == {TRIALS[0][0], TRIALS[1][0]}
    assert set(ResultStore(tmp_path).read()) == {TRIALS[2][0]}


def test_a_full_run_is_read_from_its_environment() -> None:
    asked = FullRun(3, Path("/results"), row=2, part=(1, 4), again=True)
    assert FullRun.read(asked.environment()) == asked
    assert FullRun.read(FullRun(3).environment()) == FullRun(3)


def test_a_count_fails_after_it_was_added() -> None:
    batch = TrialBatch(1, "full")
    batch.count(Counts(runs=2, effects=18))
    for wrong in (Counts(lost=1), Counts(repeated=1), Counts(open_intents=1)):
        with pytest.raises(AssertionError, match="seed 1"):
            batch.count(wrong)
    assert batch.counts == Counts(2, 18, 1, 1, 1)


def test_a_seed_is_kept_once(tmp_path: Path) -> None:
    file = tmp_path / "kept.txt"
    file.write_text("# a comment\n\n")
    kept = KeptSeed("t.py::a[during_call]", 12, "full", "it was lost")
    assert keep([kept], file) == [kept]
    assert keep([kept], file) == []
    assert read_kept(file) == [kept]
    file.write_text("t.py::a 12 long\n")
    with pytest.raises(ValueError, match="long"):
        read_kept(file)


def test_the_table_has_a_row_for_each_fault_and_their_sum() -> None:
    results = [
        done("t.py::a[batch1]", counts=Counts(10, 90), sums={"deaths": 3}, longest={"until it works": 2.0}),
        done("t.py::a[batch2]", counts=Counts(1990, 910), sums={"deaths": 4}, longest={"until it works": 1.0}),
        done("t.py::b[batch1]", 2, counts=Counts(1, 9, 1, 2, 3), failure="lost"),
        done("t.py::c[batch1]", 12, skipped="there is no root"),
    ]
    lines = table(results).splitlines()
    assert len(lines) == 5
    assert lines[2] == (
        f"| 1 | {ROWS[1].fault} | 2 | 2,000 | 1,000 | 0 | 0 | 0 | 3 | 7 deaths; until it works: 2.0 s at most |"
    )
    assert lines[3] == f"| 2 | {ROWS[2].fault} | 1 | 1 | 9 | 1 | 2 | 3 | 2 | **1 batch failed** |"
    assert lines[4] == "|  | all | 3 | 2,001 | 1,009 | 1 | 2 | 3 | 4 |  |"


def test_figures_are_written_between_the_marks_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    page.write_text(PAGE.read_text())
    results = [done("t.py::b[batch1]", 2, failure="lost"), done("t.py::c[batch1]", 12, skipped="there is no root")]
    for _ in range(2):
        write(figures(results, 41, "abc"), page)
    text = page.read_text()
    assert text.count("make faults SEED=41") == 1 and "commit abc" in text
    assert "Failed: `t.py::b[batch1]`, seed 7: lost" in text and "Not run: there is no root" in text
    assert text.partition(BEGIN)[0] == PAGE.read_text().partition(BEGIN)[0]
    assert text.partition(END)[2] == PAGE.read_text().partition(END)[2]
    page.write_text("no marks")
    with pytest.raises(ValueError, match="two lines"):
        write("", page)


def test_every_row_is_described_on_the_page() -> None:
    text = PAGE.read_text()
    assert sorted(ROWS) == list(range(1, 15))
    for row in ROWS.values():
        assert f"### {row.number}. " in text, f"docs/reliability.md does not describe row {row.number}"
