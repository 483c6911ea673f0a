"""A run as text, from its document: header, systems, steps, gates, exceptions, tasks and the timeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from orchestrator.cli.terminal import screen
from orchestrator.cli.terminal.exception_lines import exception_state, exception_words, record_lines
from orchestrator.cli.terminal.names import gate_name, gate_title, step_title, subject
from orchestrator.cli.terminal.repairs import commands_for
from orchestrator.cli.terminal.screen import cutoff, instant, moment, name, say, table, when
from orchestrator.cli.terminal.shapes import code_words, role_words
from orchestrator.documents.document import Document
from orchestrator.vocabulary.close import changed_since, close_summary, systems_by_outcome, votes_cast
from orchestrator.vocabulary.ended import ended_sentences
from orchestrator.vocabulary.refused_votes import REFUSED_VOTE
from orchestrator.vocabulary.states import (
    EXCEPTION,
    GATE,
    PHASE,
    RUN,
    SEARCH,
    STEP,
    SYSTEM_OUTCOME,
    TASK,
    UNDER_HOLD,
    WAITS_FOR,
    WATCH,
    WATCH_ENDED,
    in_sentence,
)
from orchestrator.vocabulary.states import label as label_of
from orchestrator.vocabulary.still_removed import still_removed_state

MAX_EVIDENCE_CHARACTERS = 160
"""Characters of evidence in a table; `--json` has it whole."""


def print_run(document: Document) -> None:
    print_header(document)
    print_systems(document)
    print_steps(document)
    print_gates(document)
    print_exceptions(document)
    print_tasks(document)
    print_still_removed(document)
    print_watch(document)
    print_duties(document)
    if document.get("events") is not None:
        print_events(document)


def print_header(document: Document) -> None:
    say(f"{name(document['person'])}  ·  run {document['run_id']}", style="bold")
    held = " (paused)" if document["held"] and document["state"] != "held" else ""
    urgent = ", urgent" if document["urgent"] else ""
    say(f"State      {label_of(document['state'], RUN)}{held}{urgent}")
    say(f"Cutoff     {cutoff(document['cutoff'], document['zone'])}")
    phase = in_sentence(label_of(document["phase"], PHASE))
    say(f"Packet     {document['packet']} {document['packet_version'][:12]} ({phase})")
    if document["phase"] == "shadow":
        beside = document.get("production_version")
        in_use = f" Version {beside[:12]} is in production." if beside else ""
        say(f"Dry run    Changes nothing in any system. It does not mean that this person leaves.{in_use}")
    say(f"Requested  {document['requested_by']}, {instant(document['requested_at'])}")
    if document["finished_at"] is not None:
        say(f"Finished   {instant(document['finished_at'])}")
    if document.get("held_until") is not None:
        say(f"Resumes    {instant(document['held_until'])}, automatically")
    for outcome, label in SYSTEM_OUTCOME.items() if document["finished_at"] is not None else ():
        # An older server does not say how a run ended on each system.
        places = [one["place"] for one in document.get("outcomes", ()) if one["outcome"] == outcome]
        if places:
            say(f"{label:<10} {', '.join(places)}" if len(label) <= 10 else f"{label}: {', '.join(places)}")
    if document["holds"]:
        say(f"Paused     {', '.join(document['holds'])}")
    for line in legal_hold_lines(document):
        say(line, style="yellow")


def legal_hold_lines(document: Document) -> Iterator[str]:
    """The legal holds in force, and what became of each step that destroys data. An older server has none."""
    in_force = [hold for hold in document.get("legal_holds", ()) if hold["lifted_at"] is None]
    for hold in in_force:
        who = f"placed by {hold['placed_by']}" if hold["placed_by"] else "placed by the packet's condition"
        carried = f", carried over from run {hold['from_run']}" if hold["from_run"] else ""
        reason = f": {hold['reason']}" if hold["reason"] else ""
        yield f"Legal hold {hold['hold_id']}, {who}, {instant(hold['placed_at'])}{carried}{reason}"
    for state, words in UNDER_HOLD.items():
        titles = [step["title"] for step in document["steps"] if in_force and step["legal_hold"] == state]
        if titles:
            yield f"  {words}: {', '.join(titles)}"


def print_watch(document: Document) -> None:
    """The checks after the close. An older server has none."""
    watch = document.get("watch")
    if watch is None:
        return
    say("")
    if watch["ended"] is not None:
        say(f"Checks after the close: no further check, {WATCH_ENDED[watch['ended']]}")
    elif watch["next_at"] is not None:
        say(f"Checks after the close: next {instant(watch['next_at'])}")
    else:
        say("Checks after the close: no further check follows")
    rows = [
        (one["system"], str(one["day"]), label_of("failed", WATCH), code_words(one["code"] or ""), one["tried_at"])
        for one in watch["failing"]
    ]
    rows += [
        (one["system"], str(one["day"]), label_of(one["outcome"], WATCH), ", ".join(_found(one)), one["at"])
        for one in reversed(watch["checks"])
    ]
    if rows:
        table(("System", "Day", "Result", "Found", "Checked"), [(*row[:4], instant(row[4])) for row in rows])


def _found(check: Document) -> Iterator[str]:
    yield from (step["title"] for step in check["steps"])
    yield from (label(account) for account in check["accounts"])
    if unread := [step["title"] for step in check.get("unknown", ())]:  # an older server does not list them
        yield f"could not be read: {', '.join(unread)}"


def print_still_removed(document: Document) -> None:
    """What a finished restore has not restored."""
    lines = list(still_removed_lines(document)) if document["finished_at"] is not None else []
    if lines:
        say("")
        say(f"Not restored of what run {document['restores']} removed")
    for line in lines:
        say(line)


def still_removed_lines(document: Document) -> Iterator[str]:
    """An older server lists none."""
    for line in document.get("still_removed", ()):
        place = ", ".join(filter(None, (line["system"] or "task", label(line["account"]))))
        given = f" Includes: {', '.join(line['given'])}." if line["given"] else ""
        yield f"  {line['title']} ({place}): {in_sentence(still_removed_state(line))}.{given}"


def print_duties(document: Document) -> None:
    """An older server does not list them."""
    if not document.get("duties"):
        return
    say("")
    say("Roles and duties in Offboard, until the cutoff")
    for duty in document["duties"]:
        say(duty["message"], style="yellow" if duty["missing"] else "")


def print_systems(document: Document) -> None:
    if not document["systems"]:
        return
    say("")
    rows = []
    for system in document["systems"]:
        shown = system["accounts"] if system["accounts"] is not None else system["candidates"]
        labels = ", ".join(label(account) for account in shown) or "none"
        outcome = label_of("settled" if system["settled"] else system["outcome"], SEARCH)
        rows.append(
            (
                system["system"],
                outcome,
                labels,
                system["matched_on"] or (code_words(system["code"]) if system["code"] else ""),
            )
        )
    table(("System", "Result", "Accounts", "Matched by"), rows)


def print_steps(document: Document) -> None:
    say("")
    table(
        ("Step", "System", "State", "Account", "Evidence"),
        [
            (step["name"], step["system"], status(step), label(step["account"]), summary(step["evidence"]))
            for step in document["steps"]
        ],
    )
    for step in document["steps"]:
        # An older server does not say what a step ended.
        if ended := step.get("ended"):
            until = ended["access_tokens_until"]
            sentences = ended_sentences(ended, when(until) if until else None, datetime.now(UTC), instant)
            say(f"{step['title']}: {' '.join(sentences)}")


def status(step: Document) -> str:
    if step["task_for"] and step["status"] == "planned" and step["waits_for"] is None:
        return f"Task for {role_words((step['task_for'],))}"
    if step["waits_for"] is None or step["status"] in ("failed", "unknown"):
        state = label_of(step["status"], STEP)
        return f"{state}: {code_words(step['code'])}" if step["code"] else state
    if step["waits_for"] == "time" and step["waits_until"] is not None:
        return f"{label_of('time', WAITS_FOR)}: {instant(step['waits_until'])}"
    return label_of(step["waits_for"], WAITS_FOR)


def print_gates(document: Document) -> None:
    if not document["gates"]:
        return
    say("")
    rows = []
    for gate in document["gates"]:
        votes = "; ".join(_vote_words(vote) for vote in gate["votes"])
        if votes and gate["state"] == "open":
            votes = f"{votes_cast(len(gate['votes']), gate['quorum'], bool(gate.get('close')))}: {votes}"
        waits = f"{role_words(gate['roles'])} by {instant(gate['decide_by'])}"
        excluded = [step["name"] for step in gate["steps"] if step["excluded"]]
        about = ", ".join(step["name"] for step in gate["steps"] if not step["excluded"])
        rows.append(
            (
                gate_name(document, gate["gate_id"]),
                label_of(gate["state"], GATE),
                votes or (waits if gate["state"] == "open" else ""),
                "the close" if gate.get("close") else about + (f" (without {', '.join(excluded)})" if excluded else ""),
            )
        )
    table(("Gate", "State", "Decisions", "Steps"), rows)
    for gate in document["gates"]:
        # An older server has no signatures of the close.
        if gate.get("close") and (gate["state"] == "open" or document["finished_at"] is not None):
            for line in close_lines(document, gate):
                say(line)


def close_lines(document: Document, gate: Document) -> Iterator[str]:
    """What is signed at a gate of the close, and why an earlier signature does not count."""
    close = gate["close"]
    if gate["state"] == "open":
        yield f"{gate_name(document, gate['gate_id'])}: {close_summary(close)}"
        for words, places in systems_by_outcome(close):
            yield f"  {words}: {', '.join(places)}"
        for one in close["exceptions"]:
            place = f", {one['place']}" if one["place"] else ""
            reason = f" “{one['reason']}”" if one["reason"] else ""
            yield f"  Accepted: {label_of(one['kind'], EXCEPTION)}{place}, by {one['by']}{reason}"
        if close["before"] is not None:
            votes = "; ".join(_vote_words(vote | {"on_behalf_of": None}) for vote in close["before"]["votes"])
            yield f"  No longer counts: {votes}. {changed_since(close['before']['changes'])}"
    elif gate["state"] == "approved" and not close["counts"]:
        yield f"{gate_name(document, gate['gate_id'])}: no longer counts, since the run has changed."


def _vote_words(vote: Document) -> str:
    """`it approve for ann 2026-11-30 17:00 CET “looked at”`."""
    instead_of = f" for {vote['on_behalf_of']}" if vote["on_behalf_of"] else ""
    reason = f" “{vote['reason']}”" if vote["reason"] else ""
    return f"{vote['by']} {vote['verdict']}{instead_of} {instant(vote['at'])}{reason}"


def print_exceptions(document: Document) -> None:
    if not document["exceptions"]:
        return
    say("")
    table(
        ("Exception", "Kind and cause", "Step or system", "State", "Owner and due date, or closed by"),
        [
            (
                known["exception_id"],
                exception_words(known),
                subject(document, known),
                exception_state(known),
                f"{known.get('assigned_to') or role_words(known['owners'])}, {instant(known['due_at'])}"
                if known["state"] == "open"
                else f"{known['by'] or 'Offboard'}, {instant(known['closed_at'])}",
            )
            for known in document["exceptions"]
        ],
    )
    for known in document["exceptions"]:
        print_question(document, known)
        for line in record_lines(known):
            say(f"{known['exception_id']}: {line}")


def print_question(document: Document, known: Document) -> None:
    """What an open exception asks, and how to answer."""
    if known["state"] != "open":
        return
    about = subject(document, known) or "the run"
    say(f"{exception_words(known)} ({about}). {known['remedy']}")
    for command in commands_for(document["run_id"], known):
        say(f"  {command}")
    for candidate in known["candidates"]:
        say(f"  {candidate_words(candidate, known['not_selected'])}")


def candidate_words(candidate: Document, not_selected: Sequence[str] = ()) -> str:
    """What a person needs to tell whose account it is. `not_selected` has ids of accounts that a person passed over."""
    unselected = "  (not selected)" if candidate["account_id"] in not_selected else ""
    attributes = ", ".join(f"{key}={value}" for key, value in candidate["attributes"].items() if value)
    return f"{candidate['account_id'][:12]}  {label(candidate)}  {attributes}{unselected}"


def print_tasks(document: Document) -> None:
    if not document["tasks"]:
        return
    say("")
    table(
        ("Task", "State", "Role or person", "Due", "Title"),
        [
            (
                task["task_id"],
                label_of(task["state"], TASK),
                task["by"] or role_words((task["role"],)),
                instant(task["due_at"]) if task["state"] == "open" else "",
                task["title"] or task["step"],
            )
            for task in document["tasks"]
        ],
    )


def print_events(document: Document) -> None:
    say("")
    table(
        ("No.", "Time", "Event", "Details", "Hash"),
        [
            (
                str(event["version"]),
                moment(event["at"]),
                event["type"],
                about(document, event["data"]),
                (event["hash"] or "")[:12],
            )
            for event in document["events"]
        ],
    )


def event_line(document: Document, event: Document) -> str:
    """An event that has just come: the same on one line, whatever came before it."""
    cells = (f"{event['version']:>4}", moment(event["at"]), f"{event['type']:<22}", about(document, event["data"]))
    return "  ".join((*cells, (event["hash"] or "")[:12])).rstrip()


def about(document: Document, data: Document) -> str:
    """What an event is about, in titles where there are any."""
    step_id = data.get("step_id") or data.get("about")
    parts = [step_title(document, step_id) or step_id or ""]
    parts.append(gate_title(document, data.get("gate_id")))
    parts += [
        str(data[key]) for key in ("system", "kind", "what", "read", "verdict", "outcome", "code") if data.get(key)
    ]
    if seen := data.get("seen"):
        parts.append(str(seen["system"]))
    by = data.get("by")
    if by:
        parts.append(f"by {by if isinstance(by, str) else ', '.join(by)}")
    if refusal := data.get("refusal"):
        parts.append(f"not counted: {in_sentence(label_of(refusal, REFUSED_VOTE))}")
    if results := data.get("results"):
        parts.append(", ".join(f"{result['system']} {result['outcome']}" for result in results))
    return " ".join(part for part in parts if part)


def label(account: Document | None) -> str:
    if account is None:
        return ""
    words = [account["label"] or account["account_id"][:12]]
    words += ["(privileged)"] if account["privileged"] else []
    words += ["(inactive)"] if account["active"] is False else []
    return " ".join(words)


def summary(evidence: Any) -> str:
    """The read-back in one line: what a reviewer looks for first."""
    if not evidence:
        return ""
    if isinstance(evidence, dict):
        evidence = evidence.get("read_back") or evidence.get("reply") or evidence
    text = _in_words(evidence)
    return text if len(text) <= MAX_EVIDENCE_CHARACTERS else text[: MAX_EVIDENCE_CHARACTERS - 1] + "…"


def _in_words(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{key}={_in_words(inner)}" for key, inner in value.items() if inner not in (None, ""))
        case list() if len(value) > 3:
            return f"{len(value)} entries"
        case list():
            return "[" + ", ".join(_in_words(inner) for inner in value) + "]"
        case bool():
            return "yes" if value else "no"
    return screen.clean(str(value))
