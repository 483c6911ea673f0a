"""The option `start --preview`: what a run would do. No event is written; the sealed result is kept for minutes."""

from __future__ import annotations

from orchestrator.cli.commands.starts.settling import question_lines
from orchestrator.cli.terminal.run_pages import label
from orchestrator.cli.terminal.screen import cutoff, instant, name, say, table
from orchestrator.cli.terminal.shapes import code_words, role_words
from orchestrator.documents.document import Document
from orchestrator.vocabulary.durations import length
from orchestrator.vocabulary.states import ACCESS_FACT, PHASE, SEARCH, in_sentence
from orchestrator.vocabulary.states import label as label_of


def print_preview(document: Document) -> None:
    say(f"Preview for {name(document['person'])}. No run is started, and no system is changed.", style="bold")
    ends = "now (urgent)" if document["urgent"] else cutoff(document["cutoff"], document["zone"])
    phase = in_sentence(label_of(document["phase"], PHASE))
    say(f"Access ends {ends}, under packet {document['packet']} ({phase}).")
    if document["phase"] == "shadow":
        say(f"Dry run with version {document['packet_version'][:12]}: it would change nothing in any system.")
    say("")
    table(
        ("System", "Result", "Accounts", "Matched by"),
        [
            (
                system["system"],
                label_of(system["outcome"], SEARCH),
                ", ".join(label(account) for account in system["accounts"] or system["candidates"]) or "none",
                system["trouble"] or system["matched_on"] or (code_words(system["code"]) if system["code"] else ""),
            )
            for system in document["systems"]
        ],
    )
    _access(document)
    say("")
    table(
        ("Step", "System", "Account", "Permission", "When", "Gate", "Reversible"),
        [
            (
                step["name"],
                step["system"] or f"task for {role_words((step['task_for'],))}",
                label(step["account"]),
                step["level"] + (" (not run)" if step["withheld"] else ""),
                _when(step),
                "before approval" if step["before_gates"] and step["gate"] else step["gate"],
                _undone(step),
            )
            for step in document["steps"]
        ],
    )
    say("")
    titles = {step["name"]: step["title"] for step in document["steps"]}
    for gate in document["gates"]:
        people = "one person" if gate["quorum"] == 1 else f"{gate['quorum']} people"
        if gate.get("close"):  # an older server has none
            say(
                f"Signature {gate['gate']} ({gate['title']}): by {role_words(gate['roles'])} ({people}, within "
                f"{length(gate['decide_within'])}), once every step has ended"
            )
            continue
        say(
            f"Gate {gate['gate']} ({gate['title']}): approval by {role_words(gate['roles'])} ({people}, within "
            f"{length(gate['decide_within'])}): {', '.join(titles.get(step, step) for step in gate['steps'])}"
        )
    _legal_hold(document)
    _cancelled_restore(document)
    for warning in document["warnings"]:
        say(f"{warning['title']}: {warning['message']}", style="yellow")
    for duty in document["duties"]:
        say(duty["message"], style="yellow" if duty["missing"] else "")
    for question in document["questions"]:
        for line in question_lines(question):
            say(line, style="yellow")
    for system in document["not_looked_at"]:
        say(f"{system['system']} could not be checked: {system['why']}", style="yellow")
    if document["steps_left_open"]:
        say(f"Not planned until this is answered: {', '.join(document['steps_left_open'])}", style="yellow")


def _access(document: Document) -> None:
    for one in document["access"]:
        facts = "; ".join(_fact(fact) for fact in one["facts"]) or "no groups, roles or amounts"
        said = f"could not be read: {one['trouble']}" if one["trouble"] else facts
        say(f"{one['system']}, {one['label'] or one['account_id'][:12]}: {said}")


def _fact(fact: Document) -> str:
    title = label_of(fact["name"], ACCESS_FACT) + (" (privileged)" if fact["privileged"] else "")
    if fact["amount"] is not None:
        return f"{title} {fact['amount']}"
    if fact["count"] is None:
        return title
    more = fact["count"] - len(fact["values"])
    named = ", ".join(fact["values"]) + (f" and {more} more" if fact["values"] and more > 0 else "")
    return f"{title}: {named or fact['count']}"


def _cancelled_restore(document: Document) -> None:
    if document.get("cancels_restore"):  # an older server does not say so
        said = "Access that it has restored stays until this run removes it."
        say(
            f"The start cancels run {document['cancels_restore']}, which restores this person's access. {said}",
            style="yellow",
        )


def print_urgent(document: Document) -> None:
    """Whose access an urgent start would remove, and where."""
    person = document["person"] or {}
    say(f"Urgent start for {name(document['person'])}.", style="bold")
    say(f"Department: {person.get('department') or 'unknown'}. Manager: {person.get('manager') or 'unknown'}.")
    for system in document["systems"]:
        accounts = ", ".join(label(account) for account in system["accounts"]) or label_of(system["outcome"], SEARCH)
        say(f"  {system['title']}: {accounts}")
    at_once = [step["title"] for step in document["steps"] if step["before_gates"] and not step["withheld"]]
    say(f"Immediately, before approval: {'; '.join(at_once) or 'nothing'}.")
    _legal_hold(document)
    _cancelled_restore(document)
    for warning in document["warnings"]:
        say(f"{warning['title']}: {warning['message']}", style="yellow")


def _legal_hold(document: Document) -> None:
    if not document["legal_hold"]:
        return
    kept = ", ".join(step["title"] for step in document["steps"] if step["legal_hold"]) or "none of the planned steps"
    say(
        "The packet's condition places a legal hold at the start. A person other than the requester lifts it.", "yellow"
    )
    say(f"Kept by legal hold: {kept}", style="yellow")


def _when(step: Document) -> str:
    if step["due_at"] is not None:
        return instant(step["due_at"])
    return "when approved" if step["gate"] and not step["before_gates"] else "immediately"


def _undone(step: Document) -> str:
    if step["task_for"] or step["level"] in ("read", "prepare"):
        return ""
    limit = length(step["reversible_for"])
    return {"yes": "yes", "no": "no", "limited": f"for {limit}"}[step["reversible"]]
