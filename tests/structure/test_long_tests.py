"""Which tests are long because of their place, and that the tables name what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest

from tests.long_tests import KEPT, LONG, LONG_AS_A_WHOLE, TESTS, mark_long, whole_suite

ROOT = TESTS.parent
ARGUMENTS = [
    ([str(TESTS)], True),
    ([str(TESTS / "web" / "..")], True),
    ([str(TESTS / "web")], False),
    ([str(TESTS), f"{TESTS}/web/test_parts.py::test_a"], False),
    ([], False),
]
LISTED, WHOLE = LONG[0] + "test_one.py", LONG_AS_A_WHOLE[0]


class CollectedTest:
    def __init__(self, nodeid: str, *marks: str) -> None:
        self.nodeid, self.marks = nodeid, list(marks)

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.marks else None

    def add_marker(self, name: str) -> None:
        self.marks.append(name)


def long_ones(*items: CollectedTest, without_servers: tuple[str, ...] = ()) -> list[str]:
    with_servers = frozenset(item.nodeid for item in items if item.nodeid not in without_servers)
    mark_long(cast(Any, items), with_servers)
    return [item.nodeid for item in items if "long" in item.marks]


def test_the_first_test_of_a_listed_file_is_not_long() -> None:
    names = [f"{LISTED}::test_a[1]", f"{LISTED}::test_a[2]", f"{LISTED}::test_b", "tests/other/test_one.py::test_a"]
    assert long_ones(*map(CollectedTest, names)) == names[1:3]


def test_what_needs_no_server_is_not_long_and_the_first_that_does_is_kept() -> None:
    names = [f"{LISTED}::test_a", f"{LISTED}::test_b", f"{LISTED}::test_c"]
    assert long_ones(*map(CollectedTest, names), without_servers=(names[0],)) == names[2:]


def test_what_is_kept_by_name_is_not_long() -> None:
    kept = next(name for name in KEPT if not name.endswith("::"))
    file = kept.partition("::")[0]
    names = [f"{file}::test_first", f"{file}::test_second", kept]
    assert long_ones(*map(CollectedTest, names)) == names[1:2]


def test_a_file_that_is_long_as_a_whole_keeps_no_test() -> None:
    assert long_ones(CollectedTest(f"{WHOLE}::test_a"), CollectedTest(f"{WHOLE}::test_b")) == [
        f"{WHOLE}::test_a",
        f"{WHOLE}::test_b",
    ]


def test_a_test_with_a_mark_of_its_own_takes_no_place() -> None:
    marked, first = CollectedTest(f"{LISTED}::test_a[all]", "long"), CollectedTest(f"{LISTED}::test_a[some]")
    assert long_ones(marked, first) == [marked.nodeid]


@pytest.mark.parametrize(("arguments", "whole"), ARGUMENTS)
def test_only_a_whole_suite_is_divided(arguments: list[str], whole: bool) -> None:
    assert whole_suite(arguments) is whole


def test_listed_paths_and_kept_tests_exist() -> None:
    assert [path for path in (*LONG, *LONG_AS_A_WHOLE) if not (ROOT / path).exists()] == []
    for file, _, name in (kept.partition("[")[0].partition("::") for kept in KEPT):
        assert re.search(rf"^(async )?def {name}\b" if name else r"^", Path(ROOT, file).read_text(), re.MULTILINE), name
