"""For each route the request that is right in all but who sends it.

Over 400 lines: one request for each route.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from html import unescape

from tests.web.routes.routes_company import (
    FUTURE,
    PACKET,
    Ask,
    RoutesOffice,
    delegation,
    exception_of,
    packet_named,
    slug,
    task_of,
)

MakeRequest = Callable[[RoutesOffice], Awaitable[Ask]]
_PREVIEW = re.compile(r"/runs/new/preview/(i[0-9a-f]+)")
_DRAFT = re.compile(r'name="draft" value="([^"]+)"')


async def request_for(office: RoutesOffice, route: str) -> Ask:
    """Where nothing is said here, nothing but the path's own values is needed."""
    if route not in office.asked:
        office.asked[route] = await REQUESTS.get(route, plain)(office)
    return office.asked[route]


async def plain(office: RoutesOffice) -> Ask:
    values = {"run_id": office.runs["visible"], "name": PACKET, "packet": PACKET, "stored": office.made["stored"]}
    return Ask(values | {"version": office.here.packet.version})


async def of_batch(office: RoutesOffice) -> Ask:
    """There is no batch."""
    return Ask({"batch_id": "b0"})


def posted(run: str = "", form: dict[str, object] | None = None, **values: str) -> MakeRequest:
    """A page's form."""

    async def make(office: RoutesOffice) -> Ask:
        return Ask({"run_id": office.runs.get(run, ""), "packet": PACKET, **values}, form=form or {})

    return make


def sent(run: str = "", body: object = None, **values: str) -> MakeRequest:
    """A program's request."""

    async def make(office: RoutesOffice) -> Ask:
        return Ask({"run_id": office.runs.get(run, ""), **values}, json=body)

    return make


def restored(run: str) -> MakeRequest:
    """Once the run has changed a system."""

    async def make(office: RoutesOffice) -> Ask:
        await office.run(run, lambda found: any(step["changed"] for step in found["steps"]))
        page = run.startswith("page")
        values = {"run_id": office.runs[run]}
        return Ask(values, form=dict(REASON)) if page else Ask(values, json=REASON)

    return make


async def later_cutoff(office: RoutesOffice) -> Ask:
    return Ask({"run_id": office.runs["visible"]}, query={"cutoff": "2030-01-15T18:00", "zone": "Europe/Berlin"})


async def end_sessions(office: RoutesOffice) -> Ask:
    """Of a program, which has none."""
    return Ask({"actor_id": f"s_{office.made['token']}"})


async def end_sessions_on_page(office: RoutesOffice) -> Ask:
    return Ask({"actor_id": f"s_{office.made['token']}"}, form={"reason": "They left a browser open."})


def of(kind: str, name: str, body: object = None, form: dict[str, object] | None = None) -> MakeRequest:
    """About something that was made: a token, a webhook, a delegation, a question."""

    async def make(office: RoutesOffice) -> Ask:
        return Ask({kind: office.made[name]}, json=body, form=form)

    return make


async def judged(office: RoutesOffice) -> Ask:
    """On a page. The run is no dry run."""
    form = {"run": office.runs["visible"], "about": "nothing", "verdict": "plan_wrong", **REASON}
    return Ask({"name": PACKET, "version": office.here.packet.version}, form=form)


def of_packet(name: str, body: object = None, form: dict[str, object] | None = None) -> MakeRequest:
    async def make(office: RoutesOffice) -> Ask:
        return Ask({"name": slug(name), "version": office.made[name], **OBJECTION}, json=body, form=form)

    return make


def together(run: str, page: bool) -> MakeRequest:
    async def make(office: RoutesOffice) -> Ask:
        run_id = office.runs[run]
        if page:
            return Ask(form={"gate": f"{run_id}/g-access-1"})
        return Ask(json={"gates": [{"run_id": run_id, "gate_id": "g-access-1"}]})

    return make


