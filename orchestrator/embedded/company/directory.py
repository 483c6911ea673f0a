"""The company's directory: OpenLDAP's slapd, with a password policy that can lock accounts, and an audit log.

Layout below `BASE_DN`: inetOrgPerson entries under ou=people, groupOfNames under ou=groups, and one service account
under ou=services that the product binds as; it may write everything. What it wrote is counted from slapd's `auditlog`
overlay; what the company itself writes (as the root DN) is not.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ldap3
from ldap3.utils.dn import escape_rdn

from orchestrator.embedded.company.population import CompanyDocument, Population
from orchestrator.embedded.server_process import EmbeddedServerError, ServerProcess, ServerWish

BASE_DN = "dc=wolkenmuehle,dc=example"
ROOT_DN = f"cn=company,{BASE_DN}"
BIND_DN = f"cn=offboard,ou=services,{BASE_DN}"
PLACEHOLDER_DN = f"cn=nobody,ou=services,{BASE_DN}"
READY_TIMEOUT_SECONDS = 60.0

SEARCH_PATH = "/usr/sbin:/usr/local/sbin:/sbin:/usr/local/libexec:/usr/bin:/usr/local/bin"
SCHEMA_FOLDERS = (Path("/etc/ldap/schema"), Path("/etc/openldap/schema"), Path("/usr/local/etc/openldap/schema"))
MODULE_FOLDERS = (Path("/usr/lib/ldap"), Path("/usr/lib64/openldap"), Path("/usr/lib/openldap"))
CONFINED = Path("/etc/apparmor.d/usr.sbin.slapd")
MODULES = ("back_mdb", "memberof", "ppolicy", "auditlog")

_CONFIGURATION = """\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/nis.schema
include {schema}/inetorgperson.schema
{modules}
pidfile "{folder}/slapd.pid"
sizelimit 5000
# Everything that is written goes through one service account; people may read nothing but sign in.
access to attrs=userPassword by dn.exact="{bind_dn}" manage by anonymous auth by * none
access to * by dn.exact="{bind_dn}" manage by self read by * none
database mdb
suffix "{base_dn}"
rootdn "{root_dn}"
rootpw {root_password}
directory "{folder}/data"
maxsize 268435456
dbnosync
index objectClass eq
index mail eq
index uid eq
index employeeNumber eq
index entryUUID eq
index member eq
overlay memberof
overlay ppolicy
ppolicy_default "cn=default,ou=policies,{base_dn}"
ppolicy_hash_cleartext
overlay auditlog
auditlog "{folder}/audit.ldif"
"""


class Directory:
    """One slapd; `stop` and `start` keep its port and its data."""

    def __init__(self, folder: Path, process: ServerProcess, port: int, passwords: tuple[str, str]) -> None:
        self._folder = folder
        self._process = process
        self._port = port
        self._root_password, self.bind_password = passwords

    @staticmethod
    def installed() -> bool:
        """Whether slapd and the modules that we need are on this machine."""
        return _program("slapd") is not None and _modules() is not None and _schema() is not None

    @classmethod
    async def create(cls, folder: Path, population: Population) -> Directory:
        """Write the configuration and load the population; `folder` (which exists) gets the log. Not yet started.
        Raises EmbeddedServerError."""
        return await asyncio.to_thread(cls._prepare, folder, population)

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self._port}"

    @property
    def running(self) -> bool:
        return self._process.running

    async def start(self) -> None:
        """Returns when it accepts connections."""
        if self.running:
            return
        await self._process.start()
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError as error:
                self._process.require_alive()
                if time.monotonic() > deadline:
                    raise EmbeddedServerError(f"slapd did not respond within {READY_TIMEOUT_SECONDS:.0f} s") from error
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return

    async def stop(self) -> None:
        """Cut everyone and refuse connections, as in an outage."""
        await self._process.crash()

    async def close(self) -> None:
        await self._process.close()

    async def add(self, people: Iterable[CompanyDocument], groups: dict[str, list[str]]) -> None:
        """Let new people in while it runs."""
        await asyncio.to_thread(self._add, list(people), groups)

    def effects(self, after: int = 0) -> list[dict[str, Any]]:
        """What the product's account changed, oldest first: {"key": None (LDAP carries none), "action": "modify" and
        such, "target": DN, "changes": ["replace pwdAccountLockedTime"], "at": ISO instant}. `after` is a former
        `log_size`."""
        log = self._folder / "audit.ldif"
        return list(_effects(log.read_bytes()[after:].decode(errors="replace"))) if log.exists() else []

    def log_size(self) -> int:
        """In bytes."""
        log = self._folder / "audit.ldif"
        return log.stat().st_size if log.exists() else 0

    @classmethod
    def _prepare(cls, folder: Path, population: Population) -> Directory:
        slapd, schema, modules = _program("slapd"), _schema(), _modules()
        if slapd is None or schema is None or modules is None:
            raise EmbeddedServerError("slapd is not installed (Debian: apt-get install slapd)")
        # Not below `folder`: its path may hold what slapd's configuration cannot quote.
        work = Path(tempfile.mkdtemp(prefix="offboard-slapd-"))
        try:
            (work / "data").mkdir()
            if CONFINED.exists():
                # Ubuntu lets the packaged program write to its own folders only; the rule goes by its path.
                slapd = str(shutil.copy(slapd, work / "slapd"))
            passwords = (secrets.token_urlsafe(16), secrets.token_urlsafe(16))
            configuration = work / "slapd.conf"
            configuration.write_text(
                _CONFIGURATION.format(
                    schema=schema,
                    modules=modules,
                    folder=work,
                    base_dn=BASE_DN,
                    root_dn=ROOT_DN,
                    bind_dn=BIND_DN,
                    root_password=passwords[0],
                )
            )
            seed = work / "seed.ldif"
            seed.write_text("\n".join(_ldif(dn, attributes) for dn, attributes in _seed(population, passwords[1])))
            done = subprocess.run(  # noqa: S603 - Debian's own program
                [slapd, "-Tadd", "-q", "-f", str(configuration), "-l", str(seed)],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
            if done.returncode != 0:
                raise EmbeddedServerError(f"slapd did not load the company's people: {done.stderr.strip()}")
            port = _free_port()
            wish = ServerWish(
                name="slapd",
                argv=[slapd, "-f", str(configuration), "-h", f"ldap://127.0.0.1:{port}", "-d", "0"],
                log=folder / "slapd.log",
                environment={"PATH": SEARCH_PATH, "LC_ALL": "C"},
                grace=2.0,
                remove=[work],
            )
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
        return cls(work, ServerProcess(wish), port, passwords)

    def _add(self, people: list[CompanyDocument], groups: dict[str, list[str]]) -> None:
        server = ldap3.Server("127.0.0.1", self._port, connect_timeout=5)
        with ldap3.Connection(server, ROOT_DN, self._root_password, raise_exceptions=True) as connection:
            numbers = {}
            for person in people:
                dn, attributes = _person(person)
                numbers[person["employeeNumber"]] = dn
                connection.add(dn, attributes=attributes)
            for name, members in groups.items():
                dn = _group_dn(name)
                new = [numbers[number] for number in members]
                if self._has(connection, dn):
                    connection.modify(dn, {"member": [(ldap3.MODIFY_ADD, new)]})
                else:
                    connection.add(dn, attributes={"objectClass": ["groupOfNames"], "cn": name, "member": new})

    @staticmethod
    def _has(connection: Any, dn: str) -> bool:
        try:
            return bool(connection.search(dn, "(objectClass=*)", ldap3.BASE))
        except ldap3.core.exceptions.LDAPNoSuchObjectResult:
            return False


def user_dn(uid: str) -> str:
    return f"uid={escape_rdn(uid)},ou=people,{BASE_DN}"


def _group_dn(name: str) -> str:
    return f"cn={escape_rdn(name)},ou=groups,{BASE_DN}"


Attributes = dict[str, list[str]]


def _seed(population: Population, bind_password: str) -> Iterable[tuple[str, Attributes]]:
    yield BASE_DN, {"objectClass": ["dcObject", "organization"], "dc": ["wolkenmuehle"], "o": ["Wolkenmuehle"]}
    for unit in ("people", "groups", "services", "policies"):
        yield f"ou={unit},{BASE_DN}", {"objectClass": ["organizationalUnit"], "ou": [unit]}
    for dn, password in ((BIND_DN, bind_password), (PLACEHOLDER_DN, secrets.token_urlsafe(16))):
        name = dn.partition(",")[0].removeprefix("cn=")
        classes = ["organizationalRole", "simpleSecurityObject"]
        yield dn, {"objectClass": classes, "cn": [name], "userPassword": [_hashed(password)]}
    yield (
        f"cn=default,ou=policies,{BASE_DN}",
        {
            "objectClass": ["pwdPolicy", "organizationalRole"],
            "cn": ["default"],
            "pwdAttribute": ["userPassword"],
            # Without it, pwdAccountLockedTime would be kept but not heeded (draft-behera-ldap-password-policy-11).
            "pwdLockout": ["TRUE"],
            "pwdMaxFailure": ["0"],
        },
    )
    numbers = {}
    for person in population.directory:
        dn, attributes = _person(person)
        number = person["employeeNumber"]
        numbers[number] = dn
        memberships = [name for name, members in population.directory_groups.items() if number in members]
        # slapadd does not run overlays, so the seed carries what memberof would have written.
        yield dn, {**attributes, "memberOf": [_group_dn(name) for name in memberships]}
    for name, members in population.directory_groups.items():
        dns = [numbers[number] for number in members]
        yield _group_dn(name), {"objectClass": ["groupOfNames"], "cn": [name], "member": dns}


def _person(person: CompanyDocument) -> tuple[str, Attributes]:
    attributes: Attributes = {"objectClass": ["inetOrgPerson"], "userPassword": [_hashed(person["password"])]}
    for name, value in person.items():
        if name != "password" and value:
            attributes[name] = [value]
    return user_dn(person["uid"]), attributes


def _hashed(password: str) -> str:
    """{SSHA}, which every slapd knows; these passwords protect nothing."""
    salt = hashlib.sha256(password.encode()).digest()[:8]
    digest = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def _ldif(dn: str, attributes: Attributes) -> str:
    """One entry as LDIF (RFC 2849), every value in base64, so that no value needs a second look."""
    lines = [f"dn:: {base64.b64encode(dn.encode()).decode()}"]
    for name, values in attributes.items():
        lines += [f"{name}:: {base64.b64encode(value.encode()).decode()}" for value in values]
    return "\n".join(lines) + "\n"


_RECORD = re.compile(r"^# (?P<action>\w+) (?P<at>\d+) \S+ (?P<who>.*?)(?: IP=.*)?$")


def _effects(log: str) -> Iterable[dict[str, Any]]:
    for block in log.split("\n\n"):
        lines = block.replace("\n ", "").splitlines()
        head = next((match for line in lines if (match := _RECORD.match(line))), None)
        if head is None or head["who"].casefold() != BIND_DN.casefold():
            continue
        dn = next((_value(line) for line in lines if line.startswith("dn:")), "")
        changes = [
            f"{kind} {name}"
            for line in lines
            for kind, _, name in [line.partition(": ")]
            if kind in ("add", "replace", "delete") and name not in _BOOKKEEPING
        ]
        at = datetime.fromtimestamp(int(head["at"]), UTC).isoformat()
        yield {"key": None, "action": head["action"], "target": dn, "changes": changes, "at": at}


_BOOKKEEPING = {"entryCSN", "modifiersName", "modifyTimestamp"}


def _value(line: str) -> str:
    _, _, value = line.partition(":")
    if value.startswith(":"):
        return base64.b64decode(value[1:].strip()).decode(errors="replace")
    return value.strip()


def _program(name: str) -> str | None:
    return shutil.which(name, path=SEARCH_PATH)


def _schema() -> Path | None:
    return next((folder for folder in SCHEMA_FOLDERS if (folder / "inetorgperson.schema").exists()), None)


def _modules() -> str | None:
    """The lines that load what Debian builds as modules."""
    for folder in MODULE_FOLDERS:
        if all(any(folder.glob(f"{module}.*")) for module in MODULES):
            return "\n".join([f"modulepath {folder}", *(f"moduleload {module}" for module in MODULES)])
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
