"""The demo's board: systems down, leavers across, in each cell the steps as shapes and the most pressing in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from orchestrator.cli.terminal.shapes import SHAPES, ShapeKind, StepView, Wait, mark
from orchestrator.demo.progress import status_words, view_step, waits
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.vocabulary.states import SEARCH, in_sentence, label

PEOPLE = ""
"""Stands where a system's name stands, for what people do."""
MIN_COLUMN_CHARACTERS = 15  # letters of a leaver's column
MAX_SHOWN = 5
MAX_WAITS = 12


@dataclass(slots=True)
class Leaver:
    """One run of the demo as it was last read. `line` is the person's line in the export."""

    name: str
    employee_number: str
    line: int
    run_id: str
    state: RunState
    world: World
    heard: int = 0
    """The version up to which the demo has printed the events."""

    def steps_on(self, system: str) -> list[StepView]:
        steps = [step for step in self.state.plan.steps.values() if step.system == system]
        return [view_step(self.state, step, self.world) for step in steps]


@dataclass(frozen=True, slots=True)
class Board:
    """`elapsed` in seconds. With a `height` in lines it keeps within it as well as it can."""

    leavers: Sequence[Leaver]
    elapsed: float
    height: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ascii_only = options.ascii_only
        shown = self._shown(options.max_width)
        systems = self._systems()
        compact = self.height is not None and self.height < 2 * len(systems) + 14
        parts: list[RenderableType] = [self._head(), self._table(shown, systems, compact, ascii_only)]
        if len(shown) < len(self.leavers):
            others = [leaver for leaver in self.leavers if leaver not in shown]
            closed = sum(leaver.state.finished for leaver in others)
            parts.append(Text(f"And {len(others)} more leavers, {closed} of them finished.", style="dim"))
        parts.append(self._legend(shown, systems, ascii_only))
        taken = len(console.render_lines(Group(*parts), options, pad=False))
        # The title above the list, the count below it, and the line of the cursor.
        parts += self._waits(ascii_only, min(MAX_WAITS, (self.height or 60) - taken - 4))
        yield Group(*parts)

    def _head(self) -> Text:
        closed = sum(leaver.state.finished for leaver in self.leavers)
        minutes, seconds = divmod(int(self.elapsed), 60)
        return Text.assemble(
            ("Offboard", "bold"), f"   {minutes:02d}:{seconds:02d} elapsed   {closed} of {len(self.leavers)} finished"
        )

    def _shown(self, width: int) -> list[Leaver]:
        """As many as fit, those that are not done first."""
        fit = max(1, min(MAX_SHOWN, (width - 14) // MIN_COLUMN_CHARACTERS))
        wanted = sorted(self.leavers, key=lambda leaver: leaver.state.finished)[:fit]
        return [leaver for leaver in self.leavers if leaver in wanted]

    def _systems(self) -> list[str]:
        """Those that some step touches, in the order in which the packet names them; people's tasks last."""
        named = dict.fromkeys(s for leaver in self.leavers for s in leaver.world.pinned.platform.systems)
        touched = {step.system for leaver in self.leavers for step in leaver.world.pinned.workflow.steps}
        return [*(system for system in named if system in touched), PEOPLE]

    def _table(self, shown: Sequence[Leaver], systems: Sequence[str], compact: bool, ascii_only: bool) -> Table:
        frame = box.ASCII if ascii_only else box.SIMPLE_HEAD
        table = Table(box=frame, expand=True, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("System", ratio=3, no_wrap=compact, overflow="ellipsis" if compact else "fold")
        for leaver in shown:
            kind, words = status_words(leaver.state)
            head = Text(f"{leaver.name}\n").append_text(mark(kind, ascii_only=ascii_only))
            table.add_column(head.append(f" {words}", style=SHAPES[kind].style), ratio=4, overflow="fold")
        for system in systems:
            known = self.leavers[0].world.pinned.platform.systems
            title = known[system].title if system in known else "Manual tasks"
            table.add_row(title, *(_cell(leaver, system, compact, ascii_only) for leaver in shown))
        return table

    def _legend(self, shown: Sequence[Leaver], systems: Sequence[str], ascii_only: bool) -> Text:
        seen = {view.kind for leaver in shown for system in systems for view in leaver.steps_on(system)}
        legend = Text(style="dim")
        for kind, shape in SHAPES.items():
            if kind in seen:
                legend.append_text(mark(kind, ascii_only=ascii_only)).append(f" {shape.word}   ")
        return legend

    def _waits(self, ascii_only: bool, room: int) -> list[Text]:
        """The most pressing first; what several runs wait for alike is one line."""
        alike: dict[Wait, list[Leaver]] = {}
        for leaver in self.leavers:
            for wait in waits(leaver.state, leaver.world):
                alike.setdefault(wait, []).append(leaver)
        if not alike or room < 1:
            return []
        rows = sorted(alike.items(), key=lambda row: -SHAPES[row[0].kind].pressing)
        lines = [Text("\nOpen items", style="bold")]
        for wait, concerned in rows[:room]:
            names = concerned[0].name + (f" and {len(concerned) - 1} more" if len(concerned) > 1 else "")
            line = mark(wait.kind, ascii_only=ascii_only).append(f" {wait.who}: ", style="bold")
            line.append(wait.what).append(f"  ({names})", style="dim")
            line.no_wrap, line.overflow = True, "ellipsis"
            lines.append(line)
        if len(rows) > room:
            lines.append(Text(f"  and {len(rows) - room} more", style="dim"))
        return lines


def _cell(leaver: Leaver, system: str, compact: bool, ascii_only: bool) -> Text:
    views = leaver.steps_on(system)
    if not views:
        return _without_steps(leaver, system, ascii_only)
    cell = Text()
    for view in views:
        cell.append_text(mark(view.kind, ascii_only=ascii_only))
    pressing = max(views, key=lambda view: SHAPES[view.kind].pressing)
    style = SHAPES[pressing.kind].style
    if compact:
        cell.append(f" {pressing.short}", style=style)
        cell.no_wrap, cell.overflow = True, "ellipsis"
        return cell
    done = sum(SHAPES[view.kind].pressing == 0 for view in views)
    words = "done" if done == len(views) else f"{done}/{len(views)} {pressing.short}"
    return cell.append("\n").append(words, style=style)


def _without_steps(leaver: Leaver, system: str, ascii_only: bool) -> Text:
    state = leaver.state
    kind: ShapeKind = "waiting"
    words = "searching" if state.plan.planned_at is None else "no steps"
    found = state.accounts.planned_on.get(system)
    if state.plan.planned_at is None and found is not None:
        words = in_sentence(label(found.outcome, SEARCH))
    elif found is not None and found.outcome == "none":
        words = in_sentence(label("none", SEARCH))
    elif found is not None and found.outcome in ("ambiguous", "weak") and system not in state.accounts.settled:
        kind, words = "question", in_sentence(label(found.outcome, SEARCH))
    elif (look := state.accounts.searches.get(system)) is not None and look.at is None:
        kind, words = "again", in_sentence(label("failed", SEARCH))
    return Text.assemble(mark(kind, ascii_only=ascii_only), (f" {words}", SHAPES[kind].style))
