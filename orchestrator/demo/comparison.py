"""What people could use at the simulated vendors before the runs and after them: nothing of the leavers is left, and
nothing of others has changed. It is read from the systems themselves, and not from what Offboard recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from orchestrator.demo.board import Leaver

Standings = Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]
"""By employee number, vendor and kind of access (`Company.standing`)."""


@dataclass(frozen=True, slots=True)
class AccessCompared:
    """`had` counts what the leavers had, by vendor and kind; `left` names what they still have, by leaver and vendor;
    `changed` are the numbers of others who have more or less than before, `others` is how many others there are."""

    had: Mapping[str, Counter[str]]
    left: Mapping[str, Mapping[str, str]]
    changed: Sequence[str]
    others: int


def compare(before: Standings, after: Standings, leavers: Sequence[Leaver]) -> AccessCompared:
    leaving = {leaver.employee_number for leaver in leavers}
    had: dict[str, Counter[str]] = {}
    left: dict[str, dict[str, str]] = {}
    for number in sorted(leaving & before.keys()):
        for vendor, kinds in before[number].items():
            counted = had.setdefault(vendor, Counter())
            counted.update({kind: len(found) for kind, found in kinds.items()})
            if still := _words({kind: len(found) for kind, found in after[number][vendor].items()}):
                left.setdefault(number, {})[vendor] = still
    others = before.keys() - leaving
    changed = sorted(number for number in others if before[number] != after.get(number))
    return AccessCompared(had, left, changed, len(others))


def comparison_lines(found: AccessCompared, leavers: Sequence[Leaver]) -> Iterator[Text]:
    for vendor, counted in found.had.items():
        line = Text().append(f"{vendor}: ", style="bold").append(f"the leavers had {_words(counted) or 'nothing'}; ")
        still = any(vendor in vendors for vendors in found.left.values())
        yield line.append("some of it is left" if still else "nothing of it is left")
    for leaver in leavers:
        for vendor, words in found.left.get(leaver.employee_number, {}).items():
            yield Text(f"{leaver.name} still has at {vendor}: {words}.", style="yellow")
    if not found.changed:
        vendors = ", ".join(found.had)
        yield Text(f"The other {found.others} people have exactly what they had before at {vendors}.")


def comparison_shortcomings(found: AccessCompared, leavers: Sequence[Leaver]) -> Iterator[str]:
    """What is left although every step at this vendor is done, and changes for people who did not leave."""
    for leaver in leavers:
        titles = {system.title: name for name, system in leaver.world.pinned.platform.systems.items()}
        for vendor, words in found.left.get(leaver.employee_number, {}).items():
            steps = [step for step in leaver.state.plan.steps.values() if step.system == titles.get(vendor)]
            if steps and all(leaver.state.work.steps[s.step_id].status in ("verified", "attested") for s in steps):
                yield f"{leaver.name}: {vendor} still has {words}"
    for number in found.changed:
        yield f"{number}: has other access than before the runs, and does not leave"


def _words(counted: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count} {kind if count != 1 else kind.removesuffix('s')}" for kind, count in counted.items() if count
    )
