"""Two versions of a file are compared within a limit of time and size."""

from __future__ import annotations

import difflib

from orchestrator.web.pages.admin.comparison import AROUND, MAX_LINES, MAX_PAIRS, compared


def test_what_differs_is_shown_with_its_place_and_the_lines_around() -> None:
    before = "".join(f"line {number}\n" for number in range(1, 101))
    after = before.replace("line 50\n", "line fifty\n").replace("line 90\n", "")
    found = compared(before, after)
    assert [line.text for line in found.lines if line.kind == "place"] == ["@@ -47,7 +47,7 @@", "@@ -87,7 +87,6 @@"]
    expected = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=AROUND))[2:]
    marks = {"added": "+", "removed": "-", "same": " ", "place": ""}
    assert [marks[line.kind] + line.text for line in found.lines] == expected
    assert not found.cut and not found.coarse
    assert compared(before, before).lines == ()
    assert [line.kind for line in compared("", "one\n").lines] == ["place", "added"]


def test_long_parts_that_differ_are_not_compared_line_by_line() -> None:
    many = int(MAX_PAIRS**0.5) + 1
    before = "head\n" + "".join(f"# {number % 7}\n" for number in range(many)) + "tail\n"
    after = "head\n" + "".join(f"# {number % 5} x\n" for number in range(many)) + "tail\n"
    found = compared(before, after)
    assert found.coarse
    assert {line.text for line in found.lines if line.kind == "same"} == set()
    assert sum(line.kind == "removed" for line in found.lines) == min(many, MAX_LINES // 2)
    assert sum(line.kind == "added" for line in found.lines) == min(many, MAX_LINES // 2)


def test_a_page_shows_so_many_lines() -> None:
    short = "".join(f"# {number}\n" for number in range(10))
    found = compared(short, short + "".join(f"# more {number}\n" for number in range(75_000)))
    assert found.cut and len(found.lines) == MAX_LINES
