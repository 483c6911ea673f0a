"""A 389 Directory Server of one's own, below a temporary folder and on the loopback. It needs root."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ldap3

from tests.connectors.protocols.odd_directory import BASE

MANAGER = "cn=Directory Manager"
PASSWORD = "password-of-the-manager"
DEFAULTS = Path("/usr/share/dirsrv/inf/defaults.inf")
READY_TIMEOUT_SECONDS = 60.0
_INSTANCE = "offboard"

_WISH = """[general]
config_version = 2
start = False
full_machine_name = localhost
strict_host_checking = False
[slapd]
instance_name = {instance}
port = {port}
secure_port = 0
root_password = {password}
self_sign_cert = False
[backend-userroot]
suffix = {base}
sample_entries = no
create_suffix_entry = True
"""


_KEYS = """dn: cn=schema
attributeTypes: ( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey' EQUALITY octetStringMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectClasses: ( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY MAY ( sshPublicKey $ uid ) )
"""
"""OpenSSH's schema (LPK)."""


@contextlib.asynccontextmanager
async def directory_389() -> AsyncIterator[str]:
    """Its address. `MANAGER` may write everything; ou=people and ou=groups are there."""
    folder = Path(tempfile.mkdtemp(prefix="directory-389-"))
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        configuration = await asyncio.to_thread(_create, folder, port)
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                "ns-slapd", "-D", str(configuration), "-i", str(folder / "pid"), "-d", "0", stdout=log, stderr=log
            )
        try:
            await _answering(port, process, folder)
            url = f"ldap://127.0.0.1:{port}"
            await asyncio.to_thread(_add_units, url)
            yield url
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def administer(url: str) -> Any:
    server = ldap3.Server(url, get_info=ldap3.NONE)
    return ldap3.Connection(server, MANAGER, PASSWORD, raise_exceptions=True, check_names=False)


def _create(folder: Path, port: int) -> Path:
    """The folder of its configuration. The packaged defaults with every place below `folder`, and without systemd."""
    moved = re.compile(r"^(?!system_schema|plugin|inst)(\w+ = )(/etc/d|/run|/var|/dev/shm)", re.MULTILINE)
    text = moved.sub(lambda found: f"{found[1]}{folder}{found[2]}", DEFAULTS.read_text())
    for name, value in (
        ("with_systemd", "0"),
        ("user", "root"),
        ("group", "root"),
        ("ldapi_listen", "off"),
        ("initconfig_dir", str(folder / "etc/default")),
    ):
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
    inf = folder / "share/dirsrv/inf"
    for each in (inf, folder / "etc/default", folder / "etc/dirsrv", folder / "run", folder / "dev/shm"):
        each.mkdir(parents=True)
    (inf / "defaults.inf").write_text(text)
    for part in ("config", "schema"):
        shutil.copytree(Path("/etc/dirsrv") / part, folder / "etc/dirsrv" / part)
    wish = folder / "wish.inf"
    wish.write_text(_WISH.format(instance=_INSTANCE, port=port, password=PASSWORD, base=BASE))
    done = subprocess.run(
        ["dscreate", "-v", "from-file", str(wish)],
        env={"PREFIX": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    configuration = folder / f"etc/dirsrv/slapd-{_INSTANCE}"
    dse = configuration / "dse.ldif"
    (configuration / "schema" / "98keys.ldif").write_text(_KEYS)
    lines = dse.read_text().replace("dn: cn=config\n", "dn: cn=config\nnsslapd-listenhost: 127.0.0.1\n", 1)
    dse.write_text(lines)
    return configuration


async def _answering(port: int, process: asyncio.subprocess.Process, folder: Path) -> None:
    deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_SECONDS
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        alive = process.returncode is None and asyncio.get_running_loop().time() < deadline
        assert alive, (folder / "log").read_text()[-2000:]
        await asyncio.sleep(0.05)


def _add_units(url: str) -> None:
    with administer(url) as connection:
        for unit in ("people", "groups"):
            connection.add(f"ou={unit},{BASE}", ["organizationalUnit"])