def retry_together(run: str, page: bool) -> MakeRequest:
    async def make(office: RoutesOffice) -> Ask:
        run_id, step_id = office.runs[run], (await office.run(run))["steps"][0]["step_id"]
        if page:
            return Ask(form={"system": "identity", "step": f"{run_id}/{step_id}"})
        return Ask({"system": "identity"}, json={"steps": [{"run_id": run_id, "step_id": step_id}]})

    return make


def task(run: str, page: bool) -> MakeRequest:
    async def make(office: RoutesOffice) -> Ask:
        values = {"run_id": office.runs[run], "task_id": await task_of(office, run)}
        said = {"outcome": "done", "note": "Handed over."}
        return Ask(values, form=said) if page else Ask(values, json=said)

    return make


async def upload(office: RoutesOffice) -> Ask:
    values = {"run_id": office.runs["visible"], "task_id": await task_of(office, "visible")}
    return Ask(values, files={"file": ("list.txt", b"more")})


def accept(run: str, page: bool) -> MakeRequest:
    async def make(office: RoutesOffice) -> Ask:
        about = (await exception_of(office, run))["exception_id"]
        values = {"run_id": office.runs[run], "exception_id": about}
        said = {"reason": "Looked at."}
        return Ask(values, form={**said, "exception": about}) if page else Ask(values, json=said)

    return make


def about_exception(run: str, page: bool, **said: object) -> MakeRequest:
    """What people record about the first open exception of the run."""

    async def make(office: RoutesOffice) -> Ask:
        about = (await exception_of(office, run))["exception_id"]
        values = {"run_id": office.runs[run], "exception_id": about}
        return Ask(values, form={**said, "exception": about}) if page else Ask(values, json=said)

    return make


def waiver(run: str, page: bool) -> MakeRequest:
    until = datetime.now(UTC) + timedelta(days=2)
    at = until.strftime("%Y-%m-%dT%H:%M") if page else until.isoformat()
    return about_exception(run, page, until=at, **REASON)


def settle(run: str, page: bool) -> MakeRequest:
    async def make(office: RoutesOffice) -> Ask:
        question = await exception_of(office, run)
        listed = (await office.programs["operator"].get("/exceptions", params={"run": office.runs[run]})).json()
        account = listed["exceptions"][0]["candidates"][0]["account_id"]
        values = {"run_id": office.runs[run], "system": question["system"]}
        if page:
            form = {"system": question["system"], "account": account, "exception": question["exception_id"]}
            return Ask(values, form=form)
        return Ask(values, json={"accounts": [account]})

    return make


def step(name: str, page: bool) -> MakeRequest:
    async def make(office: RoutesOffice) -> Ask:
        run = await office.run("skipped")
        step_id = next(one["step_id"] for one in run["steps"] if one["name"] == name)
        values = {"run_id": office.runs["skipped"], "step": step_id}
        return Ask(values, form={"step": step_id, "reason": "By hand."}) if page else Ask(values, json={"reason": "x"})

    return make


def by_hand(page: bool) -> MakeRequest:
    async def make(office: RoutesOffice) -> Ask:
        run = await office.run("skipped")
        step_id = next(one["step_id"] for one in run["steps"] if one["name"] == "disable_identity")
        values = {"run_id": office.runs["skipped"], "step": step_id}
        said = {"evidence": "Disabled in the console."}
        return Ask(values, form={"step": step_id, **said}) if page else Ask(values, json=said)

    return make


async def draft(office: RoutesOffice) -> str:
    """HR's, as a page has it."""
    form = {"csrf": office.csrf["hr"], "packet": PACKET, "text": "quillmarknext"}
    found = _DRAFT.search((await office.pages["hr"].post("/runs/new/people", data=form)).text)
    assert found is not None
    return unescape(found[1])


async def terms(office: RoutesOffice) -> Ask:
    return Ask(form={"draft": await draft(office), "packet": PACKET, "when": "planned", **FUTURE})


