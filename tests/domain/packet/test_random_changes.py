"""Random edits of a packet: one that removes a safeguard, gives more, or can leave access open needs both owners,
however many harmless edits hide it. A failure names the seed of its edits."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from orchestrator.domain.packet.packet import APPROVALS_FILE, FILE_NAMES, PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.domain.packet.versions.changes import changes
from orchestrator.domain.packet.versions.file_ownership import BOTH_OWNERS, required_signatures

EditedFiles = dict[str, Any]
PacketEdit = Callable[[EditedFiles, random.Random], object]

SEEDS = 6
"""Packets for each edit."""


def furnished() -> EditedFiles:
    """The standard packet with every section that a packet can have."""
    packet = starter_packet("standard-leaver")
    files = {name: yaml.load(packet.files[name], yaml.BaseLoader) for name in FILE_NAMES}
    for step in files[WORKFLOW_FILE]["steps"]:
        if "minutes_saved" in step:
            step["minutes_saved"] = int(step["minutes_saved"])
    approvals = files[APPROVALS_FILE]
    for gate in approvals["gates"].values():
        gate["quorum"] = 2
        gate["decide_together"] = gate.get("decide_together") == "true"
    approvals["gates"]["money"]["needed_when"] = 'person.department == "Finance"'
    approvals["close"] = {
        "hr": {
            "title": "HR",
            "decided_by": ["requester", "auditor"],
            "quorum": 2,
            "decide_within": "P2D",
            "escalate_to": ["value_owner"],
            "valid_for": "P9D",
        }
    }
    approvals["postpone"] = {"allowed_to": ["requester", "value_owner"]}
    approvals["pause"] = {"ends_within": "P4D", "second_person": True}
    approvals["legal_hold"] = {"allowed_to": ["auditor", "value_owner"]}
    approvals["exceptions"]["second_person"] = True
    approvals["starts"] = {
        "window": "PT1H",
        "per_requester": 50,
        "per_packet": 200,
        "urgent_per_requester": 3,
        "urgent_per_packet": 6,
    }
    files[WORKFLOW_FILE]["watch"] = {"days": [1, 7, 30]}
    files[WORKFLOW_FILE]["thresholds"]["batch_cap"] = 10
    files[WORKFLOW_FILE]["thresholds"]["accounts_fresh_for"] = "PT4H"
    for spec in files[PLATFORM_FILE]["systems"].values():
        spec["expected"] = spec.get("expected", "true") == "true"
        spec["service_accounts"] = ["svc-*", "bot-*"]
        spec["rate_per_second"] = 10
        spec["deadline"] = "PT40S"
        spec["hosts"] = ["one.example", "*.two.example"]
    for step in files[WORKFLOW_FILE]["steps"]:
        for flag in ("evidence_required", "hands_over", "cuts_access", "destroys"):
            if flag in step.get("task", {}):
                step["task"][flag] = step["task"][flag] == "true"
    return files


class _WithoutAnchors(yaml.SafeDumper):
    """Packets have none."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(files: EditedFiles) -> Packet:
    """As YAML text: a file that no edit has changed has the same text."""
    return parse_packet(
        {name: yaml.dump(files[name], None, _WithoutAnchors, sort_keys=False).encode() for name in FILE_NAMES}
    )


def a_step(files: EditedFiles, rng: random.Random, having: str = "name") -> Any:
    return rng.choice([step for step in files[WORKFLOW_FILE]["steps"] if having in step])


def a_system(files: EditedFiles, rng: random.Random) -> Any:
    return rng.choice(list(files[PLATFORM_FILE]["systems"].values()))


def a_decision(files: EditedFiles, rng: random.Random) -> Any:
    approvals = files[APPROVALS_FILE]
    return rng.choice([*approvals["gates"].values(), *approvals["close"].values()])


def a_level(files: EditedFiles, rng: random.Random, *kinds: str) -> Any:
    return rng.choice([one for one in files[PLATFORM_FILE]["levels"] if one.get("kind", "person") in kinds])


