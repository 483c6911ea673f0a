"""A Samba domain controller of one's own on 127.0.0.21: a real Active Directory domain, with TLS.

Samba has fixed ports and needs root. Only its LDAP service is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3
from ldap3.utils.dn import escape_rdn

from connectors.abilities import Connector
from connectors.registry import connect
from connectors.vendors.active_directory.user import sid_text
from orchestrator.embedded.company.certificate import write_certificate

HOST = "127.0.0.21"
REALM = "wolkenmuehle.example"
ROOT = "DC=wolkenmuehle,DC=example"
ADMINISTRATOR = f"administrator@{REALM}"
PASSWORD = "Frost-und-Ebbe-27"
READY_TIMEOUT_SECONDS = 30.0


def why_absent() -> str:
    """Empty where Samba can run here."""
    return "" if os.geteuid() == 0 else "Samba's domain controller needs root"


@dataclass(frozen=True)
class SambaDomain:
    authority: Path
    settings: Path

    @property
    def url(self) -> str:
        return f"ldaps://{HOST}:636"

    def connect(self, **changed: str) -> Connector:
        settings = {"url": self.url, "bind_dn": ADMINISTRATOR, "password": PASSWORD, "ca_file": str(self.authority)}
        return connect("active_directory", {**settings, **changed}, allowed_hosts=[HOST])

    def administer(self) -> Any:
        """A connection of the domain's administrator, which raises what the domain refuses."""
        return self._connection(ADMINISTRATOR, PASSWORD, raise_exceptions=True)

    def sign_in(self, name: str, password: str) -> str:
        """`in`, or what the domain says: `49` and the code after `data`, such as 533 for a disabled account."""
        connection = self._connection(f"{name}@{REALM}", password)
        try:
            if connection.bind():
                return "in"
            return (
                f"{connection.result['result']} {connection.result['message'].partition('data ')[2].partition(',')[0]}"
            )
        finally:
            connection.unbind()

    def add_user(
        self,
        name: str,
        password: str,
        *,
        cn: str = "",
        rdn: str = "",
        parent: str = f"CN=Users,{ROOT}",
        **attributes: Any,
    ) -> str:
        """Its DN; `rdn` is its own part, escaped. The account is enabled."""
        dn = f"{rdn or f'CN={escape_rdn(cn or name)}'},{parent}"
        with self.administer() as connection:
            connection.add(
                dn,
                ["top", "person", "organizationalPerson", "user"],
                {
                    "sAMAccountName": name,
                    "userPrincipalName": f"{name}@{REALM}",
                    "unicodePwd": f'"{password}"'.encode("utf-16-le"),
                    "userAccountControl": "512",
                    **attributes,
                },
            )
        return dn

    def add_group(self, name: str, *members: str, parent: str = f"CN=Users,{ROOT}") -> str:
        dn = f"CN={escape_rdn(name)},{parent}"
        with self.administer() as connection:
            listed = {"member": list(members)} if members else {}
            connection.add(dn, ["top", "group"], {"sAMAccountName": name.replace(",", ""), **listed})
        return dn

    def add_unit(self, name: str) -> str:
        dn = f"OU={name},{ROOT}"
        with self.administer() as connection:
            connection.add(dn, ["top", "organizationalUnit"])
        return dn

    def delegate(self, dn: str, *entries: str) -> None:
        """Adds entries of an access list, in SDDL."""
        for entry in entries:
            command = ["samba-tool", "dsacl", "set", "-s", str(self.settings), f"--objectdn={dn}", f"--sddl={entry}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr

    def values(self, dn: str, attribute: str) -> list[str]:
        with self.administer() as connection:
            connection.search(dn, "(objectClass=*)", "BASE", attributes=[attribute])
            return [value.decode() for value in connection.response[0]["raw_attributes"].get(attribute, [])]

    def sid(self, dn: str) -> str:
        with self.administer() as connection:
            connection.search(dn, "(objectClass=*)", "BASE", attributes=["objectSid"])
            return sid_text(connection.response[0]["raw_attributes"]["objectSid"][0].hex())

    def change(self, dn: str, attribute: str, operation: str, *values: str | bytes) -> None:
        with self.administer() as connection:
            connection.modify(dn, {attribute: [(operation, list(values))]})

    def _connection(self, user: str, password: str, **given: Any) -> Any:
        tls = ldap3.Tls(validate=ssl.CERT_NONE)
        server = ldap3.Server(HOST, 636, use_ssl=True, tls=tls, get_info=ldap3.NONE, connect_timeout=5)
        return ldap3.Connection(server, user, password, receive_timeout=20, check_names=False, **given)


@contextlib.asynccontextmanager
async def samba_domain() -> AsyncIterator[SambaDomain]:
    folder = Path(tempfile.mkdtemp(prefix="samba-domain-"))
    try:
        authority, chain = write_certificate(folder, HOST)
        await asyncio.to_thread(_provision, folder, authority, chain)
        with (folder / "samba.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                "samba",
                "--interactive",
                "--no-process-group",
                "--model=single",
                "-s",
                str(folder / "etc" / "smb.conf"),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )
        try:
            await _answering(folder, process)
            yield SambaDomain(authority, folder / "etc" / "smb.conf")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _provision(folder: Path, authority: Path, chain: Path) -> None:
    options = {
        "interfaces": f"{HOST}/8",
        "bind interfaces only": "yes",
        "server services": "ldap",
        "tls enabled": "yes",
        "tls keyfile": str(chain),
        "tls certfile": str(chain),
        "tls cafile": str(authority),
        "pid directory": str(folder),
        "ncalrpc dir": str(folder / "ncalrpc"),
    }
    done = subprocess.run(
        [
            "samba-tool",
            "domain",
            "provision",
            f"--realm={REALM}",
            "--domain=WOLKEN",
            "--server-role=dc",
            f"--adminpass={PASSWORD}",
            "--dns-backend=NONE",
            f"--host-ip={HOST}",
            "--host-name=dc1",
            f"--targetdir={folder}",
            *(f"--option={name} = {value}" for name, value in options.items()),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def _answering(folder: Path, process: asyncio.subprocess.Process) -> None:
    deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_SECONDS
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, 636)
            writer.close()
            return
        alive = process.returncode is None and asyncio.get_running_loop().time() < deadline
        assert alive, (folder / "samba.log").read_text()[-2000:]
        await asyncio.sleep(0.05)