async def preview(office: RoutesOffice) -> Ask:
    asked = await terms(office)
    answer = await office.pages["hr"].post("/runs/new/preview", data={"csrf": office.csrf["hr"], **(asked.form or {})})
    found = _PREVIEW.search(answer.headers["location"])
    assert found is not None
    return Ask({"inquiry_id": found[1]})


async def start_previewed(office: RoutesOffice) -> Ask:
    asked = await preview(office)
    return Ask(asked.values, form={})


async def version_again(office: RoutesOffice) -> Ask:
    return Ask(json=packet_named("adopted"))


async def in_packet(office: RoutesOffice) -> Ask:
    return Ask(query={"packet": PACKET})


async def never_tested(office: RoutesOffice) -> Ask:
    return Ask({"system": "identity"}, query={"packet": PACKET})


async def delegate_on_page(office: RoutesOffice) -> Ask:
    when = {name: value[:16] if name != "to" else value for name, value in delegation(500).items()}
    return Ask(form={**when, "to": "colleague"})


async def delegate(office: RoutesOffice) -> Ask:
    return Ask(json=delegation(600) | {"to": "colleague"})


async def change_embargo(office: RoutesOffice) -> Ask:
    return Ask({"run_id": office.runs["embargo"]}, json={"until": office.made["later"], "named": []})


async def change_embargo_on_page(office: RoutesOffice) -> Ask:
    return Ask({"run_id": office.runs["page embargo"]}, form={"until": office.made["later"][:16], "zone": "UTC"})


SEARCH = {"packet": PACKET, "text": "quillmarknext"}
START = {"person": "R-0900", "packet": PACKET, **FUTURE}
TOKEN = {"name": "Mine", "kind": "service", "up_to": "read"}
HOOK = {"url": "https://127.0.0.1/other", "types": ["run"]}
OBJECTION = {"objection": "objection-1"}
REASON = {"reason": "To see who may."}
HOLD = {"packet": PACKET, "reason": "To see who may."}