def shuffled(entries: dict[str, Any], rng: random.Random) -> None:
    items = list(entries.items())
    rng.shuffle(items)
    entries.clear()
    entries.update(items)


def renamed_step(files: EditedFiles, rng: random.Random) -> None:
    step = a_step(files, rng)
    old, step["name"] = step["name"], f"{step['name']}_2"
    for other in files[WORKFLOW_FILE]["steps"]:
        other["needs"] = [step["name"] if need == old else need for need in other.get("needs", [])]


def removed_step(files: EditedFiles, rng: random.Random) -> None:
    steps = files[WORKFLOW_FILE]["steps"]
    gone = steps.pop(rng.randrange(len(steps)))["name"]
    for other in steps:
        other["needs"] = [need for need in other.get("needs", []) if need != gone]


def twice_the_step(files: EditedFiles, rng: random.Random) -> None:
    """The same name again: the first of the two has no gate."""
    steps = files[WORKFLOW_FILE]["steps"]
    place = next(at for at, step in enumerate(steps) if "gate" in step)
    steps.insert(place, {key: value for key, value in steps[place].items() if key != "gate"})


def another_gate(files: EditedFiles, rng: random.Random) -> None:
    step = a_step(files, rng, "gate")
    step["gate"] = rng.choice([name for name in files[APPROVALS_FILE]["gates"] if name != step["gate"]])


def another_decider(files: EditedFiles, rng: random.Random) -> None:
    decision = a_decision(files, rng)
    decision["decided_by"] = [role for role in decision["decided_by"] if role != "operator"] + ["operator"]


def wider_level(files: EditedFiles, rng: random.Random) -> None:
    rule = rng.choice([one for one in files[PLATFORM_FILE]["levels"] if one["up_to"] == "read"])
    rule["up_to"] = "change"


def for_everyone(files: EditedFiles, rng: random.Random) -> None:
    a_level(files, rng, "person")["who"] = "*"


def narrower_level(files: EditedFiles, rng: random.Random) -> None:
    levels = files[PLATFORM_FILE]["levels"]
    levels.remove(next(one for one in levels if one["who"] == rng.choice(["it_approver", "hr_system"])))


def twice_the_match(files: EditedFiles, rng: random.Random) -> None:
    match = rng.choice([s["match"] for s in files[PLATFORM_FILE]["systems"].values() if s["match"][-1].get("strength")])
    match.insert(0, {**match[-1], "key": "email", "attribute": "mail", "strength": "strong"})


def without_read_back(files: EditedFiles, rng: random.Random) -> None:
    """A task in place of an ability, whose effect is read back in the system."""
    step = a_step(files, rng, "ability")
    for field in ("system", "ability", "parameters"):
        step.pop(field, None)
    step["task"] = {"role": "operator", "instruction": "Do it by hand."}


def less_after(files: EditedFiles, rng: random.Random) -> None:
    step = a_step(files, rng, "needs")
    step["needs"] = step["needs"][1:]


