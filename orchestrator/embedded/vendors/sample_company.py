"""The sample company in simulations of BambooHR, Okta, GitHub and Slack: the same people, and what they have in each.

Traits of people (`company.people`) bend their accounts on GitHub; `company.population` does the same to the code
hosting that only tests use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.types import Receive, Scope, Send

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.bamboohr.seeds import BambooSeed, seed_bamboohr
from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator
from orchestrator.embedded.vendors.github.organization import GitHubIdentity, GitHubUser
from orchestrator.embedded.vendors.github.seeds import GitHubSeed, seed_github
from orchestrator.embedded.vendors.github.simulator import GitHubSimulator
from orchestrator.embedded.vendors.okta.seeds import SERVICE_SCOPES, OktaSeed, seed_okta
from orchestrator.embedded.vendors.okta.simulator import OktaSimulator
from orchestrator.embedded.vendors.simulator import Call, Simulator
from orchestrator.embedded.vendors.slack.seeds import SlackSeed, seed_slack
from orchestrator.embedded.vendors.slack.simulator import SlackSimulator
from orchestrator.embedded.vendors.standing import Standing, github_standing, okta_standing, slack_standing


class UnmeteredSlack(SlackSimulator):
    """Slack without limits by the minute, which a list of ten leavers reaches: a trial does not wait for minutes."""

    def over_limit(self, call: Call) -> bool:
        super().over_limit(call)
        return False


class ServedSimulator:
    """A simulator as an application that keeps no requests, since it may be served for days."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._simulator(scope, receive, send)
        self._simulator.forget()


class VendorSystems:
    """`simulators` are named as the systems of the sample company's packet. People come once (`populate`)."""

    def __init__(self, zone: str = "UTC") -> None:
        self.bamboohr = BambooSimulator(zone)
        self.okta, self.github, self.slack = OktaSimulator(), GitHubSimulator(), UnmeteredSlack()
        self.simulators: Mapping[str, Simulator] = {
            "bamboohr": self.bamboohr, "okta": self.okta, "github": self.github, "slack": self.slack,
        }  # fmt: skip
        self._zone = zone
        self._seeds: tuple[BambooSeed, OktaSeed, GitHubSeed, SlackSeed] | None = None
        self._logins: dict[str, list[str]] = {}
        self._zones: dict[str, str] = {}

    def populate(self, people: Sequence[Employee]) -> None:
        """Raises ValueError where there are people already."""
        if self._seeds is not None:
            raise ValueError("the company has its people already: no one is hired in its simulations of vendors")
        # The seed's leavers leave in two weeks; here each leaves on a day of their own.
        bamboohr = seed_bamboohr(self.bamboohr, [replace(person, leaving=False) for person in people])
        okta, github = seed_okta(self.okta, people), seed_github(self.github, people)
        self._seeds = bamboohr, okta, github, seed_slack(self.slack, people)
        for person in people:
            employee = bamboohr.employee(person.employee_number)
            employee.fields |= _names(person)
            employee.tables["jobInfo"][0]["location"] = self._location(person)
            if person.leaving:
                self.bamboohr.state.terminate(employee, _last_day(person, self.bamboohr.now()))
            for _ in range(2):
                self.okta.state.new_session(okta.user(person.employee_number))
            self._logins[person.employee_number] = self._bend(person, github.user(person.employee_number))

    def connections(self) -> dict[str, str]:
        """The settings with which the packet reaches the systems, when they have their addresses."""
        assert self._seeds is not None, "populate() comes first"
        bamboohr, okta, github, slack = self._seeds
        return {
            "BAMBOOHR_URL": self.bamboohr.url,
            "BAMBOOHR_API_KEY": bamboohr.api_key,
            "BAMBOOHR_TIME_ZONE": self._zone,
            "BAMBOOHR_TIME_ZONES": json.dumps(self._zones),
            "OKTA_URL": self.okta.url,
            "OKTA_CLIENT_ID": okta.service.id,
            "OKTA_PRIVATE_KEY": okta.key.as_pem(private=True).decode(),
            "OKTA_SCOPES": " ".join(SERVICE_SCOPES),
            "GITHUB_URL": self.github.url,
            "GITHUB_ORGANIZATION": self.github.state.login,
            "GITHUB_APP_ID": str(github.app.id),
            "GITHUB_INSTALLATION_ID": str(github.app.installation),
            "GITHUB_PRIVATE_KEY": github.key.as_pem(private=True).decode(),
            "SLACK_URL": self.slack.url,
            "SLACK_TEAM_ID": self.slack.state.organization,
            "SLACK_TOKEN": slack.token,
        }

    def standing(self) -> dict[str, dict[str, Standing]]:
        """What each person can use now, by employee number and vendor: read from the state of the simulators, by
        their own rules, and not through their interfaces."""
        assert self._seeds is not None, "populate() comes first"
        _, okta, _, slack = self._seeds
        return {
            number: {
                "Okta": okta_standing(self.okta.state, okta.user(number)),
                "GitHub": github_standing(self.github.state, logins),
                "Slack": slack_standing(self.slack.state, slack.user(number)),
            }
            for number, logins in self._logins.items()
        }

    def violations(self) -> list[str]:
        """Requests and answers that differed from the vendors' own API descriptions."""
        return [f"{name}: {one}" for name, each in self.simulators.items() for one in each.violations]

    def _location(self, person: Employee) -> str:
        """BambooHR's API shows no zone: a person has the zone of their location (`time_zones` of the connection)."""
        city = person.time_zone.rpartition("/")[2].replace("_", " ")
        self._zones[city] = person.time_zone
        return city

    def _bend(self, person: Employee, user: GitHubUser) -> list[str]:
        """The account as the seed made it, bent by the person's traits; the logins of the person's accounts."""
        org, traits = self.github.state, person.traits
        logins = [user.login]
        if traits & {"two_code_accounts", "code_under_former_email"}:  # never signed in by the identity provider
            org.identities = [one for one in org.identities if one.login != user.login]
        elif "code_without_number" in traits:
            for one in org.identities:
                if one.login == user.login:
                    one.attributes = {}
        if "two_code_accounts" in traits:
            other = org.new_user(f"{user.login}-labs", "member", name=person.name, email=person.email)
            other.verified_emails = [person.email]
            org.new_classic_token(other, "repo", "read:org")
            org.new_fine_grained_token(other, contents="read")
            org.repositories["billing"].collaborators[other.login] = "push"
            logins.append(other.login)
        if "recycled_number" in traits:
            # Someone who left long ago had this number; their account was forgotten and still carries it.
            gone = org.new_user(f"formerly-{user.login}", "member")
            numbered = {"employeeNumber": person.employee_number}
            org.identities.append(GitHubIdentity(gone.login, gone.email, gone.email, [gone.email], numbered))
        return logins


def _names(person: Employee) -> dict[str, str]:
    """BambooHR has a preferred first name, and no display name."""
    preferred, _, family = person.display_name.rpartition(" ")
    return {"preferredName": preferred, "lastName": family} if preferred else {}


def _last_day(person: Employee, now: datetime) -> date:
    """Without a day, the last one was yesterday: what destroys waits for the end of the last day in BambooHR."""
    if person.last_day:
        return date.fromisoformat(person.last_day)
    return now.astimezone(ZoneInfo(person.time_zone)).date() - timedelta(days=1)
