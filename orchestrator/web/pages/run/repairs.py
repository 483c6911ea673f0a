"""Forms about exceptions: settle matches, retry or skip a step, report it as done by hand, re-plan, accept, waive,
assign, snooze, comment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from orchestrator import commands
from orchestrator.commands import Done
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text, texts
from orchestrator.web.pages.new_run.local_times import instant_given
from orchestrator.web.pages.run.flashes import done
from orchestrator.web.pages.run.form_responses import carried_out, refused
from orchestrator.web.pages.run.run_access import RunAccess, load_answered_run
from orchestrator.web.state import state_of

router = APIRouter()


@router.post("/runs/{run_id}/accept")
async def accept(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """Closes `exception` with a `reason`, where it needs only a review."""
    exception_id = text(form, "exception")
    return await _carry_out(
        request,
        caller,
        form,
        run_id,
        exception_id,
        lambda: commands.accept_exception(
            state_of(request).services, caller.actor, run_id, exception_id, text(form, "reason")
        ),
        lambda seen: "Accepted. The exception is closed.",
    )


@router.post("/runs/{run_id}/waive")
async def waive(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """Waives `exception` `until` a local time, with a `reason` and a compensating `control`."""
    exception_id = text(form, "exception")

    async def work() -> Done:
        until = instant_given(text(form, "until"), caller.zone, "The end of the waiver")
        return await commands.waive_exception(
            state_of(request).services,
            caller.actor,
            run_id,
            exception_id,
            until,
            text(form, "reason"),
            text(form, "control") or None,
        )

    return await _carry_out(
        request, caller, form, run_id, exception_id, work, lambda seen: "Waived. The exception is open again then."
    )


@router.post("/runs/{run_id}/assign")
async def assign(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """Assigns `exception` to the account `to`, or to its roles where that is empty."""
    exception_id, to = text(form, "exception"), text(form, "to")
    return await _carry_out(
        request,
        caller,
        form,
        run_id,
        exception_id,
        lambda: commands.assign_exception(
            state_of(request).services, caller.actor, run_id, exception_id, to, text(form, "reason") or None
        ),
        lambda seen: f"Assigned to {seen.name(to)}." if to else "Assigned to its roles.",
    )


@router.post("/runs/{run_id}/snooze")
async def snooze(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """Hides `exception` from inboxes `until` a local time; an empty one shows it again."""
    exception_id, until = text(form, "exception"), text(form, "until")

    async def work() -> Done:
        at = instant_given(until, caller.zone, "The end of the snooze") if until else None
        return await commands.snooze_exception(
            state_of(request).services, caller.actor, run_id, exception_id, at, text(form, "reason") or None
        )

    return await _carry_out(
        request,
        caller,
        form,
        run_id,
        exception_id,
        work,
        lambda seen: "Snoozed. Its due date stays." if until else "It is in the inbox again.",
    )


@router.post("/runs/{run_id}/comment")
async def comment(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    exception_id = text(form, "exception")
    return await _carry_out(
        request,
        caller,
        form,
        run_id,
        exception_id,
        lambda: commands.comment_on_exception(
            state_of(request).services, caller.actor, run_id, exception_id, text(form, "comment")
        ),
        lambda seen: "Comment added.",
    )


@router.post("/runs/{run_id}/name-decider")
async def name_decider(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """Names the account `decider` for the gate or review that `exception` is about."""
    exception_id = text(form, "exception")
    return await _carry_out(
        request,
        caller,
        form,
        run_id,
        exception_id,
        lambda: commands.name_decider(
            state_of(request).services, caller.actor, run_id, exception_id, text(form, "decider"), text(form, "reason")
        ),
        lambda seen: "Named. The person can decide once two people have named them.",
    )


@router.post("/runs/{run_id}/settle")
async def settle(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """`account` are those on `system` that are theirs, or `none` of them is."""
    system, accounts = text(form, "system"), texts(form, "account")

    async def work() -> Done:
        none = bool(text(form, "none"))
        if none and accounts:
            raise Invalid("none_and_some", "You selected an account and also “None of these”.")
        if not none and not accounts:
            raise Invalid("nothing_chosen", "No account was selected.")
        return await commands.settle_match(
            state_of(request).services, caller.actor, run_id, system, accounts, text(form, "reason") or None
        )

    def describe(seen: RunAccess) -> str:
        which = "no account of this person" if not accounts else "account match confirmed"
        return f"{seen.system(system)}: {which}. The run is being re-planned."

    return await _carry_out(request, caller, form, run_id, text(form, "exception"), work, describe)


@router.post("/runs/{run_id}/retry")
async def retry(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """`again` does `step` again, under another effect key."""
    step = text(form, "step")
    return await _carry_out(
        request,
        caller,
        form,
        run_id,
        text(form, "exception"),
        lambda: commands.retry_step(
            state_of(request).services,
            caller.actor,
            run_id,
            step,
            again=bool(text(form, "again")),
            reason=text(form, "reason") or None,
        ),
        lambda seen: f"{_title(seen, step)}: retrying now.",
    )


@router.post("/runs/{run_id}/skip")
async def skip(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """`step` once, or several times: then all of them are skipped, or none."""
    step, *further = texts(form, "step") or [""]

    def describe(seen: RunAccess) -> str:
        if further:
            return f"{1 + len(further)} steps: skipped. Steps that depend on them continue."
        return f"{_title(seen, step)}: skipped. Steps that depend on it continue."

    return await _carry_out(
        request,
        caller,
        form,
        run_id,
        text(form, "exception"),
        lambda: commands.skip_step(
            state_of(request).services, caller.actor, run_id, step, text(form, "reason"), *further
        ),
        describe,
    )


@router.post("/runs/{run_id}/done-by-hand")
async def done_by_hand(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """Reports that `step` was done by hand, with `evidence`."""
    step = text(form, "step")

    def describe(seen: RunAccess) -> str:
        known = seen.state.work.steps.get(step)
        reads = known is not None and known.by_hand is not None
        then = "its system is read before that counts." if reads else "attested."
        return f"{_title(seen, step)}: reported as done by hand; {then}"

    return await _carry_out(
        request,
        caller,
        form,
        run_id,
        text(form, "exception"),
        lambda: commands.do_step_by_hand(
            state_of(request).services, caller.actor, run_id, step, text(form, "evidence")
        ),
        describe,
    )


@router.post("/runs/{run_id}/replan")
async def replan(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    return await _carry_out(
        request,
        caller,
        form,
        run_id,
        text(form, "exception"),
        lambda: commands.replan_run(
            state_of(request).services,
            caller.actor,
            run_id,
            text(form, "reason") or None,
            text(form, "packet_version") or None,
        ),
        lambda seen: "The run is being re-planned. Approvals of unchanged steps stay valid.",
    )


async def _carry_out(
    request: Request,
    caller: Caller,
    form: FormData,
    run_id: str,
    item_id: str,
    work: Callable[[], Awaitable[Done]],
    describe: Callable[[RunAccess], str],
) -> Response:
    try:
        came_of_it = await work()
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id, item_id)
    seen = await load_answered_run(state_of(request), caller, run_id)
    return await carried_out(request, caller, form, done(describe(seen), came_of_it))


def _title(seen: RunAccess, step: str) -> str:
    known = seen.state.plan.steps.get(step)
    return known.title if known is not None else "The step"
