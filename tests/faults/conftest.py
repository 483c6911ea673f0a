"""`batch`: what each trial takes its chance from, and counts into.

    @pytest.mark.trial(row=6, batches=20)
    async def test_an_approver_clicks_often(batch: TrialBatch, ...) -> None:
        ...
        batch.count(await count(company, ended))

is one short test (`[short]`), one for each of its kept seeds (`[kept4711]`), and 20 in `make faults` (`[batch1]` ...
`[batch20]`). Of the short tests `make test` runs the first of most files, and `make test-servers` the others
(tests/long_tests.py). With `short=False` it is in `make faults` only: another test of the row has a short form.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import pytest

from tests.faults.batch import Size, TrialBatch
from tests.faults.full_run import FullRun
from tests.faults.kept_seeds import read_kept
from tests.faults.results import ResultStore, result_of
from tests.integration.conftest import install

__all__ = ("install",)  # a fixture of trials too

FULL_RUN = FullRun.read()
TIMEOUT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class AskedBatch:
    """`seed` is None where it is made from the seed of the full run."""

    id: str
    size: Size
    number: int = 0
    seed: int | None = None
    trial: str = ""

    def param(self) -> object:
        marks = [pytest.mark.timeout(TIMEOUT_SECONDS)] if self.size == "full" else []
        return pytest.param(self, id=self.id, marks=[*marks, *([pytest.mark.faults] if self.seed is None else [])])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "batch" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("trial")
    assert mark is not None, (
        f"{metafunc.definition.nodeid} takes a batch: mark it with @pytest.mark.trial(row=, batches=)"
    )
    short = [pytest.param(AskedBatch("short", "short"), id="short")] if mark.kwargs.get("short", True) else []
    kept = [
        AskedBatch(f"kept{kept.seed}", kept.size, seed=kept.seed, trial=kept.trial).param()
        for kept in read_kept()
        if kept.trial.partition("[")[0] == metafunc.definition.nodeid
    ]
    full = [AskedBatch(f"batch{number + 1}", "full", number).param() for number in range(mark.kwargs["batches"])]
    metafunc.parametrize("batch", [*short, *kept, *full], indirect=True)


def _asked(item: pytest.Item) -> AskedBatch | None:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("batch") if callspec is not None else None


def trial_of(item: pytest.Item) -> str:
    """The test's ID without the batch."""
    asked = _asked(item)
    assert asked is not None
    file_and_name, _, ids = item.nodeid.removesuffix("]").partition("[")
    others = "-".join(part for part in ids.split("-") if part != asked.id)
    return f"{file_and_name}[{others}]" if others else file_and_name


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A kept seed is of one combination of a test's other parameters. In a full run, what is finished is left out."""
    trials, left_out = [], []
    for item in items:
        asked = _asked(item)
        if asked is not None and asked.trial and asked.trial != trial_of(item):
            left_out.append(item)
        elif asked is not None and item.get_closest_marker("faults"):
            trials.append((item.nodeid, _row(item)))
    if FULL_RUN.folder is not None:
        FULL_RUN.write_trials(trials)
        selected = FULL_RUN.selected(trials)
        left_out += [item for item in items if item.nodeid not in selected]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


def _row(item: pytest.Item) -> int:
    mark = item.get_closest_marker("trial")
    assert mark is not None
    return int(mark.kwargs["row"])


@pytest.fixture
def batch(request: pytest.FixtureRequest) -> Generator[TrialBatch, None, None]:
    asked: AskedBatch = request.param
    seed = FULL_RUN.seed_of(trial_of(request.node), asked.number) if asked.seed is None else asked.seed
    print(
        f"seed {seed}: to repeat it, add to tests/faults/kept_seeds.txt: {trial_of(request.node)} {seed} {asked.size}"
    )
    batch = TrialBatch(seed, asked.size, asked.number)
    yield batch
    if not getattr(request.node, "failed", False):
        assert batch.counted, "the trial counted nothing"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if _asked(item) is None:
        return report
    if report.when == "call" or not report.passed:
        item.failed = not report.passed  # type: ignore[attr-defined]
    if FULL_RUN.folder is not None and (report.when == "call" or report.failed or report.skipped):
        failure = str(call.excinfo.exconly()).splitlines()[0] if report.failed and call.excinfo is not None else ""
        skipped = str(report.longrepr[2]) if report.skipped and isinstance(report.longrepr, tuple) else ""
        made = getattr(item, "funcargs", {}).get("batch")
        ResultStore(FULL_RUN.folder).write(
            result_of(item.nodeid, trial_of(item), _row(item), made, report.duration, failure, skipped)
        )
    return report
