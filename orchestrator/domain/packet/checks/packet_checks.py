"""Checks a packet as a whole, against the connectors, roles and people that exist.

Everything found here would otherwise be found in the middle of a run. Each problem names file, line and
field, and what to do. An empty list is the only good answer.

Over 400 lines: one class with every check of the files together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.domain.packet.ability import AbilityFacts, Catalogue, SettingFacts
from orchestrator.domain.packet.access_removal import removal_steps
from orchestrator.domain.packet.checks.class_checks import class_step_problems, handed_over_elsewhere
from orchestrator.domain.packet.checks.expression_checks import expression_problems
from orchestrator.domain.packet.checks.hr_checks import ExportProblems, hr_problems
from orchestrator.domain.packet.checks.signer_checks import signer_problems
from orchestrator.domain.packet.class_steps import places
from orchestrator.domain.packet.formulas import Path
from orchestrator.domain.packet.hand_overs import ability_of, hands_over
from orchestrator.domain.packet.packet import (
    APPROVALS_FILE,
    PEOPLE_CSV,
    PLATFORM_FILE,
    WORKFLOW_FILE,
    DecisionSpec,
    Packet,
    WorkflowStep,
)
from orchestrator.domain.packet.packet_yaml import (
    PacketProblem,
    YamlDocument,
    invisible_characters,
    read_documents,
)
from orchestrator.domain.packet.step_order import find_cycle, needed_before
from orchestrator.domain.permissions.embargo import missing_people
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.permissions.levels import Actor, Level


def check_packet(
    packet: Packet,
    abilities: Catalogue,
    *,
    settings: Mapping[str, Iterable[SettingFacts]] | None = None,
    roles_known: Collection[str] | None = None,
    actors: Collection[Actor] | None = None,
    requesters: Collection[str] | None = None,
    why_missing: Callable[[str], str] | None = None,
    hr_kinds: Collection[str] | None = None,
    export_problems: ExportProblems | None = None,
) -> list[PacketProblem]:
    """All problems, in the order of the files and lines.

    `settings` are the settings of each connector kind; `roles_known` and `actors` are the roles and people of this
    installation; each is checked only where it is given. `requesters` are the roles that ask for runs: `requester` if
    the platform file speaks of it, else every role it speaks of. `why_missing` says of a connector of another
    distribution why it is not there. `hr_kinds` are the connectors of Offboard's own that are HR systems.
    `export_problems` checks the mapping of HR's export. Steps for every system of a class are expanded before
    (`class_steps.expanded`)."""
    documents = read_documents(packet.files)
    check = _PacketCheck(packet, abilities, documents, _requesters(packet, requesters))
    problems = [
        *(problem for file, content in packet.files.items() for problem in invisible_characters(file, content)),
        *expression_problems(packet.workflow, packet.approvals, documents),
        *(documents[WORKFLOW_FILE].problem(*found) for found in class_step_problems(packet, abilities)),
        *check.step_names(),
        *check.steps(),
        *check.deletions(),
        *check.systems(settings, why_missing),
        *check.hr(hr_kinds, export_problems),
        *check.levels(),
        *check.gates(actors),
        *(documents[APPROVALS_FILE].problem(*found[1:]) for found in signer_problems(packet, actors or ()) if actors),
        *check.urgent(),
        *check.launch(),
        *(check.embargo(actors) if actors is not None else ()),
        *(check.roles(roles_known) if roles_known is not None else ()),
    ]
    order = list(documents)
    return sorted(problems, key=lambda problem: (order.index(problem.file), problem.line or 0))


def roles_spoken_of(packet: Packet) -> frozenset[str]:
    """The roles of people to which the three files themselves give something: a level, a file, urgent starts, or what
    did not go as planned. A role that only a gate or a task names has no owner."""
    urgent = packet.approvals.urgent
    return frozenset(
        {
            packet.workflow.value_owner,
            packet.platform.safety_owner,
            packet.approvals.exceptions.owner,
            *(spec.support.role for spec in packet.platform.systems.values() if spec.support.role is not None),
            *(rule.who for rule in packet.platform.levels if rule.kind == "person" and rule.who != "*"),
            *(urgent.allowed_to if urgent is not None else ()),
            *(packet.approvals.postpone.allowed_to if packet.approvals.postpone is not None else ()),
            *(packet.approvals.legal_hold.allowed_to if packet.approvals.legal_hold is not None else ()),
        }
    )


def roles_named_in(packet: Packet) -> frozenset[str]:
    """Every role for which the files have a use: those that they give something to, of programs as well, and those for
    which gates, reviews and tasks wait."""
    urgent = packet.approvals.urgent
    return roles_spoken_of(packet).union(
        (rule.who for rule in packet.platform.levels),
        (role for gate in packet.approvals.decisions.values() for role in (*gate.decided_by, *gate.escalate_to)),
        urgent.review_by if urgent is not None else (),
        (step.task.role for step in packet.workflow.steps if step.task is not None),
    )


def _requesters(packet: Packet, given: Collection[str] | None) -> Collection[str]:
    if given is not None:
        return given
    roles = {rule.who for rule in packet.platform.levels if rule.kind == "person"}
    return {"requester"} if "requester" in roles else roles


@dataclass(frozen=True, slots=True)
class _PacketCheck:
    packet: Packet
    abilities: Catalogue
    documents: Mapping[str, YamlDocument]
    requesters: Collection[str]

    def _problem(self, file: str, path: Path, message: str, remedy: str) -> PacketProblem:
        return self.documents[file].problem(path, message, remedy)

    def _ability(self, step: WorkflowStep) -> AbilityFacts | None:
        return ability_of(step, self.packet, self.abilities)

    def placed(self) -> Iterator[tuple[int, WorkflowStep]]:
        """Each step with the position in workflow.yaml of the step that it is written as."""
        return zip(places(self.packet), self.packet.workflow.steps, strict=True)

    def step_names(self) -> Iterator[PacketProblem]:
        """Every name once, every need a step, no cycle, every ability once a system."""
        steps = self.packet.workflow.steps
        names: dict[str, int] = {}
        acts: dict[tuple[str, str], str] = {}
        for index, step in self.placed():
            here: Path = ("steps", index)
            if step.name in names:
                remedy = "give each step a different name"
                yield self._problem(WORKFLOW_FILE, (*here, "name"), f"two steps have the name {step.name!r}", remedy)
            names.setdefault(step.name, index)
            if step.system is not None and step.ability is not None:
                first = acts.setdefault((step.system, step.ability), step.name)
                if first != step.name:
                    said = f"{step.ability!r} on {step.system!r} is already used by the step {first!r}"
                    yield self._problem(WORKFLOW_FILE, (*here, "ability"), said, "combine the two steps")
        for index, step in enumerate(self.packet.written.steps):
            for position, need in enumerate(step.needs):
                if need not in names and need not in (self.packet.expansion or {}):
                    path: Path = ("steps", index, "needs", position)
                    said = f"the step {step.name!r} needs {need!r}, which is not a step"
                    yield self._problem(WORKFLOW_FILE, path, said, "use the name of a step in this file")
        if cycle := find_cycle({step.name: step.needs for step in steps}):
            circle = " needs ".join(cycle)
            path = ("steps", names[cycle[0]], "needs")
            yield self._problem(
                WORKFLOW_FILE, path, f"the steps depend on each other: {circle}", "remove one of the needs"
            )

    def steps(self) -> Iterator[PacketProblem]:
        """What each step names exists, and the step has a gate where it must."""
        for index, step in self.placed():
            here: Path = ("steps", index)
            if step.gate is not None and step.gate not in self.packet.approvals.gates:
                known = ", ".join(self.packet.approvals.gates) or "none"
                said = f"there is no gate {step.gate!r}"
                yield self._problem(WORKFLOW_FILE, (*here, "gate"), said, f"{APPROVALS_FILE} has: {known}")
            if step.system is None or step.ability is None:
                continue
            spec = self.packet.platform.systems.get(step.system)
            if spec is None:
                known = ", ".join(self.packet.platform.systems)
                said = f"there is no system {step.system!r}"
                yield self._problem(WORKFLOW_FILE, (*here, "system"), said, f"{PLATFORM_FILE} has: {known}")
                continue
            if spec.connector not in self.abilities:
                continue  # said once, where the system is
            ability = self._ability(step)
            if ability is None:
                known = ", ".join(self.abilities[spec.connector])
                said = f"the connector {spec.connector!r} of system {step.system!r} has no ability {step.ability!r}"
                yield self._problem(WORKFLOW_FILE, (*here, "ability"), said, f"it has: {known}")
                continue
            yield from self._act(here, step, ability)

    def _act(self, here: Path, step: WorkflowStep, ability: AbilityFacts) -> Iterator[PacketProblem]:
        spec = self.packet.platform.systems[step.system or ""]
        if ability.needs_account and not spec.match:
            said = f"{ability.name!r} acts on an account, and {step.system!r} has no match keys to find one"
            remedy = f"give the system {step.system!r} match keys in {PLATFORM_FILE}"
            yield self._problem(WORKFLOW_FILE, (*here, "ability"), said, remedy)
        if ability.gives_access:
            said = f"{ability.name!r} restores what a run removed, so it is used by restores only"
            yield self._problem(WORKFLOW_FILE, (*here, "ability"), said, "remove the step")
        if ability.level == "change" and step.gate is None:
            if ability.repeat == "never":
                said = f"{ability.name!r} takes effect twice if it is repeated, so it needs approval"
                yield self._problem(WORKFLOW_FILE, here, said, "add a 'gate' to the step")
            elif ability.reversible == "no":
                said = f"{ability.name!r} cannot be undone, so it needs approval"
                yield self._problem(WORKFLOW_FILE, here, said, "add a 'gate' to the step")
        if step.name in removal_steps(step.system or "", self.packet, self.abilities):
            promise = self.packet.workflow.outcomes.access_gone_within
            if step.at.anchor != "cutoff" or step.at.offset < timedelta(0):
                said = f"{ability.name!r} removes access before the cutoff, while the person still works"
                yield self._problem(WORKFLOW_FILE, (*here, "at"), said, "write 'at: cutoff'")
            elif step.at.offset > promise and (ability.cuts_access or ability.ends_account):
                said = f"{ability.name!r} runs later than the target 'access_gone_within'"
                yield self._problem(WORKFLOW_FILE, (*here, "at"), said, "write 'at: cutoff', or raise the target")

    def deletions(self) -> Iterator[PacketProblem]:
        """Nothing is deleted before the hand-over, and before something on that system was read back."""
        steps = {step.name: step for step in self.packet.workflow.steps}
        before = needed_before({name: step.needs for name, step in steps.items()})
        hand_overs = {name for name, step in steps.items() if hands_over(step, self._ability(step))}
        for index, step in self.placed():
            ability = self._ability(step)
            if ability is None or not ability.destroys:
                continue
            earlier = before[step.name] - {step.name}
            path: Path = ("steps", index, "needs")
            said = f"{step.ability!r} would delete data before "
            elsewhere = handed_over_elsewhere(self.packet, index, step.system or "", hand_overs & earlier)
            if missing := sorted(hand_overs - earlier - elsewhere):
                names = ", ".join(repr(name) for name in missing)
                yield self._problem(WORKFLOW_FILE, path, f"{said}the hand-over is done", f"add {names} to its needs")
            elif not hand_overs:
                remedy = "add a step that hands over, or a task with 'hands_over: true', to the needs of this step"
                yield self._problem(WORKFLOW_FILE, path, f"{said}a hand-over", remedy)
            if not any(self._verified_on(steps[name], step.system) for name in earlier):
                remedy = f"add a step on {step.system!r} whose effect is read back, such as disabling, to its needs"
                yield self._problem(WORKFLOW_FILE, path, f"{said}a verified step on that system", remedy)

    def _verified_on(self, step: WorkflowStep, system: str | None) -> bool:
        ability = self._ability(step)
        return step.system == system and ability is not None and ability.read_back and ability.level == "change"

    def hr(self, kinds: Collection[str] | None, exports: ExportProblems | None) -> Iterator[PacketProblem]:
        found = hr_problems(self.packet.platform, self.abilities, kinds, exports)
        return (self._problem(PLATFORM_FILE, ("hr", *path), said, remedy) for path, said, remedy in found)

    def systems(
        self, settings: Mapping[str, Iterable[SettingFacts]] | None, why_missing: Callable[[str], str] | None
    ) -> Iterator[PacketProblem]:
        """Connectors exist, their settings are known and whole, and no secret is written down."""
        platform = self.packet.platform
        if platform.hr.system not in platform.systems:
            said, remedy = f"there is no system {platform.hr.system!r}", "use one of the systems above"
            yield self._problem(PLATFORM_FILE, ("hr", "system"), said, remedy)
        for name, spec in platform.systems.items():
            here: Path = ("systems", name)
            if spec.connector not in self.abilities:
                said, remedy = f"there is no connector {spec.connector!r}", f"write one of: {', '.join(self.abilities)}"
                if why_missing is not None and "@" in spec.connector:
                    remedy = why_missing(spec.connector)
                yield self._problem(PLATFORM_FILE, (*here, "connector"), said, remedy)
            if spec.connection and not spec.hosts and spec.connector != PEOPLE_CSV:
                said = f"the system {name!r} has no allowed hosts"
                yield self._problem(PLATFORM_FILE, here, said, "list its hosts under 'hosts'")
            known = None if settings is None else settings.get(spec.connector)
            facts = None if known is None else {setting.name: setting for setting in known}
            for setting, value in spec.connection.items():
                path: Path = (*here, "connection", setting)
                if facts is not None and setting not in facts:
                    said, remedy = f"{spec.connector!r} has no setting {setting!r}", f"it has: {', '.join(facts)}"
                    yield self._problem(PLATFORM_FILE, path, said, remedy)
                source, _, rest = value.partition(":")
                if source in ("env", "file"):
                    if not rest.strip():
                        said, remedy = f"'{source}:' has no name after it", "add the name of the variable or file"
                        yield self._problem(PLATFORM_FILE, path, said, remedy)
                elif facts[setting].secret if facts is not None and setting in facts else _sounds_secret(setting):
                    said, remedy = (
                        "this file must not contain secrets",
                        "write env:NAME or file:PATH, and replace the secret",
                    )
                    yield self._problem(PLATFORM_FILE, path, said, remedy)
                elif "@" in value.partition("://")[2].partition("/")[0]:
                    said, remedy = "this file must not contain an address with a password", "write env:NAME"
                    yield self._problem(PLATFORM_FILE, path, said, remedy)
            for setting in sorted(facts or ()):
                if facts is not None and facts[setting].required and setting not in spec.connection:
                    said = f"{spec.connector!r} needs the setting {setting!r}"
                    remedy = f"add it, for example {setting}: env:{name.upper()}_{setting.upper()}"
                    yield self._problem(PLATFORM_FILE, (*here, "connection"), said, remedy)

    def levels(self) -> Iterator[PacketProblem]:
        """Grants name systems that exist, and some role may cause each step."""
        platform = self.packet.platform
        for index, rule in enumerate(platform.levels):
            for position, system in enumerate(rule.systems):
                if system != "*" and system not in platform.systems:
                    path: Path = ("levels", index, "systems", position)
                    yield self._problem(PLATFORM_FILE, path, f"there is no system {system!r}", "correct the name")
        for index, step in self.placed():
            ability = self._ability(step)
            if ability is None:
                continue
            gate = self.packet.approvals.gates.get(step.gate or "")
            if gate is not None:
                causes, who = (*gate.decided_by, *gate.escalate_to), f"that decides the gate {step.gate!r}"
            elif step.gate is not None:
                continue  # an unknown gate is said already
            else:
                causes, who = tuple(self.requesters), "that starts runs"
            if causes and not self._any_role_may(causes, step, ability, services=gate is None):
                path = ("steps", index)
                said = f"no role {who} ({', '.join(sorted(set(causes)))}) has the permission {ability.level!r}"
                remedy = f"grant it for {step.system!r} in {PLATFORM_FILE}, or use a gate whose roles have it"
                yield self._problem(WORKFLOW_FILE, path, f"{said} on {step.system!r}", remedy)

    def _any_role_may(self, roles: Iterable[str], step: WorkflowStep, ability: AbilityFacts, *, services: bool) -> bool:
        rules, name = self.packet.platform.levels, self.packet.workflow.name
        possible = [Actor(actor_id=role, roles=frozenset({role})) for role in roles]
        if services:
            offered = frozenset(rule.who for rule in rules if rule.kind == "service")
            possible.append(Actor(actor_id="service", kind="service", roles=offered))
        levels = [granted_level(rules, actor, step.system or "", name) for actor in possible]
        return any(level is not None and Level(ability.level) <= level for level in levels)

    def gates(self, actors: Collection[Actor] | None) -> Iterator[PacketProblem]:
        """Every gate, and every signature of the close, has enough people who can decide it."""
        for section, name, gate in self._decisions():
            path: Path = (section, name, "decided_by")
            what = f"the gate {name!r}" if section == "gates" else f"the signature {name!r} of the close"
            if not gate.decided_by:
                said = f"{what} has no roles that decide it"
                yield self._problem(APPROVALS_FILE, path, said, "name at least one role")
            elif actors is not None:
                roles = {*gate.decided_by, *gate.escalate_to}
                people = {
                    actor.human for actor in actors if actor.kind == "person" and actor.human and actor.roles & roles
                }
                if len(people) < gate.quorum:
                    said = f"{what} needs {gate.quorum} people to decide, but only {len(people)} have its roles"
                    remedy = f"assign one of the roles {', '.join(sorted(roles))}, or lower 'quorum'"
                    yield self._problem(APPROVALS_FILE, (section, name, "quorum"), said, remedy)

    def _decisions(self) -> Iterator[tuple[str, str, DecisionSpec]]:
        """Each with its section of approvals.yaml and its name."""
        approvals = self.packet.approvals
        yield from (("gates", name, spec) for name, spec in approvals.gates.items())
        yield from (("close", name, spec) for name, spec in approvals.close.items())

    def urgent(self) -> Iterator[PacketProblem]:
        """Some role that may start urgently has the level for each step that an urgent start runs."""
        urgent = self.packet.approvals.urgent
        if urgent is None:
            return
        for index, step in self.placed():
            ability = self._ability(step)
            if ability is None or not ability.cuts_access or ability.reversible == "no":
                continue
            if not self._any_role_may(urgent.allowed_to, step, ability, services=False):
                roles = ", ".join(urgent.allowed_to)
                said = f"an urgent start by {roles} cannot run this step: none of them has {ability.level!r} there"
                remedy = f"grant it for {step.system!r} in {PLATFORM_FILE}, or change 'urgent' in {APPROVALS_FILE}"
                yield self._problem(WORKFLOW_FILE, ("steps", index), said, remedy)

    def launch(self) -> Iterator[PacketProblem]:
        """No condition for production is written that a move to production does not check."""
        for name in self.packet.approvals.launch:
            said = f"moves to production do not check {name!r} in this version"
            yield self._problem(APPROVALS_FILE, ("launch", name), said, "write 'launch: {}'")

    def embargo(self, actors: Collection[Actor]) -> Iterator[PacketProblem]:
        """All people named in an embargo have signed in, and together they can complete a run."""
        spec = self.packet.approvals.embargo
        if spec is None:
            return
        known = {actor.actor_id: actor for actor in actors}
        for position, actor_id in enumerate(spec.named):
            if actor_id not in known:
                said = f"no user with the ID {actor_id!r} has signed in"
                remedy = "use the IDs of users who have signed in"
                yield self._problem(APPROVALS_FILE, ("embargo", "named", position), said, remedy)
        named = [known[actor_id] for actor_id in spec.named if actor_id in known]
        for missing in missing_people(self.packet, named, self.abilities):
            yield self._problem(APPROVALS_FILE, ("embargo", "named"), missing, "add a person who can")

    def roles(self, known: Collection[str]) -> Iterator[PacketProblem]:
        """Every role of people in the packet is one that users can have."""
        for file, path, role in self._named_roles():
            if role != "*" and role not in known:
                said = f"users of this installation cannot have the role {role!r}"
                yield self._problem(file, path, said, f"the roles are: {', '.join(sorted(known))}")

    def _named_roles(self) -> Iterator[tuple[str, Path, str]]:
        workflow, platform, approvals = self.packet.workflow, self.packet.platform, self.packet.approvals
        yield WORKFLOW_FILE, ("value_owner",), workflow.value_owner
        for index, step in enumerate(workflow.steps):
            if step.task is not None:
                yield WORKFLOW_FILE, ("steps", index, "task", "role"), step.task.role
        yield PLATFORM_FILE, ("safety_owner",), platform.safety_owner
        for name, spec in platform.systems.items():
            if spec.support.role is not None:
                yield PLATFORM_FILE, ("systems", name, "support", "role"), spec.support.role
        for index, rule in enumerate(platform.levels):
            if rule.kind == "person":
                yield PLATFORM_FILE, ("levels", index, "who"), rule.who
        for section, name, gate in self._decisions():
            for field, roles in (("decided_by", gate.decided_by), ("escalate_to", gate.escalate_to)):
                for position, role in enumerate(roles):
                    yield APPROVALS_FILE, (section, name, field, position), role
        if (urgent := approvals.urgent) is not None:
            for field, roles in (("allowed_to", urgent.allowed_to), ("review_by", urgent.review_by)):
                for position, role in enumerate(roles):
                    yield APPROVALS_FILE, ("urgent", field, position), role
        for position, role in enumerate(approvals.postpone.allowed_to if approvals.postpone is not None else ()):
            yield APPROVALS_FILE, ("postpone", "allowed_to", position), role
        for position, role in enumerate(approvals.legal_hold.allowed_to if approvals.legal_hold is not None else ()):
            yield APPROVALS_FILE, ("legal_hold", "allowed_to", position), role
        yield APPROVALS_FILE, ("exceptions", "owner"), approvals.exceptions.owner


def _sounds_secret(setting: str) -> bool:
    return any(word in setting.lower() for word in ("token", "password", "secret", "key", "credential"))
