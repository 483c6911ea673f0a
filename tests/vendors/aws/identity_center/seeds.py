"""People as users of IAM Identity Center, with access to AWS accounts and applications."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.embedded.company.people import Employee, default_people
from tests.vendors.aws.account import AccessKey, AwsUser, policy
from tests.vendors.aws.identity_center.directory import CenterPermissionSet, CenterUser
from tests.vendors.aws.identity_center.simulator import IdentityCenterSimulator
from tests.vendors.aws.seeds import ADMINISTRATOR, READ_ONLY

PRODUCTION, DEVELOPMENT = "210987654321", "321098765432"
ISSUER = "https://scim.idp.example/tenant"


@dataclass
class CenterSeed:
    """`offboard` is an IAM user of the management account, whose access key is `key`."""

    users: Mapping[str, CenterUser]
    offboard: AwsUser
    key: AccessKey
    administrator: CenterPermissionSet
    reader: CenterPermissionSet
    application: str

    def user(self, employee_number: str) -> CenterUser:
        return self.users[employee_number]


def seed_identity_center(aws: IdentityCenterSimulator, people: Sequence[Employee] | None = None) -> CenterSeed:
    """Each person is in the group of the department, which has read access to one AWS account and one application;
    administrators are in the group Administrators as well. The first person also has assignments of their own."""
    center, now = aws.state, aws.now()
    offboard = center.new_user("offboard", now, path="/service/")
    everything = {"Effect": "Allow", "Action": ["identitystore:*", "sso:*", "iam:*"], "Resource": "*"}
    offboard.inline["offboard"] = json.dumps(policy(everything))
    key = center.new_key(offboard, now)
    administrator = center.new_permission_set("AdministratorAccess", 12, ADMINISTRATOR)
    reader = center.new_permission_set("ReadOnly", 4, READ_ONLY)
    application = center.new_application("Dashboards")
    administrators = center.new_team("Administrators")
    center.assignments.append((PRODUCTION, administrator.arn, administrators.id))
    users: dict[str, CenterUser] = {}
    for person in default_people() if people is None else people:
        name = person.email.partition("@")[0]
        user = center.new_person(name, person.email, person.employee_number, now)
        users[person.employee_number] = user
        team = next((one for one in center.teams.values() if one.name == person.department), None)
        if team is None:
            team = center.new_team(person.department)
            center.assignments.append((DEVELOPMENT, reader.arn, team.id))
            center.application_assignments.append((application, "", team.id))
        center.join(team, user)
        if "admin" in person.traits:
            center.join(administrators, user)
    seed = CenterSeed(users, offboard, key, administrator, reader, application)
    grant(aws, seed, next(iter(users.values())))
    return seed


def grant(aws: IdentityCenterSimulator, seed: CenterSeed, user: CenterUser) -> None:
    """Assignments of the user's own."""
    for account in (PRODUCTION, DEVELOPMENT):
        aws.state.assignments.append((account, seed.reader.arn, user.id))
    aws.state.application_assignments.append((aws.state.new_application(f"Notes {user.name}"), "", user.id))
