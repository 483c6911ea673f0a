"""`start --theirs` and `--not-theirs`: account matches that are confirmed with the start.

Every account that the preview shows must be named, as theirs or as not. So no one answers about an account that was
found only after they looked at the preview.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.run_pages import candidate_words
from orchestrator.documents.document import Document


def answers(preview: Document, theirs: Sequence[str], others: Sequence[str], reason: str | None) -> list[Document]:
    """What the start takes for the answers to this preview's questions. `theirs` and `others` are `SYSTEM=ACCOUNT`,
    with the label that the system shows. Raises `Invalid`."""
    questions = {question["system"]: question for question in preview["questions"] if question["candidates"]}
    chosen, left = _by_system(theirs), _by_system(others)
    found = []
    for system in dict.fromkeys((*chosen, *left)):
        if system not in questions:
            raise LocalRefusal(
                "nothing_to_settle",
                f"System {system} has no open question about accounts.",
                "Use --preview to list the questions.",
            )
        question = questions[system]
        accounts = _named(question, chosen.get(system, ()))
        named = [*accounts, *_named(question, left.get(system, ()))]
        if missing := [one["label"] for one in question["candidates"] if one["account_id"] not in named]:
            raise LocalRefusal(
                "not_all_named",
                f"System {system} shows {', '.join(missing)} as well.",
                f"Answer for each account: --theirs {system}=ACCOUNT or --not-theirs {system}=ACCOUNT.",
            )
        if len(set(named)) < len(named):
            raise LocalRefusal("named_twice", f"An account on {system} is given twice.", "Give each account once.")
        found.append({"question": question["handle"], "accounts": accounts, "reason": reason})
    return found


def question_lines(question: Document) -> Iterable[str]:
    """A question of a preview, with what it takes to answer it."""
    system = question["system"]
    if question["kind"] == "no_account":
        yield f"Needs an answer in the run: an account on {system} is expected, and none was found."
        return
    yield f"Needs an answer in the run: which account on {system} belongs to the person?"
    for candidate in question["candidates"]:
        yield f"  {candidate_words(candidate).partition('  ')[2]}"
    if question["why_not"] is None:
        yield f"  To answer now, give each account: --theirs {system}=ACCOUNT or --not-theirs {system}=ACCOUNT"


def _by_system(given: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in given:
        system, equals, account = text.partition("=")
        if not (system and equals and account):
            raise LocalRefusal(
                "account_not_understood",
                f"{text[:80]!r} is not an account on a system.",
                "Write SYSTEM=ACCOUNT, as --preview lists them.",
            )
        found.setdefault(system, []).append(account)
    return found


def _named(question: Document, named: Iterable[str]) -> list[str]:
    """The ids of the candidates with these labels."""
    found = []
    for label in named:
        fits = [str(one["account_id"]) for one in question["candidates"] if one["label"] == label]
        if not fits:
            shown = ", ".join(str(one["label"]) for one in question["candidates"])
            raise LocalRefusal(
                "not_a_candidate",
                f"{label[:80]} is not one of the accounts of {question['system']}: {shown}.",
                "Give accounts as --preview lists them.",
            )
        if len(fits) > 1:
            raise LocalRefusal(
                "several_accounts",
                f"Several accounts on {question['system']} are named {label[:80]}.",
                "Start the run without this answer, then use `offboard exceptions settle`.",
            )
        found += fits
    return found
