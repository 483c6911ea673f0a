"""A slapd of its own for one test, with the overlays, access rules and entries that the test gives."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import ldap3

from connectors.abilities import Connector
from connectors.registry import connect
from orchestrator.embedded.company import directory
from tests.connectors.company_settings import ALLOWED

BASE = "dc=example,dc=org"
MANAGER = f"cn=manager,{BASE}"
PASSWORD = "password-of-the-manager"
NORA = f"uid=nora,ou=people,{BASE}"

POLICY = f"""dn: cn={{name}},{BASE}
objectClass: device
objectClass: pwdPolicy
cn: {{name}}
pwdAttribute: userPassword
pwdLockout: {{locks}}

"""
DEFAULT = f'overlay ppolicy\nppolicy_default "cn=default,{BASE}"'
FOREIGN_SCHEMA = """attributetype ( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey' EQUALITY octetStringMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY MAY ( sshPublicKey $ uid ) )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'adUser' SUP top AUXILIARY MAY userAccountControl )
"""
EVA = f"""dn: uid=eva,ou=people,{BASE}
objectClass: inetOrgPerson
objectClass: {{kind}}
uid: eva
cn: Eva Lind
sn: Lind
userPassword: eva
{{attribute}}

"""

_CONFIGURATION = """\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/nis.schema
include {schema}/inetorgperson.schema
{further_schema}
{modules}
pidfile {folder}/pid
{rules}
access to attrs=userPassword by dn.exact="{manager}" manage by anonymous auth by * none
access to * by dn.exact="{manager}" manage by self read by * none
database mdb
suffix "{base}"
rootdn "cn=root,{base}"
rootpw root
directory {folder}/data
maxsize 67108864
{overlays}
"""
_ENTRIES = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: example

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: {MANAGER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: manager
userPassword: {PASSWORD}

dn: {NORA}
objectClass: inetOrgPerson
uid: nora
cn: Nora Berg
sn: Berg
employeeNumber: 1001
userPassword: nora

"""


def group(name: str, *members: str) -> str:
    listed = "".join(f"member: {member}\n" for member in members)
    return f"dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n{listed}\n"


@contextlib.asynccontextmanager
async def odd_directory(
    entries: str = "", *, overlays: str = "", rules: str = "", schema: str = "", without_module: str = ""
) -> AsyncIterator[str]:
    """Its address. `cn=manager` may write everything that `rules` does not forbid, and people may sign in."""
    modules = (directory._modules() or "").replace(f"moduleload {without_module}\n", "")
    folder = Path(tempfile.mkdtemp(prefix="odd-slapd-"))
    try:
        program = directory._program("slapd")
        assert program is not None
        if directory.CONFINED.exists():
            program = shutil.copy(program, folder / "slapd")
        (folder / "data").mkdir()
        configuration = folder / "slapd.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                schema=directory._schema(),
                modules=modules,
                folder=folder,
                rules=rules,
                manager=MANAGER,
                base=BASE,
                overlays=overlays,
                further_schema=schema,
            )
        )
        (folder / "entries.ldif").write_text(_ENTRIES + entries)
        load = [program, "-Tadd", "-q", "-f", str(configuration), "-l", str(folder / "entries.ldif")]
        await asyncio.to_thread(subprocess.run, load, check=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url = f"ldap://127.0.0.1:{port}"
        process = await asyncio.create_subprocess_exec(program, "-f", str(configuration), "-h", url, "-d", "0")
        try:
            async with asyncio.timeout(20):
                while True:
                    with contextlib.suppress(OSError):
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                        writer.close()
                        break
                    await asyncio.sleep(0.02)
            yield url
        finally:
            process.terminate()
            await process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def connected(url: str, **settings: str) -> AsyncIterator[Connector]:
    given = {
        "url": url,
        "bind_dn": MANAGER,
        "password": PASSWORD,
        "people_base": f"ou=people,{BASE}",
        "groups_base": f"ou=groups,{BASE}",
    }
    connector = connect("ldap", {**given, **settings}, allowed_hosts=ALLOWED)
    yield connector
    await connector.aclose()


async def signs_in(url: str, dn: str, password: str) -> bool:
    def bind() -> bool:
        connection = ldap3.Connection(ldap3.Server(url, get_info=ldap3.NONE), dn, password)
        try:
            return bool(connection.bind())
        finally:
            connection.unbind()

    return await asyncio.to_thread(bind)


async def values(url: str, dn: str, attribute: str) -> list[str]:
    def read() -> list[str]:
        server = ldap3.Server(url, get_info=ldap3.NONE)
        with ldap3.Connection(server, MANAGER, PASSWORD, check_names=False) as connection:
            connection.search(dn, "(objectClass=*)", "BASE", attributes=[attribute])
            return [value.decode() for value in connection.response[0]["raw_attributes"].get(attribute, [])]

    return await asyncio.to_thread(read)
