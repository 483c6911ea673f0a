"""The state of an instance: people with their groups, AWS accounts with permission sets, applications, assignments."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.vendors.aws.account import AwsAccount

STORE = "d-9067642ac7"
INSTANCE = "arn:aws:sso:::instance/ssoins-7223a1b2c3d4e5f6"
SUCCEEDED, IN_PROGRESS, FAILED = "SUCCEEDED", "IN_PROGRESS", "FAILED"
Assigned = tuple[str, str, str]
"""The AWS account or the ARN of the application, the ARN of the permission set (empty for an application), and the ID
of the user or group."""


@dataclass
class CenterUser:
    """`external` is the issuer and the identifier of an identity provider that provisions the user."""

    id: str
    name: str
    email: str
    created: datetime
    employee_number: str = ""
    enabled: bool = True
    external: tuple[str, str] = ("", "")
    revision: int = 1
    password: str = ""


@dataclass
class CenterGroup:
    """`members` are IDs of memberships, by user."""

    id: str
    name: str
    external: tuple[str, str] = ("", "")
    members: dict[str, str] = field(default_factory=dict)


@dataclass
class CenterPermissionSet:
    arn: str
    name: str
    hours: int = 1
    managed: list[str] = field(default_factory=list)


@dataclass
class AssignmentDeletion:
    """`reads` is how often its status is still read as in progress."""

    id: str
    assigned: Assigned
    reads: int
    started: datetime
    principal: str
    status: str = IN_PROGRESS
    reason: str = ""


@dataclass(frozen=True)
class RoleSession:
    """Of a role that Identity Center made in an AWS account."""

    account: str
    permission_set: str
    until: datetime


class IdentityCenter(AwsAccount):
    """The management account, with the instance. `people` and `teams` are by ID."""

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, CenterUser] = {}
        self.teams: dict[str, CenterGroup] = {}
        self.permission_sets: dict[str, CenterPermissionSet] = {}
        self.applications: dict[str, str] = {}
        self.assignments: list[Assigned] = []
        self.application_assignments: list[Assigned] = []
        self.deletions: dict[str, AssignmentDeletion] = {}
        self.failing_accounts: set[str] = set()
        """AWS accounts in which Identity Center cannot delete an assignment."""
        self._deletion_reads = 1

    def deletions_take(self, reads: int) -> None:
        """How often the status of a new deletion is read as in progress."""
        self._deletion_reads = reads

    def new_person(self, name: str, email: str, number: str, now: datetime) -> CenterUser:
        user = CenterUser(_id(), name, email, now, number, password=f"password of {name}")
        self.people[user.id] = user
        return user

    def new_team(self, name: str) -> CenterGroup:
        team = CenterGroup(_id(), name)
        self.teams[team.id] = team
        return team

    def new_permission_set(self, name: str, hours: int, *managed: str) -> CenterPermissionSet:
        arn = f"arn:aws:sso:::permissionSet/{INSTANCE.rpartition('/')[2]}/ps-{uuid.uuid4().hex[:16]}"
        self.permission_sets[arn] = CenterPermissionSet(arn, name, hours, list(managed))
        return self.permission_sets[arn]

    def new_application(self, name: str) -> str:
        place = f"arn:aws:sso::{self.id}:application/{INSTANCE.rpartition('/')[2]}"
        arn = f"{place}/apl-{uuid.uuid4().hex[:16]}"
        self.applications[arn] = name
        return arn

    def join(self, team: CenterGroup, user: CenterUser) -> None:
        team.members[user.id] = _id()

    def teams_of(self, user: str) -> list[CenterGroup]:
        return [team for team in self.teams.values() if user in team.members]

    def sign_in(self, name: str, password: str) -> bool:
        """The AWS access portal."""
        return any(one.enabled and (one.name, one.password) == (name, password) for one in self.people.values())

    def roles_of(self, user: CenterUser) -> set[tuple[str, str]]:
        """The AWS accounts and permission sets that a person who has signed in can choose from."""
        if user.id not in self.people or not user.enabled:
            return set()
        holders = {user.id, *(team.id for team in self.teams_of(user.id))}
        return {(account, arn) for account, arn, holder in self.assignments if holder in holders}

    def applications_of(self, user: CenterUser) -> set[str]:
        if user.id not in self.people or not user.enabled:
            return set()
        holders = {user.id, *(team.id for team in self.teams_of(user.id))}
        return {arn for arn, _, holder in self.application_assignments if holder in holders}

    def take_on(self, user: CenterUser, account: str, arn: str, now: datetime) -> RoleSession:
        assert (account, arn) in self.roles_of(user)
        return RoleSession(account, arn, now + timedelta(hours=self.permission_sets[arn].hours))

    def session_works(self, session: RoleSession, now: datetime) -> bool:
        return now < session.until

    def delete(self, assigned: Assigned, now: datetime) -> AssignmentDeletion:
        failing = assigned[0] in self.failing_accounts
        one = AssignmentDeletion(str(uuid.uuid4()), assigned, self._deletion_reads, now, assigned[2])
        if failing:
            one.status, one.reason = FAILED, "The role AWSReservedSSO could not be deleted."
        self.deletions[one.id] = one
        self.proceed(one)
        return one

    def proceed(self, one: AssignmentDeletion) -> None:
        """Completes a deletion whose status has been read often enough."""
        if one.status == IN_PROGRESS and one.reads <= 0:
            one.status = SUCCEEDED
            self.assignments.remove(one.assigned)

    def deleting(self, assigned: Assigned) -> bool:
        return any(one.assigned == assigned and one.status == IN_PROGRESS for one in self.deletions.values())

    def store_arn(self) -> str:
        return f"arn:aws:identitystore::{self.id}:identitystore/{STORE}"


def _id() -> str:
    return f"{STORE.removeprefix('d-')}-{uuid.uuid4()}"
