"""The demo itself: starts the runs, follows them, puts every question to the source of answers, and reports what
happens."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from rich.text import Text

from orchestrator import commands
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import PACKET
from orchestrator.cli.terminal.remedies import remedy_of
from orchestrator.cli.terminal.shapes import SHAPES, mark
from orchestrator.demo.answers import AnswerSource, Itself, TaskQuestion
from orchestrator.demo.board import Board, Leaver
from orchestrator.demo.comparison import Standings
from orchestrator.demo.people import Cast
from orchestrator.demo.progress import view_step
from orchestrator.demo.questions import AtTerminal
from orchestrator.demo.screen import Screen
from orchestrator.demo.story import DOWN, LockedRecord, Outage
from orchestrator.demo.timeline import timeline_entry
from orchestrator.documents.runs.questions import StartAsked
from orchestrator.domain import events as e
from orchestrator.domain.approvals.gates import why_not_decide
from orchestrator.domain.errors import Refusal, TooLate
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.work import ExceptionState
from orchestrator.embedded.smaller_packet import sample_packet
from orchestrator.embedded.stack import Stack
from orchestrator.embedded.staff import StaffEntry
from orchestrator.web.inquiries import Inquiries
from orchestrator.web.starts import start

POLL_SECONDS = 0.2
SMALL_BOARD_LINES = 20  # of the board above a question
STUCK_AFTER_SECONDS = 40.0  # without any event
CALM_AFTER_SECONDS = 12.0  # after that a question is asked although steps are in progress
WORTH_WAITING = timedelta(seconds=30)
"""A cutoff further away than this is moved to now, as HR can: a demo does not wait for next month."""


class Play:
    """`seen` gets every board that was drawn, for a picture."""

    def __init__(self, stack: Stack, cast: Cast, screen: Screen, seen: Callable[[Board], None] | None = None) -> None:
        self.leavers: list[Leaver] = []
        self.before: Standings = {}
        """What people could use at the simulated vendors before the first run."""
        self._stack, self._cast, self._screen = stack, cast, screen
        self._answers: AnswerSource = (
            AtTerminal(screen, lambda: self.board(SMALL_BOARD_LINES)) if screen.asks else Itself()
        )
        self._seen = seen
        self._actors: dict[str, Actor] = {}
        self._outage = Outage(stack.company, self._story)
        self._locked = LockedRecord(stack.company, self._story)
        self._given_up: set[str] = set()
        self._moved_at = self._calm_at = time.monotonic()

    async def begin(self) -> None:
        """Signs the staff in and starts everyone's run, as HR."""
        self.before = await self._stack.company.standing()
        people = self._stack.people(sample_packet())
        for member in self._cast.staff:
            actor = await people.actor(member.alias, member.employee_number, member.roles, member.kind)
            self._actors[member.alias] = actor
        now = await self._stack.backend.ledger.now()
        services, requester = self._stack.services, self._actors[self._member(("requester",)).alias]
        inquiries = Inquiries(self._stack.backend.database, self._stack.backend.keyring, self._stack.engine)
        rows = self._cast.export(now)
        names = Counter(row.person.display_name for row in rows)
        for row in rows:
            assert row.cutoff is not None, "those who stay are not among the leavers"
            asked = StartAsked(
                packet=PACKET, wanted=row.person.employee_number, cutoff=row.cutoff.local, zone=row.cutoff.zone
            )
            done = await start(services, inquiries, requester, asked)
            assert done.run_id is not None, "no run is hidden here"
            if row.cutoff.instant - now > WORTH_WAITING:
                local = now.astimezone(ZoneInfo(row.cutoff.zone)).replace(microsecond=0)
                moved = Cutoff(instant=now, zone=row.cutoff.zone, local=local.isoformat())
                await commands.reschedule_run(services, requester, done.run_id, moved)
            snapshot = await self._stack.backend.runs.load(done.run_id)
            facts = PersonFacts.model_validate(snapshot.state.asked.facts)
            name = facts.display_name or facts.employee_number
            if names[row.person.display_name] > 1:
                name = f"{name} ({facts.employee_number})"
            self.leavers.append(
                Leaver(name, facts.employee_number, row.line, done.run_id, snapshot.state, snapshot.world)
            )

    async def go(self) -> None:
        """Until every run is closed, or nothing moves any more."""
        while not all(leaver.state.finished for leaver in self.leavers):
            await self._look()
            if self._screen.gone:
                raise asyncio.CancelledError  # the terminal is gone
            now = time.monotonic()
            await self._locked.prepare(self.leavers)
            await self._outage.go_on(self.leavers, now)
            self._draw()
            if await self._put_question():
                self._moved_at = self._calm_at = time.monotonic()
                continue
            if now - self._moved_at > STUCK_AFTER_SECONDS:
                break
            await asyncio.sleep(POLL_SECONDS)
        await self._look()
        self._screen.freeze(self.board() if self._screen.asks else None)

    def board(self, height: int | None = None) -> Board:
        if height is None and self._screen.asks:
            height = self._screen.console.size.height
        return Board(tuple(self.leavers), self._screen.elapsed, height)

    # What is seen

    async def _look(self) -> None:
        for leaver in self.leavers:
            snapshot = await self._stack.backend.runs.load(leaver.run_id)
            leaver.state, leaver.world = snapshot.state, snapshot.world
            if leaver.heard < snapshot.state.version:
                await self._print_news(leaver)
                self._moved_at = time.monotonic()

    async def _print_news(self, leaver: Leaver) -> None:
        stream = e.run_stream(leaver.run_id)
        page = await self._stack.backend.ledger.read({stream: leaver.heard})
        for recorded in page.events[stream]:
            if recorded.version > leaver.state.version:
                break  # the next look tells of it
            leaver.heard = recorded.version
            news = timeline_entry(recorded.event, leaver)
            if news is not None and (news.weighty or not self._screen.asks):
                line = mark(news.kind, ascii_only=self._screen.console.options.ascii_only)
                style = SHAPES[news.kind].style if news.weighty else ""
                self._screen.say(line.append(f" {leaver.name}: ", style="bold").append(news.text, style=style))

    def _draw(self) -> None:
        board = self.board()
        self._screen.show(board)
        if self._seen is not None:
            self._seen(board)

    def _story(self, text: str) -> None:
        self._screen.say(Text("» ", style="bold yellow").append(text, style="bold"))

    # What is asked

    async def _put_question(self) -> bool:
        """Puts the first question there is. False if there is none, or if things should come to rest first."""
        if self._screen.asks and not self._calm():
            return False
        try:
            return await self._about_exception() or await self._about_gate() or await self._about_tasks()
        except TooLate:
            return True  # it was settled meanwhile; the next look shows how
        except Refusal as refused:
            self._story(f"Refused: {refused.message} {remedy_of(refused)}")
            return True

    def _calm(self) -> bool:
        """At a terminal no one is asked while the board is still moving, but not for ever."""
        kinds = {
            view_step(leaver.state, step, leaver.world).kind
            for leaver in self.leavers
            for step in leaver.state.plan.steps.values()
            if not leaver.state.finished
        }
        looking = any(leaver.state.plan.planned_at is None for leaver in self.leavers)
        now = time.monotonic()
        if looking or kinds & {"running", "again"} or self._outage.going_on:
            return now - self._calm_at > CALM_AFTER_SECONDS
        self._calm_at = now
        return True

    async def _about_exception(self) -> bool:
        for leaver in self.leavers:
            for id_, exception in leaver.state.work.exceptions.items():
                if not exception.open or f"{leaver.run_id} {id_}" in self._given_up:
                    continue
                member = self._member(exception.opened.owners)
                if RULES[exception.opened.kind].repairs[0] is Repair.SETTLE:
                    await self._settle(leaver, exception, member)
                else:
                    await self._repair(leaver, id_, exception, member)
                return True
        return False

    async def _settle(self, leaver: Leaver, exception: ExceptionState, member: StaffEntry) -> None:
        system = exception.opened.system or ""
        found = leaver.state.accounts.planned_on[system]
        labels = ", ".join(leaver.state.accounts.details[account]["label"] for account in found.candidates)
        self._story(
            f"{leaver.world.pinned.platform.systems[system].title} shows {labels or 'no account'} for {leaver.name}, "
            "but no exact match. Nothing is planned there until an operator confirms the match."
        )
        answer = await self._answers.match(leaver, exception, member)
        actor = self._actors[member.alias]
        await commands.settle_match(self._stack.services, actor, leaver.run_id, system, answer.accounts, answer.reason)

    async def _repair(self, leaver: Leaver, id_: str, exception: ExceptionState, member: StaffEntry) -> None:
        services, actor, opened = self._stack.services, self._actors[member.alias], exception.opened
        unlocked = self._locked.concerns(opened.step_id)
        if unlocked:
            step = leaver.state.plan.steps[opened.step_id or ""]
            system = leaver.world.pinned.platform.systems[step.system].title
            self._story(
                f"{system} responded 200 OK with an error in the body: the record is locked. Offboard read the account "
                f"back, saw no change, and stopped this step ({step.title})."
            )
            await self._locked.clear_faults()
        answer = await self._answers.repair(leaver, exception, member, unlocked)
        match answer.action:
            case "retry":
                await commands.retry_step(services, actor, leaver.run_id, opened.step_id or "", reason=answer.reason)
            case "skip":
                await commands.skip_step(services, actor, leaver.run_id, opened.step_id or "", answer.reason)
            case "replan":
                again = self._decided_against(leaver, opened) or actor
                await commands.replan_run(services, again, leaver.run_id, answer.reason)
            case "end":
                requester = self._actors[self._member(("requester",)).alias]
                await commands.end_run(services, requester, leaver.run_id, answer.reason)
            case "accept":
                await commands.accept_exception(services, actor, leaver.run_id, id_, answer.reason)
            case "leave":
                self._given_up.add(f"{leaver.run_id} {id_}")

    def _decided_against(self, leaver: Leaver, opened: e.ExceptionOpened) -> Actor | None:
        """The person who rejected or excluded what the exception is about: only they take it back."""
        gate = leaver.state.decisions.gates.get(opened.gate_id or "")
        votes = (
            [vote for vote, _ in gate.votes if vote.verdict == "reject" or vote.excluded] if gate is not None else []
        )
        return next((actor for actor in self._actors.values() if actor.actor_id in [vote.by for vote in votes]), None)

    async def _about_gate(self) -> bool:
        for leaver in self.leavers:
            for gate_id, gate in leaver.state.decisions.gates.items():
                member = self._voter(leaver, gate) if gate.open else None
                if member is None:
                    continue
                answer = await self._answers.gate(leaver, gate_id, gate, member)
                services, actor, run_id = self._stack.services, self._actors[member.alias], leaver.run_id
                if answer.verdict == "reject":
                    await commands.reject_gate(services, actor, run_id, gate_id, answer.reason or "")
                    return True
                if leaver is self._outage_at() and gate.opened.gate == "access":
                    await self._outage.begin(time.monotonic())
                await commands.approve_gate(services, actor, run_id, gate_id, answer.excluded, answer.reason)
                return True
        return False

    def _voter(self, leaver: Leaver, gate: GateState) -> StaffEntry | None:
        voted = {vote.by for vote, _ in gate.votes}
        for member in self._cast.staff:
            if not set(member.roles) & gate.roles or member.alias in voted:
                continue
            if why_not_decide(leaver.state, gate, self._actors[member.alias]) is None:
                return member
        return None

    def _outage_at(self) -> Leaver | None:
        """The last leaver for whom there is something to do on the system that goes down."""
        with_steps = [leaver for leaver in self.leavers if leaver.steps_on(DOWN) and not leaver.state.finished]
        return with_steps[-1] if with_steps else None

    async def _about_tasks(self) -> bool:
        waiting: dict[str, list[TaskQuestion]] = {}
        for leaver in self.leavers:
            for id_, task in leaver.state.work.tasks.items():
                if task.open and f"{leaver.run_id} {id_}" not in self._given_up:
                    question = TaskQuestion(leaver, id_, task, leaver.state.plan.steps[task.opened.step_id])
                    waiting.setdefault(task.opened.role, []).append(question)
        for role, questions in waiting.items():
            member = self._member((role,))
            answers = await self._answers.tasks(questions, member)
            for question in questions:
                evidence = answers.get(question.task_id)
                if evidence is None:
                    self._given_up.add(f"{question.leaver.run_id} {question.task_id}")
                    continue
                await commands.complete_task(
                    self._stack.services, self._actors[member.alias], question.leaver.run_id, question.task_id, "done",
                    evidence,
                )  # fmt: skip
            return True
        return False

    def _member(self, roles: Sequence[str]) -> StaffEntry:
        """Raises `Refusal` where no account has such a role."""
        for member in self._cast.staff:
            if set(member.roles) & set(roles):
                return member
        raise LocalRefusal(
            "nobody_here",
            f"No member of the demo's staff has the role {' or '.join(roles)}.",
            "Use a role that exists.",
        )