DANGEROUS: dict[str, PacketEdit] = {
    "a step without its gate": lambda f, r: a_step(f, r, "gate").pop("gate"),
    "another gate of a step": another_gate,
    "a gate of a step that had none": lambda f, r: r.choice(
        [step for step in f[WORKFLOW_FILE]["steps"] if "gate" not in step]
    ).update(gate="access"),
    "a gate with a condition": lambda f, r: f[APPROVALS_FILE]["gates"]["access"].update(needed_when="run.urgent"),
    "a gate with a wider condition": lambda f, r: f[APPROVALS_FILE]["gates"]["money"].update(
        needed_when='person.department == "Finance" && !run.urgent'
    ),
    "a gate without its condition": lambda f, r: f[APPROVALS_FILE]["gates"]["money"].pop("needed_when"),
    "one decider more": another_decider,
    "one decider less": lambda f, r: f[APPROVALS_FILE]["gates"]["deletion"]["decided_by"].pop(r.randrange(2)),
    "an escalation less": lambda f, r: a_decision(f, r).pop("escalate_to"),
    "fewer people decide": lambda f, r: a_decision(f, r).update(quorum=1),
    "more people decide than there are": lambda f, r: a_decision(f, r).update(quorum=r.choice([3, 50])),
    "others can decide at once": lambda f, r: a_decision(f, r).update(decide_within=r.choice(["PT1S", "PT1H"])),
    "an approval lapses at once": lambda f, r: a_decision(f, r).update(valid_for=r.choice(["PT1S", "P1D"])),
    "an approval is valid for longer": lambda f, r: a_decision(f, r).update(valid_for="P300D"),
    "no signature of the close": lambda f, r: f[APPROVALS_FILE].pop("close"),
    "a removed step": removed_step,
    "a renamed step": renamed_step,
    "a step of the same name": twice_the_step,
    "no read-back": without_read_back,
    "a step that needs less": less_after,
    "a condition of a step": lambda f, r: a_step(f, r).update(when='person.department != "Board"'),
    "a step at another time": lambda f, r: a_step(f, r).update(at="cutoff+P30D"),
    "another parameter": lambda f, r: a_step(f, r, "parameters")["parameters"].update(at="= person.email"),
    "no evidence": lambda f, r: a_step(f, r, "task")["task"].update(evidence_required=False),
    "a removed system": lambda f, r: f[PLATFORM_FILE]["systems"].pop("cards"),
    "one host more": lambda f, r: a_system(f, r)["hosts"].append("evil.example"),
    "a wider host": lambda f, r: a_system(f, r).update(hosts=["one.example", "*.example"]),
    "one host less": lambda f, r: a_system(f, r)["hosts"].pop(r.randrange(2)),
    "a time-out that no answer meets": lambda f, r: a_system(f, r).update(deadline=r.choice(["PT0.1S", "PT20S"])),
    "hardly a request": lambda f, r: a_system(f, r).update(rate_per_second=r.choice([0.0001, 5])),
    "any number of requests": lambda f, r: a_system(f, r).pop("rate_per_second"),
    "another connector": lambda f, r: a_system(f, r).update(connector="other"),
    "an address of others": lambda f, r: a_system(f, r)["connection"].update(url="https://one.example/other"),
    "a search is never new enough": lambda f, r: f[WORKFLOW_FILE]["thresholds"].update(accounts_fresh_for="PT2H"),
    "a match by one key more": twice_the_match,
    "one match key less": lambda f, r: f[PLATFORM_FILE]["systems"]["code"]["match"].pop(r.randrange(3)),
    "an account more that is no one's": lambda f, r: a_system(f, r)["service_accounts"].append("*"),
    "an account that is not expected": lambda f, r: f[PLATFORM_FILE]["systems"]["identity"].update(expected=False),
    "an account that is expected": lambda f, r: f[PLATFORM_FILE]["systems"]["code"].update(expected=True),
    "a higher level": wider_level,
    "a level for everyone": for_everyone,
    "a lower level": narrower_level,
    "urgent starts by more": lambda f, r: f[APPROVALS_FILE]["urgent"]["allowed_to"].append("operator"),
    "no urgent starts": lambda f, r: f[APPROVALS_FILE].pop("urgent"),
    "fewer who can postpone": lambda f, r: f[APPROVALS_FILE]["postpone"]["allowed_to"].pop(r.randrange(2)),
    "pauses end at once": lambda f, r: f[APPROVALS_FILE]["pause"].update(ends_within=r.choice(["PT1S", "P2D"])),
    "pauses without an end": lambda f, r: f[APPROVALS_FILE].pop("pause"),
    "fewer starts": lambda f, r: f[APPROVALS_FILE]["starts"].update({r.choice(["per_requester", "per_packet"]): 1}),
    "more urgent starts": lambda f, r: f[APPROVALS_FILE]["starts"].update(urgent_per_requester=100),
    "exceptions of another role": lambda f, r: f[APPROVALS_FILE]["exceptions"].update(owner="it_approver"),
    "exceptions are due at once": lambda f, r: f[APPROVALS_FILE]["exceptions"].update(due_within="PT1S"),
    "exceptions are due later": lambda f, r: f[APPROVALS_FILE]["exceptions"].update(due_within="P9D"),
    "no second person": lambda f, r: f[APPROVALS_FILE]["exceptions"].update(second_person=False),
    "an embargo": lambda f, r: f[APPROVALS_FILE].update(embargo={"for": "P30D", "named": ["x"]}),
    "no checks after the close": lambda f, r: f[WORKFLOW_FILE]["watch"].update(days=[]),
    "fewer checks after the close": lambda f, r: f[WORKFLOW_FILE]["watch"]["days"].pop(r.randrange(3)),
    "a larger pilot": lambda f, r: f[WORKFLOW_FILE].update(pilot="true"),
    "another value owner": lambda f, r: f[WORKFLOW_FILE].update(value_owner="operator"),
    "another safety owner": lambda f, r: f[PLATFORM_FILE].update(safety_owner="operator"),
    "other columns of the export": lambda f, r: f[PLATFORM_FILE]["hr"]["export_columns"].update(email="Alias"),
}  # fmt: skip

