"""What is drawn: plans whose boxes and lines stand where they should, whatever the plan, and charts that say in words
what they show. Every drawing is looked at as the XML it is."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from gallery_run import run_gates, run_steps
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.web.drawing.charts import Bar, bars, columns, measures, times_chart
from orchestrator.web.drawing.layers import column_of, lay_out, without_detours
from orchestrator.web.drawing.plan_graph import BOX, GAP, plan_graph
from orchestrator.web.drawing.text import fit, width, wrap

SVG = "{http://www.w3.org/2000/svg}"
REFUSED_BY_POLICY = re.compile(r"\b(style|on\w+)=|<script|<style|<foreignObject|javascript:", re.IGNORECASE)


def read(drawing: str) -> ET.Element:
    assert not REFUSED_BY_POLICY.search(drawing)
    return ET.fromstring(str(drawing).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def boxes(drawing: ET.Element) -> dict[str, tuple[float, float]]:
    return {
        link.attrib["href"].removeprefix("#step-"): (float(box.attrib["x"]), float(box.attrib["y"]))
        for link in drawing.iter(f"{SVG}a")
        if (box := link.find(f"{SVG}rect")) is not None
    }


def chain(number: int, each: int = 5) -> list[dict[str, Any]]:
    """Steps in rows: each needs two of the row before."""
    shape = run_steps()[0]
    return [
        {
            **shape,
            "step_id": f"s-{at}",
            "name": f"step_{at}",
            "title": f"Do the {at}th thing that is to be done",
            "needs": [f"step_{at - each}", f"step_{at - each + 1}"] if at >= each else [],
        }
        for at in range(number)
    ]


def test_each_step_of_a_plan_is_a_box_right_of_everything_that_it_needs() -> None:
    steps = run_steps()
    placed = boxes(read(plan_graph(steps, run_gates(steps))))
    assert placed.keys() == {step["step_id"] for step in steps}
    id_of = {step["name"]: step["step_id"] for step in steps}
    for step in steps:
        for need in step["needs"]:
            assert placed[id_of[need]][0] + BOX[0] < placed[step["step_id"]][0]


@pytest.mark.parametrize("number", [1, 25, 200])
def test_no_two_boxes_of_a_plan_touch_and_all_are_inside(number: int) -> None:
    drawing = read(plan_graph(chain(number)))
    placed = sorted(boxes(drawing).values())
    assert len(placed) == number
    for (x, y), (other_x, other_y) in itertools.pairwise(placed):
        assert x != other_x or other_y - y >= BOX[1] + GAP - 0.01
    assert max(x for x, _ in placed) + BOX[0] <= float(drawing.attrib["width"])
    assert max(y for _, y in placed) + BOX[1] <= float(drawing.attrib["height"])
    assert min(min(place) for place in placed) >= 0


def test_a_state_is_shown_by_shape_word_and_tone_and_the_gate_by_its_name() -> None:
    steps = run_steps()
    drawing = read(plan_graph(steps, run_gates(steps)))
    told = {link.attrib["href"]: link for link in drawing.iter(f"{SVG}a")}
    failed = told[f"#step-{next(step['step_id'] for step in steps if step['status'] == 'failed')}"]
    assert failed.attrib["aria-label"] == "Freeze the company cards, cards: Failed. Approval access: Approved"
    assert "tone-bad" in failed.attrib["class"]
    assert {"Failed", "access"} <= {text.text for text in failed.iter(f"{SVG}text")}
    shapes = {
        ET.tostring(link.findall(f"{SVG}g")[0][0]) + ET.tostring(link.findall(f"{SVG}g")[0][-1])
        for link in told.values()
    }
    assert len(shapes) >= 9


def test_a_plan_is_described_for_people_who_do_not_see_it() -> None:
    drawing = read(plan_graph(run_steps()))
    said = drawing.find(f"{SVG}desc")
    assert said is not None
    assert (said.text or "").startswith("25 steps. Verified: 7; Waiting for earlier steps: 5; To do: 3; ")
    assert drawing.attrib["aria-describedby"] == said.attrib["id"]


def test_steps_for_several_accounts_under_one_name_are_all_joined() -> None:
    shape = run_steps()[0]
    steps = [
        {**shape, "step_id": f"s-{at}", "name": name, "needs": needs}
        for at, (name, needs) in enumerate([("look", []), ("look", []), ("cut", ["look", "left_out_by_its_condition"])])
    ]
    lines = [path for path in read(plan_graph(steps)).iter(f"{SVG}path") if "plan-line" in path.get("class", "")]
    assert len(lines) == 2


def test_titles_from_a_packet_are_escaped_in_the_drawing() -> None:
    step = {**run_steps()[0], "title": '<script>alert("1")</script> & more', "needs": []}
    drawing = plan_graph([step])
    assert "<script" not in drawing
    read(drawing)


def test_the_same_plan_is_drawn_alike_each_time_and_an_empty_one_not_at_all() -> None:
    steps = run_steps()
    assert plan_graph(steps, run_gates(steps)) == plan_graph(steps, run_gates(steps))
    assert plan_graph([]) == ""


@pytest.mark.parametrize(("number", "most"), [(30, 0.02), (200, 0.2)])
def test_drawing_a_plan_keeps_no_one_waiting(number: int, most: float) -> None:
    steps = chain(number)
    taken = []
    for _ in range(7):
        begun = time.process_time()
        plan_graph(steps)
        taken.append(time.process_time() - begun)
    assert min(taken) < most


def test_a_line_is_left_out_where_another_way_says_the_same() -> None:
    assert without_detours({"a": [], "b": ["a"], "c": ["a", "b"]}) == {"a": [], "b": ["a"], "c": ["b"]}


def test_plans_in_a_circle_are_drawn_all_the_same() -> None:
    assert column_of({"a": ["b"], "b": ["a"], "c": []}) == {"a": 0, "b": 0, "c": 0}
    lay_out({"a": ["b"], "b": ["a"]}, box_height=10, line_height=4, gap=2)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=30))
def test_any_plan_is_laid_out_without_overlaps(wanted: list[list[int]]) -> None:
    needs = {str(at): [str(other) for other in others if other < at] for at, others in enumerate(wanted)}
    layout = lay_out(needs, box_height=50, line_height=8, gap=10)
    assert layout.columns.keys() == needs.keys()
    for box, before in needs.items():
        assert all(layout.columns[need] < layout.columns[box] for need in before)
    for column in set(layout.columns.values()):
        heights = sorted(layout.middles[box] for box in needs if layout.columns[box] == column)
        assert all(below - above >= 60 - 1e-6 for above, below in itertools.pairwise(heights))
        assert not heights or (heights[0] >= 25 - 1e-6 and heights[-1] <= layout.height - 25 + 1e-6)
    lines = without_detours(needs)
    assert layout.ways.keys() == {(need, box) for box, before in lines.items() for need in before}


@given(st.text(), st.floats(20, 300))
def test_a_text_that_was_fitted_is_no_wider_than_its_space(text: str, room: float) -> None:
    assert width(fit(text, 12, room), 12) <= room + 1e-6
    lines = wrap(text, 12, room)
    assert len(lines) <= 2
    assert all(width(line, 12) <= room + 1e-6 for line in lines)


def test_the_times_chart_says_in_words_what_it_shows() -> None:
    drawing = read(times_chart([60.0, 120, 180, 4000], threshold=3600, title="From cutoff to verified", id_="c"))
    said = drawing.find(f"{SVG}desc")
    assert said is not None
    assert said.text == (
        "4 runs. Median 2 min, 95th percentile 1 h 6 min, maximum 1 h 6 min. 1 over the target of 1 h."
    )
    assert len(list(drawing.iter(f"{SVG}circle"))) == 4
    assert {"median 2 min", "target 1 h", "maximum 1 h 6 min"} <= {text.text for text in drawing.iter(f"{SVG}text")}


@pytest.mark.parametrize(
    "values",
    [[0.0], [5.0], [-3.0, 2.0], [1.0] * 500, [float(v) for v in range(1000)], [30.0, 40, 86_400 * 40], [0.2, 0.3]],
)
def test_a_chart_of_any_times_stays_inside_its_frame(values: list[float]) -> None:
    drawing = read(times_chart(values, threshold=None, title="Times", id_="c"))
    _, _, wide, high = (float(part) for part in drawing.attrib["viewBox"].split())
    for circle in drawing.iter(f"{SVG}circle"):
        assert 0 <= float(circle.attrib["cx"]) <= wide
        assert 0 <= float(circle.attrib["cy"]) <= high
    for text in drawing.iter(f"{SVG}text"):
        long = width(text.text or "", 13)
        start = {"end": long, "middle": long / 2}.get(text.get("text-anchor", ""), 0.0)
        left = float(text.attrib["x"]) - start
        assert left >= -1, text.text
        assert left + long <= wide + 1, text.text


def test_bars_have_their_label_and_value_beside_them_and_what_is_late_says_so() -> None:
    drawing = read(bars([Bar("Cards", 9000, "2 h 30 min", late=True), Bar("Code", 60)], title="Open now", id_="c"))
    assert {"Cards", "2 h 30 min · overdue", "Code", "60"} <= {text.text for text in drawing.iter(f"{SVG}text")}
    lengths = [float(bar.attrib["width"]) for bar in drawing.iter(f"{SVG}rect") if "chart-bar" in bar.attrib["class"]]
    assert lengths[0] > lengths[1] >= 2


def test_columns_thin_their_labels_out_and_keep_the_last() -> None:
    drawing = read(columns([Bar(f"Month {at}", at) for at in range(36)], title="Saved", id_="c"))
    told = [text.text for text in drawing.iter(f"{SVG}text") if text.attrib["class"] == "chart-label"]
    assert "Month 35" in told
    assert len(told) < 12


def test_nothing_is_drawn_of_nothing() -> None:
    assert times_chart([], threshold=60, title="", id_="c") == ""
    assert bars([], title="", id_="c") == columns([], title="", id_="c") == ""
    assert measures([]) is None
