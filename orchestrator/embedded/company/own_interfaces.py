"""HR, identity provider and code hosting with interfaces of our own, and SCIM: the systems of the packet
`standard-leaver`, which tests use. Each counts its effects and can be made to fail in many ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from starlette.types import ASGIApp

from orchestrator.embedded.company.code_hosting import CodeHosting
from orchestrator.embedded.company.effects import EffectLog
from orchestrator.embedded.company.hr import HrSystem
from orchestrator.embedded.company.identity import IdentityProvider
from orchestrator.embedded.company.population import Population


class OwnInterfaces:
    """`logs` and `apps` are by system."""

    def __init__(self, logs: Mapping[str, EffectLog], *, scim_patch: bool) -> None:
        self.hr = HrSystem(logs["hr"])
        self.code = CodeHosting(logs["code"])
        self.identity = IdentityProvider(logs["identity"], patch=scim_patch)
        self.apps: Mapping[str, ASGIApp] = {
            "hr": self.hr.app,
            "code": self.code.app,
            "identity": cast("ASGIApp", self.identity.app),  # the same signature, with dict for the mappings
        }

    def add(self, population: Population) -> None:
        self.hr.add(population.hr)
        self.code.add(population.code)
        self.identity.add(population.identity, population.identity_groups)
