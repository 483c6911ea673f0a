"""SCIM servers that others wrote, each a process of its own on the loopback: a Django site with django-scim2, SCIMMY.

Filters, pages, patches, schemas and errors are those of the servers. Here are only the site that django-scim2 is put
into, and the storage that SCIMMY leaves to its users."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from connectors.abilities import Connector
from connectors.registry import connect

TOKEN = "token-of-a-scim-server"
READY_TIMEOUT_SECONDS = 60.0
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

_MODELS = """
from django.contrib.auth.models import AbstractUser
from django.db import models
from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin


class Group(AbstractSCIMGroupMixin):
    name = models.CharField(max_length=80, unique=True)


class User(AbstractSCIMUserMixin, AbstractUser):
    scim_groups = models.ManyToManyField(Group, related_name="user_set")
"""

_SITE = f"""
from django.contrib.auth import authenticate
from django.http import HttpResponse
from django.urls import include, path

SECRET_KEY = "of the tests"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = __name__
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite"}}}}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django_scim", "accounts"]
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIDDLEWARE = [__name__ + ".with_token"]
SCIM_SERVICE_PROVIDER = {{
    "NETLOC": "127.0.0.1", "SCHEME": "http", "GROUP_MODEL": "accounts.models.Group",
    "AUTHENTICATION_SCHEMES": [{{"type": "oauthbearertoken", "name": "Bearer token"}}],
}}


class Program:
    is_authenticated = True


def with_token(respond):
    def handle(request):
        if request.headers.get("Authorization") == "Bearer {TOKEN}":
            request.user = Program()
        return respond(request)

    return handle


def login(request):
    user = authenticate(request, username=request.GET["name"], password=request.GET["password"])
    return HttpResponse(status=401 if user is None else 200)


urlpatterns = [path("scim/v2/", include("django_scim.urls")), path("login", login)]
"""

_SCIMMY = f"""
const express = require("express");
const SCIMMY = require("scimmy").default;
const SCIMMYRouters = require("scimmy-routers").default;
let last = 0;

function kept(resources) {{
    const found = (id) => {{
        if (!resources.has(id)) throw new SCIMMY.Types.Error(404, null, `Resource ${{id}} not found`);
        return resources.get(id);
    }};
    return {{
        egress: (resource) => {{
            if (resource.id) return found(resource.id);
            const all = [...resources.values()];
            return resource.filter ? resource.filter.match(all) : all;
        }},
        ingress: (resource, data) => {{
            const id = resource.id ?? String(++last).padStart(6, "0");
            const now = new Date().toISOString();
            const meta = {{ created: resources.get(id)?.meta?.created ?? now, lastModified: now }};
            resources.set(id, {{ ...JSON.parse(JSON.stringify(data)), id, meta }});
            return resources.get(id);
        }},
        degress: (resource) => resources.delete(found(resource.id).id),
    }};
}}

SCIMMY.Resources.declare(SCIMMY.Resources.User, kept(new Map()));
SCIMMY.Resources.declare(SCIMMY.Resources.Group, kept(new Map()));
const handler = (request) => {{
    if (request.header("Authorization") !== "Bearer {TOKEN}") throw new Error("Authorization not detected!");
    return "administrator";
}};
const app = express();
app.use("/scim/v2", new SCIMMYRouters({{ type: "bearer", handler }}));
app.listen(Number(process.argv[2]), "127.0.0.1");
"""


@dataclass(frozen=True, slots=True)
class ScimServerProcess:
    """Another client of the server, and its address."""

    client: httpx.AsyncClient
    url: str

    def connected(self) -> Connector:
        settings = {"url": f"{self.url}/scim/v2", "token": TOKEN, "privileged": "admins"}
        return connect("scim", settings, allowed_hosts=["127.0.0.1"])

    async def add_user(self, name: str, **values: Any) -> str:
        """The ID of the user."""
        document = {
            "schemas": [USER],
            "userName": name,
            "active": True,
            "externalId": f"E-{name}",
            "name": {"givenName": "Given", "familyName": "Family"},
            "emails": [{"value": name, "primary": True}],
        }
        return await self._added("/Users", document | values)

    async def add_group(self, name: str, members: list[str]) -> str:
        """The ID of the group. django-scim2 takes members with a PATCH only."""
        group = await self._added("/Groups", {"schemas": [GROUP], "displayName": name})
        operation = {"op": "add", "path": "members", "value": [{"value": member} for member in members]}
        body = {"schemas": [PATCH], "Operations": [operation]}
        (await self.client.patch(f"/Groups/{group}", content=json.dumps(body))).raise_for_status()
        return group

    async def members(self, group: str) -> set[str]:
        shown = (await self.client.get(f"/Groups/{group}")).json()
        return {member["value"] for member in shown.get("members", ())}

    async def _added(self, path: str, document: dict[str, Any]) -> str:
        response = await self.client.post(path, content=json.dumps(document))
        assert response.status_code == 201, response.text
        return str(response.json()["id"])


@contextlib.asynccontextmanager
async def django_site() -> AsyncIterator[ScimServerProcess]:
    """`/login?name=…&password=…` answers 200 where Django accepts the password, otherwise 401."""
    with tempfile.TemporaryDirectory(prefix="django-scim2-") as folder:
        place = Path(folder)
        (place / "accounts").mkdir()
        (place / "accounts" / "__init__.py").touch()
        (place / "accounts" / "models.py").write_text(_MODELS)
        (place / "site_settings.py").write_text(_SITE)
        django = ["python-django-scim2", "-m", "django"]
        here = ["--pythonpath", folder, "--settings", "site_settings"]
        made = await asyncio.create_subprocess_exec(*django, "migrate", "--run-syncdb", "-v0", *here, cwd=folder)
        assert await made.wait() == 0
        port = _free_port()
        async with _serving([*django, "runserver", "--noreload", f"127.0.0.1:{port}", *here], port, folder) as server:
            yield server


@contextlib.asynccontextmanager
async def scimmy() -> AsyncIterator[ScimServerProcess]:
    with tempfile.TemporaryDirectory(prefix="scimmy-") as folder:
        (Path(folder) / "server.cjs").write_text(_SCIMMY)
        port = _free_port()
        async with _serving(["node-scimmy", "server.cjs", str(port)], port, folder) as server:
            yield server


@contextlib.asynccontextmanager
async def _serving(command: list[str], port: int, folder: str) -> AsyncIterator[ScimServerProcess]:
    with (Path(folder) / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=os.environ, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
    try:
        async with httpx.AsyncClient(base_url=f"{url}/scim/v2", headers=headers, trust_env=False) as client:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                while True:
                    assert process.returncode is None, (Path(folder) / "log").read_text()
                    with contextlib.suppress(httpx.TransportError):
                        if (await client.get("/ServiceProviderConfig")).status_code == 200:
                            break
                    await asyncio.sleep(0.1)
            yield ScimServerProcess(client, url)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
