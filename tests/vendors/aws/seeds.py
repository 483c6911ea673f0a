"""People as users of an AWS account, with everything that a user can have there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.embedded.company.people import Employee, default_people
from tests.vendors.aws.account import AccessKey, AwsItem, AwsRole, AwsUser, new_id, policy
from tests.vendors.aws.simulator import AwsSimulator

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@dataclass
class AwsSeed:
    """`offboard` is a user of its own, whose access key is `key` and whose only policy allows all actions of IAM."""

    users: Mapping[str, AwsUser]
    offboard: AwsUser
    key: AccessKey

    def user(self, employee_number: str) -> AwsUser:
        return self.users[employee_number]


def seed_aws(aws: AwsSimulator, people: Sequence[Employee] | None = None) -> AwsSeed:
    """Each person is a user with tags, a password, a virtual MFA device, an access key, and is in the group of the
    department; administrators have the policy AdministratorAccess by the group Administrators. The first person has
    one of everything else as well."""
    account, now = aws.state, aws.now()
    offboard = account.new_user("offboard", now, path="/service/")
    offboard.inline["offboard"] = json.dumps(policy({"Effect": "Allow", "Action": "iam:*", "Resource": "*"}))
    key = account.new_key(offboard, now)
    administrators = account.new_group("Administrators", now, ADMINISTRATOR)
    users: dict[str, AwsUser] = {}
    for person in default_people() if people is None else people:
        name = person.email.partition("@")[0]
        user = account.new_user(name, now, path="/people/", employee_number=person.employee_number, email=person.email)
        users[person.employee_number] = user
        user.password = f"password of {name}"
        account.new_key(user, now)
        account.new_device(user, now)
        group = account.groups.get(person.department) or account.new_group(person.department, now, READ_ONLY)
        group.members.add(name)
        if "admin" in person.traits:
            administrators.members.add(name)
    furnish(aws, next(iter(users.values())))
    return AwsSeed(users, offboard, key)


def furnish(aws: AwsSimulator, user: AwsUser) -> None:
    """One more of everything that a user can have."""
    now = aws.now()
    aws.state.new_key(user, now)
    user.ssh_keys.append(AwsItem(new_id("APKA"), now))
    user.service_credentials.append(AwsItem(new_id("ACCA"), now, "codecommit.amazonaws.com"))
    user.certificates.append(AwsItem(f"{new_id('ASCA')}EXAMPLE", now))
    user.attached.append(READ_ONLY)
    user.inline["own"] = json.dumps(policy({"Effect": "Allow", "Action": "iam:ListUserTags", "Resource": "*"}))
    user.boundary = ADMINISTRATOR


def new_role(aws: AwsSimulator, name: str, *statements: dict[str, Any]) -> tuple[str, AccessKey]:
    """A role, and a session of it: its ARN and temporary credentials."""
    account, now = aws.state, aws.now()
    account.roles[name] = AwsRole(new_id("AROA"), name, "/service/", now, list(statements))
    arn = account.arn("role", name, "/service/")
    return arn, account.new_session(arn, now)