REQUESTS: dict[str, MakeRequest] = {
    "POST /sign-in/local": posted(form={"alias": "guest"}),
    "POST /sign-in/provider-sign-out": posted(form={"logout_token": "none"}),
    "POST /device": posted(form={"code": "BCDF-GHJK", "answer": "refuse"}),
    "POST /sign-out": posted(),
    "POST /api/v1/device/token": sent(body={"device_secret": "none"}),
    "POST /api/v1/sign-in/local": sent(body={"alias": "guest"}),
    "POST /api/v1/hooks/hr": sent(body=START),
    "POST /api/v1/hooks/bamboohr": sent(body={}),
    # Pages
    "POST /search": posted(form={"text": "quillmark"}),
    "POST /runs/new/people": posted(form=dict(SEARCH)),
    "POST /runs/new/terms": terms,
    "POST /runs/new/preview": terms,
    "GET /runs/new/preview/{inquiry_id}": preview,
    "POST /runs/new/preview/{inquiry_id}": start_previewed,
    "POST /runs/{run_id}/reschedule": posted("held", dict(FUTURE)),
    "POST /runs/{run_id}/urgent": posted("page made urgent", dict(REASON)),
    "POST /runs/{run_id}/hold": posted("held", dict(REASON)),
    "POST /runs/{run_id}/release": posted("held"),
    "POST /runs/{run_id}/replan": posted("replanned"),
    "POST /runs/{run_id}/restore": restored("page restored"),
    "POST /runs/{run_id}/replay": posted("held", {"from_step": "snapshot_cards"}),
    "POST /runs/{run_id}/embargo": change_embargo_on_page,
    "POST /runs/{run_id}/end": posted("page end", dict(REASON)),
    "POST /runs/{run_id}/erasure": posted("held", dict(REASON)),
    "POST /runs/{run_id}/legal-holds": posted("held", dict(REASON)),
    "POST /runs/{run_id}/legal-holds/lift": posted("page gate", dict(REASON)),
    "POST /runs/{run_id}/gates/{gate_id}": posted("page gate", {"verdict": "approve"}, gate_id="g-access-1"),
    "POST /decisions": together("page together", page=True),
    "POST /exceptions/retry": retry_together("skipped", page=True),
    "POST /runs/{run_id}/tasks/{task_id}": task("page task", page=True),
    "POST /runs/{run_id}/accept": accept("page urgent", page=True),
    "POST /runs/{run_id}/waive": waiver("page settle", page=True),
    "POST /runs/{run_id}/assign": about_exception("page settle", page=True, to=""),
    "POST /runs/{run_id}/snooze": about_exception("page settle", page=True, until=""),
    "POST /runs/{run_id}/comment": about_exception("page settle", page=True, comment="Seen."),
    "POST /runs/{run_id}/name-decider": posted(
        "page urgent", {"exception": "x-urgent_review-start", "decider": "it", **REASON}
    ),
    "POST /runs/{run_id}/settle": settle("page settle", page=True),
    "POST /runs/{run_id}/retry": step("disable_identity", page=True),
    "POST /runs/{run_id}/skip": step("close_card", page=True),
    "POST /runs/{run_id}/done-by-hand": by_hand(page=True),
    "GET /packets/{name}/versions/{version}/edit": of_packet("page object"),
    "POST /packets/{name}/versions/{version}/edit": of_packet("page object", form={"act": "check"}),
    "POST /packets/{name}/versions/{version}/sign": of_packet("page sign", form={"phase": "shadow"}),
    "POST /packets/{name}/versions/{version}/move": of_packet("page move", form={"phase": "retired"}),
    "POST /packets/{name}/versions/{version}/shadow": judged,
    "POST /packets/{name}/versions/{version}/object": of_packet("page object", form=REASON),
    "POST /packets/{name}/versions/{version}/withdraw-objection": of_packet("page withdraw", form=dict(OBJECTION)),
    "POST /systems/{packet}/check": posted(),
    "POST /systems/{packet}/hold": posted(form={"system": "cards", **REASON}),
    # Of a system that no row of the table pauses: what a safety owner paused, an operator does not resume.
    "POST /systems/{packet}/release": posted(form={"system": "code"}),
    "GET /systems/{packet}/{system}/test": posted(system="cards"),
    "POST /systems/{packet}/{system}/test": posted(system="cards"),
    "GET /systems/{packet}/{system}/test/{inquiry_id}": posted(system="cards", inquiry_id="i0"),
    "POST /systems/{packet}/{system}/orphans": posted(system="code"),
    "GET /systems/{packet}/{system}/orphans/{inquiry_id}": posted(system="code", inquiry_id="i0"),
    "POST /ledger/compare": posted(),
    "POST /ledger/verify": posted(),
    "GET /ledger/verifications/{inquiry_id}": of("inquiry_id", "verification"),
    "POST /batches": posted(form={"packet": PACKET}),
    "GET /batches/{batch_id}": of_batch,
    "GET /batches/checks/{inquiry_id}": posted(inquiry_id="i0"),
    "POST /batches/{batch_id}/start": posted(form={"runs": "1"}, batch_id="b0"),
    "POST /batches/{batch_id}/confirm": posted(batch_id="b0"),
    "POST /batches/{batch_id}/hold": posted(batch_id="b0"),
    "POST /batches/{batch_id}/resume": posted(batch_id="b0"),
    "POST /batches/{batch_id}/cancel": posted(form={"reason": "No."}, batch_id="b0"),
    "POST /starts/limits/{trip_id}/release": posted(trip_id="trip-0"),
    "POST /starts/held/{held_id}/confirm": posted(held_id="held-0"),
    "POST /away": delegate_on_page,
    "POST /away/{delegation_id}/end": of("delegation_id", "page delegation", form={}),
    "POST /tokens": posted(form={**TOKEN, "days": "1"}),
    "POST /tokens/{token_id}/owners": of(
        "token_id", "page token", form={"owner": "safety-owner", "deputy": "operator"}
    ),
    "POST /tokens/{token_id}/revoke": of("token_id", "page token", form={}),
    "GET /assistants/{account}": posted(account="none"),
    "POST /assistants/stop": posted(form={"account": "*"}),
    "POST /assistants/resume": posted(form={"account": "*"}),
    "POST /staff/{actor_id}/roles/revoke": posted(form={"role": "auditor", "reason": "r"}, actor_id="hr"),
    "POST /staff/{actor_id}/sessions/end": end_sessions_on_page,
    "POST /staff/tokens/{token_id}/revoke": of("token_id", "staff token", form={"reason": "r"}),
    "POST /webhooks": posted(form=dict(HOOK)),
    "POST /webhooks/{hook_id}/secret": of("hook_id", "page hook", form={}),
    "POST /webhooks/{hook_id}/disable": of("hook_id", "page hook", form={}),
    # The API
    "POST /api/v1/search": sent(body={"text": "quillmark"}),
    "POST /api/v1/people/search": sent(body=SEARCH),
    "POST /api/v1/people/lookup": sent(body={"packet": PACKET, "wanted": "R-0900"}),
    "POST /api/v1/previews": sent(body=START | {"person": "R-0901"}),
    "POST /api/v1/runs": sent(body=START | {"person": "R-0902"}),
    "GET /api/v1/inquiries/{inquiry_id}": of("inquiry_id", "verification"),
    "POST /api/v1/runs/{run_id}/reschedule": sent("held", FUTURE),
    "POST /api/v1/runs/{run_id}/urgent": sent("made urgent", REASON),
    "POST /api/v1/runs/{run_id}/hold": sent("held", REASON),
    "POST /api/v1/runs/{run_id}/release": sent("held"),
    "POST /api/v1/runs/{run_id}/replan": sent("replanned", {}),
    "POST /api/v1/runs/{run_id}/restore": restored("restored"),
    "POST /api/v1/runs/{run_id}/replay": sent("held", {"from_step": "snapshot_cards"}),
    "POST /api/v1/runs/{run_id}/embargo": change_embargo,
    "GET /api/v1/runs/{run_id}/exposure": later_cutoff,
    "POST /api/v1/runs/{run_id}/end": sent("end", REASON),
    "POST /api/v1/runs/{run_id}/erasure": sent("held", REASON),
    "POST /api/v1/runs/{run_id}/legal-holds": sent("held", REASON),
    "POST /api/v1/runs/{run_id}/legal-holds/lift": sent("gate", REASON),
    "POST /api/v1/runs/{run_id}/gates/{gate_id}/decision": sent("gate", {"verdict": "approve"}, gate_id="g-access-1"),
    "POST /api/v1/decisions": together("together", page=False),
    "POST /api/v1/runs/{run_id}/tasks/{task_id}/files": upload,
    "POST /api/v1/runs/{run_id}/tasks/{task_id}/completion": task("task", page=False),
    "GET /api/v1/runs/{run_id}/exceptions/{exception_id}": sent("urgent", exception_id="x-urgent_review-start"),
    "POST /api/v1/runs/{run_id}/exceptions/{exception_id}/acceptance": accept("urgent", page=False),
    "POST /api/v1/runs/{run_id}/exceptions/{exception_id}/waiver": waiver("settle", page=False),
    "POST /api/v1/runs/{run_id}/exceptions/{exception_id}/assignment": about_exception(
        "settle", page=False, account=None
    ),
    "POST /api/v1/runs/{run_id}/exceptions/{exception_id}/snooze": about_exception("settle", page=False, until=None),
    "POST /api/v1/runs/{run_id}/exceptions/{exception_id}/comments": about_exception(
        "settle", page=False, text="Seen."
    ),
    "POST /api/v1/runs/{run_id}/exceptions/{exception_id}/decider": sent(
        "urgent", {"decider": "it", **REASON}, exception_id="x-urgent_review-start"
    ),
    "POST /api/v1/runs/{run_id}/systems/{system}/accounts": settle("settle", page=False),
    "POST /api/v1/runs/{run_id}/differences/{about}/judgement": sent(
        "visible", {"verdict": "plan_wrong", **REASON}, about="nothing"
    ),
    "POST /api/v1/runs/{run_id}/steps/{step}/retry": step("disable_identity", page=False),
    "POST /api/v1/runs/{run_id}/steps/{step}/skip": step("freeze_card", page=False),
    "POST /api/v1/runs/{run_id}/steps/{step}/done-by-hand": by_hand(page=False),
    "GET /api/v1/systems/{system}/parked-steps": posted(system="identity"),
    "POST /api/v1/systems/{system}/parked-steps/retry": retry_together("skipped", page=False),
    "POST /api/v1/packets": version_again,
    "POST /api/v1/packets/{name}/versions/{version}/signatures": of_packet("sign", {"phase": "shadow"}),
    "POST /api/v1/packets/{name}/versions/{version}/moves": of_packet("move", {"phase": "retired"}),
    "POST /api/v1/packets/{name}/versions/{version}/objections": of_packet("object", REASON),
    "POST /api/v1/packets/{name}/versions/{version}/objections/{objection}/withdrawal": of_packet("withdraw", {}),
    "POST /api/v1/batches": sent(body={"packet": PACKET, "rows": [], "check_only": True}),
    "GET /api/v1/batches/{batch_id}": of_batch,
    "POST /api/v1/batches/{batch_id}/start": sent(body={"runs": 1}, batch_id="b0"),
    "POST /api/v1/batches/{batch_id}/confirmation": sent(batch_id="b0"),
    "POST /api/v1/batches/{batch_id}/hold": sent(batch_id="b0"),
    "POST /api/v1/batches/{batch_id}/resume": sent(batch_id="b0"),
    "POST /api/v1/batches/{batch_id}/cancellation": sent(body={"reason": "No."}, batch_id="b0"),
    "POST /api/v1/starts/limits/{trip_id}/release": sent(trip_id="trip-0"),
    "POST /api/v1/starts/held/{held_id}/confirmation": sent(held_id="held-0"),
    "POST /api/v1/ledger/comparisons": sent(body={}),
    "GET /api/v1/systems": in_packet,
    "POST /api/v1/systems/check": sent(body={"packet": PACKET}),
    "POST /api/v1/systems/{system}/hold": sent(body=HOLD, system="cards"),
    "POST /api/v1/systems/{system}/release": sent(body={"packet": PACKET}, system="code"),
    "POST /api/v1/systems/{system}/test": sent(body={"packet": PACKET}, system="code"),
    "GET /api/v1/systems/{system}/test": never_tested,
    "POST /api/v1/systems/{system}/orphans": sent(body={"packet": PACKET}, system="code"),
    "POST /api/v1/delegations": delegate,
    "POST /api/v1/delegations/{delegation_id}/end": of("delegation_id", "delegation"),
    "POST /api/v1/tokens": sent(body={**TOKEN, "lasts_days": 1}),
    "POST /api/v1/tokens/{token_id}/owners": of("token_id", "token", {"owner": "safety-owner", "deputy": "operator"}),
    "DELETE /api/v1/tokens/{token_id}": of("token_id", "token"),
    "GET /api/v1/assistants/{actor_id}/calls": sent(actor_id="none"),
    "POST /api/v1/assistants/{actor_id}/stop": sent(actor_id="none"),
    "POST /api/v1/assistants/{actor_id}/resume": sent(actor_id="none"),
    "POST /api/v1/staff/{actor_id}/roles/revoke": sent(body={"packet": PACKET, "roles": ["auditor"]}, actor_id="hr"),
    "POST /api/v1/staff/{actor_id}/sessions/end": end_sessions,
    "POST /api/v1/webhooks": sent(body=HOOK),
    "POST /api/v1/webhooks/{hook_id}/secret": of("hook_id", "hook"),
    "DELETE /api/v1/webhooks/{hook_id}": of("hook_id", "hook"),
}
