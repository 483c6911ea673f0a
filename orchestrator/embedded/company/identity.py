"""The company's identity provider: `scim2-server` as it comes, over a storage that notes what changed."""

from __future__ import annotations

import secrets
from typing import Any

from scim2_models import Resource, ResourceType, ScimProvider
from scim2_server.applications.asgi import ASGIApplication
from scim2_server.memory import AsyncInMemoryStorage
from scim2_server.service import ScimService
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

from orchestrator.embedded.company.effects import REQUEST_LINE, EffectLog
from orchestrator.embedded.company.population import CompanyDocument

GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"


class CountingStorage(AsyncInMemoryStorage):
    """Counts what changed a resource; a PATCH or PUT that leaves it as it was is no effect."""

    def __init__(self, log: EffectLog) -> None:
        super().__init__()
        self.log = log

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        created = await super().create(resource_type, resource)
        self.log.record(REQUEST_LINE.get(), str(created.id))
        return created

    async def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        before = await self.get(resource_type, str(resource.id))
        updated = await super().update(resource_type, resource, expected_version=expected_version)
        if _content(before) != _content(updated):
            self.log.record(REQUEST_LINE.get(), str(updated.id))
        return updated

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        await super().delete(resource_type, resource_id, expected_version=expected_version)
        self.log.record(REQUEST_LINE.get(), resource_id)


class IdentityProvider:
    """`patch=False` makes it announce and serve no PATCH, as some real ones do."""

    def __init__(self, log: EffectLog, *, patch: bool = True) -> None:
        config = load_default_service_provider_config()
        if not patch:
            assert config.patch is not None
            config.patch.supported = False
        provider = ScimProvider.from_discovery(
            load_default_schemas().values(), load_default_resource_types().values(), config=config
        )
        self.storage = CountingStorage(log)
        self.service = ScimService(provider, secret=secrets.token_urlsafe(32))
        self.app = ASGIApplication(self.storage, provider, self.service)
        self._ids: dict[str, str] = {}  # employee number -> the user's id
        self._groups: dict[str, str] = {}  # name -> the group's id

    def add(self, users: list[CompanyDocument], groups: dict[str, list[str]]) -> None:
        """Past the counting: hiring is no effect of the product."""
        storage = self.storage.storage
        user_type, group_type = self.service.get_resource_type("User"), self.service.get_resource_type("Group")
        user_model, group_model = self.service.get_model(user_type), self.service.get_model(group_type)
        for user in users:
            created = storage.create(user_type, user_model.model_validate(user))
            self._ids[user["externalId"]] = str(created.id)
        for name, numbers in groups.items():
            members = [{"value": self._ids[n], "$ref": f"Users/{self._ids[n]}", "type": "User"} for n in numbers]
            document = {"schemas": [GROUP_SCHEMA], "displayName": name, "members": members}
            wanted: Any = group_model.model_validate(document)
            if name not in self._groups:
                self._groups[name] = str(storage.create(group_type, wanted).id)
            else:
                # Not with `update`, which copies and checks all members of the group for each person that is hired.
                group: Any = storage._stored(group_type, self._groups[name])
                group.members = [*(group.members or []), *wanted.members]
                changed = {"last_modified": storage.clock(), "version": storage.next_version()}
                group.meta = group.meta.model_copy(update=changed)
                storage._store(group, storage._values_of(group))


def _content(resource: Resource[Any]) -> dict[str, Any]:
    document: dict[str, Any] = resource.model_dump()
    document.pop("meta", None)
    return document