HARMLESS: dict[str, PacketEdit] = {
    "titles": lambda f, r: [one.update(title=f"Title {r.random()}") for one in (a_step(f, r), a_system(f, r))],
    "support": lambda f, r: a_system(f, r)["support"].update(team="Others", hours="24/7"),
    "the order of steps": lambda f, r: r.shuffle(f[WORKFLOW_FILE]["steps"]),
    "the order of systems": lambda f, r: shuffled(f[PLATFORM_FILE]["systems"], r),
    "the order of gates": lambda f, r: shuffled(f[APPROVALS_FILE]["gates"], r),
    "the order of fields": lambda f, r: shuffled(f[r.choice(FILE_NAMES)], r),
    "the order of roles": lambda f, r: f[APPROVALS_FILE]["gates"]["deletion"]["decided_by"].reverse(),
    "the order of levels": lambda f, r: r.shuffle(f[PLATFORM_FILE]["levels"]),
    "a level twice": lambda f, r: f[PLATFORM_FILE]["levels"].append(dict(a_level(f, r, "person", "service"))),
    "exceptions are due sooner": lambda f, r: f[APPROVALS_FILE]["exceptions"].update(due_within="PT12H"),
    "reviews are due sooner": lambda f, r: f[APPROVALS_FILE]["urgent"].update(review_within="PT18H"),
    "the target is shorter": lambda f, r: f[WORKFLOW_FILE]["outcomes"].update(access_gone_within="PT50M"),
    "more checks after the close": lambda f, r: f[WORKFLOW_FILE]["watch"].update(days=[1, 7, 30, 90]),
    "one by one": lambda f, r: f[APPROVALS_FILE]["gates"]["access"].update(decide_together=False),
}  # fmt: skip


@pytest.mark.parametrize("what", DANGEROUS)
def test_a_dangerous_edit_needs_both_owners_among_any_harmless_ones(what: str) -> None:
    before = furnished()
    production = written(before)
    for seed in range(SEEDS):
        rng = random.Random(f"{what} {seed}")
        files = copy.deepcopy(before)
        hidden = rng.sample(sorted(HARMLESS), rng.randrange(4))
        for name in hidden:
            HARMLESS[name](files, rng)
        DANGEROUS[what](files, rng)
        packet = written(files)
        kinds = {change.kind for change in changes(production, packet)}
        assert kinds & {"laxer", "other"}, f"{what}, seed {seed}, with {hidden}: {kinds}"
        assert required_signatures(production, packet) == BOTH_OWNERS, f"{what}, seed {seed}"


@pytest.mark.parametrize("what", HARMLESS)
def test_a_harmless_edit_needs_the_owner_of_the_file(what: str) -> None:
    before = furnished()
    production = written(before)
    for seed in range(5):
        files = copy.deepcopy(before)
        HARMLESS[what](files, random.Random(f"{what} {seed}"))
        kinds = {change.kind for change in changes(production, written(files))}
        assert kinds <= {"wording", "stricter"}, f"{what}, seed {seed}: {kinds}"
