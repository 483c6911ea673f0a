"""The result of testing one system, for pages, API and terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from orchestrator.documents.runs.shown import Shown

Part = Literal["settings", "dns", "tcp", "tls", "credential", "permissions", "person", "requests"]
"""The parts of a test, in their order."""
PartOutcome = Literal["passed", "partly", "failed", "skipped"]


class TestedPart(Shown):
    """One part of a test. `said`, `remedy` and `code` hold no secret, and nothing about a person."""

    __test__ = False

    part: Part
    outcome: PartOutcome = Field(
        description="`partly`: some permissions are missing, or the credential ends soon; `skipped`: not tested"
    )
    code: str = Field("", description="Why it failed, as a code")
    said: str = Field("", description="The result in words")
    remedy: str = Field("", description="What to do if it failed")
    milliseconds: int = Field(0, description="How long it took")


class RequestOfRun(Shown):
    """One request that a run would send, without anything about a person."""

    method: str = Field(description="The method of HTTP, the LDAP operation, or SQL")
    path: str = Field(description="The path template, the LDAP attributes, or the statement with {} for names")
    operation_id: str = Field("", description="The vendor's or the protocol's name of the operation")
    changes: bool = Field(description="Whether it changes something; the test does not send it then")
    times: int = Field(1, description="How often a run would send it")


class TestedAbility(Shown):
    """What a run would do with one ability. `step` is empty if no packet names it."""

    __test__ = False

    ability: str
    step: str = Field("", description="The packet's step; empty if the ability is tested without a packet")
    outcome: PartOutcome
    code: str = ""
    said: str = ""
    remedy: str = ""
    requests: tuple[RequestOfRun, ...] = ()
    complete: bool = Field(True, description="False if further requests depend on the responses to changes")


class SystemTested(Shown):
    """`ok`: nothing failed. `accounts` are the labels of the accounts found for the person: personal data, which is in
    the response to the person who tested and is not stored."""

    system: str
    title: str
    kind: str
    ok: bool
    tested_at: datetime
    parts: tuple[TestedPart, ...]
    abilities: tuple[TestedAbility, ...] = ()
    accounts: tuple[str, ...] = Field((), description="The accounts that were found for the person")

    def without_person(self) -> SystemTested:
        """What is stored."""
        return self.model_copy(update={"accounts": ()})
