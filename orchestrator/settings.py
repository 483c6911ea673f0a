"""Settings of the server processes, read from the environment by entry points only.

A secret is given as a file (`…_FILE`) or in the environment, and is held in memory only.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from orchestrator.notifications.hook_addresses import parse_hosts

PREFIX = "OFFBOARD_"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""This machine: the only host that is reached without TLS."""

SECRETS_FOLDER = Path("/run/systems")
"""Not where Offboard's own secrets are: files here can be sent to any host that a packet names."""
MAIL_SECURITY = ("starttls", "tls", "none")
KEYS = ("MASTER_KEY", "CHECKPOINT_KEY")
"""A file with one of them is refused if every user of the machine can change it."""
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class SettingMissing(Exception):
    """Names the setting and says how to give it."""

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__(
            f"The setting {name} is missing ({meaning}). Set it in the environment, or set {name}_FILE to the path of "
            "a file with the value."
        )
        self.name = name


class SettingWrong(SettingMissing):
    """A setting with an invalid value. The text names the setting and the allowed values, never the value."""

    def __init__(self, name: str, allowed: str) -> None:
        Exception.__init__(self, f"The setting {name} has an invalid value. Allowed: {allowed}.")
        self.name = name


@dataclass(frozen=True, slots=True)
class MailAccount:
    """Where notices are handed in. Only the worker needs it. `gather` is how many seconds a first notice waits for
    others to the same recipient."""

    host: str
    sender: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    gather: float = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """`environment` is what connections resolve `env:NAME` from. Secrets are left out of the representation.

    `otlp_endpoint` is an OpenTelemetry collector's base URL, under OpenTelemetry's own name for it; `trace_file` gets
    every span as a line of JSON; `log_level` is for our own loggers.

    `public_url` is where people reach Offboard, without a slash at its end. Without `mail` there are no
    notices. `webhook_hosts` are the only ones that webhooks go to (see `orchestrator.notifications.hook_addresses`).
    `secrets_folder` has the only files that a packet may name as `file:PATH`.
    `first_packet` (a starter packet's name, or a folder) says which HR system knows the owners who sign in to adopt the
    first packet. `hr_feed_packet` is the packet whose HR system is read every `hr_feed_seconds` for leavers, whose runs
    start under it; without it HR's records start no run. The ledger is compared with Temporal, the read tables and
    systems every `reconcile_seconds`."""

    database_url: str = field(repr=False)
    master_key: str = field(repr=False)
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_task_queue: str = "offboard"
    temporal_tls: bool = False
    temporal_certificate: Path | None = None
    temporal_key: Path | None = None
    temporal_authority: Path | None = None
    temporal_api_key: str | None = field(default=None, repr=False)
    queues: tuple[str, ...] = ()
    checkpoint_key: str | None = field(default=None, repr=False)
    installation: str = "offboard"
    otlp_endpoint: str | None = field(default=None, repr=False)
    service_name: str = "offboard"
    trace_file: Path | None = None
    log_level: str = "INFO"
    public_url: str | None = None
    mail: MailAccount | None = None
    webhook_hosts: tuple[str, ...] = ()
    webhook_ca_file: str = ""
    first_packet: str | None = None
    secrets_folder: Path = SECRETS_FOLDER
    hr_feed_packet: str | None = None
    hr_feed_seconds: float = 60.0
    reconcile_seconds: float = 600.0
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Raises `SettingMissing`, `SettingWrong`, or `OSError` naming a file that cannot be read."""
        given = dict(os.environ if environment is None else environment)

        def get(name: str) -> str | None:
            return given_value(given, name)

        def path(name: str) -> Path | None:
            value = given.get(PREFIX + name)
            return Path(value) if value else None

        log_level = (get("LOG_LEVEL") or "INFO").upper()
        if log_level not in LEVELS:
            raise SettingWrong(f"{PREFIX}LOG_LEVEL", ", ".join(LEVELS))
        return cls(
            database_url=database_address(given),
            master_key=_needed(given, "MASTER_KEY", "32 bytes in base64 or hex that encrypt every person's key"),
            temporal_address=get("TEMPORAL_ADDRESS") or "127.0.0.1:7233",
            temporal_namespace=get("TEMPORAL_NAMESPACE") or "default",
            temporal_task_queue=get("TEMPORAL_TASK_QUEUE") or "offboard",
            temporal_tls=(get("TEMPORAL_TLS") or "").lower() in ("1", "true", "yes"),
            temporal_certificate=path("TEMPORAL_CERTIFICATE"),
            temporal_key=path("TEMPORAL_KEY"),
            temporal_authority=path("TEMPORAL_AUTHORITY"),
            temporal_api_key=get("TEMPORAL_API_KEY"),
            queues=tuple(part for part in (get("QUEUES") or "").split(",") if part),
            checkpoint_key=get("CHECKPOINT_KEY"),
            installation=get("INSTALLATION") or "offboard",
            otlp_endpoint=given.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
            service_name=given.get("OTEL_SERVICE_NAME") or "offboard",
            trace_file=path("TRACE_FILE"),
            log_level=log_level,
            public_url=_public_url(get("PUBLIC_URL")),
            mail=_mail(given),
            webhook_hosts=webhook_hosts(get("WEBHOOK_HOSTS") or ""),
            webhook_ca_file=given.get(PREFIX + "WEBHOOK_CA_FILE", ""),
            first_packet=get("FIRST_PACKET"),
            secrets_folder=path("SECRETS_FOLDER") or SECRETS_FOLDER,
            hr_feed_packet=get("HR_FEED_PACKET"),
            hr_feed_seconds=_number(given, "HR_FEED_SECONDS", 60, 1, 86_400),
            reconcile_seconds=_number(given, "RECONCILE_SECONDS", 600, 10, 86_400),
            environment=given,
        )


def database_address(environment: Mapping[str, str] | None = None) -> str:
    """The ledger's address and login, which is all that a migration needs. A password from a file
    (`OFFBOARD_DATABASE_PASSWORD_FILE`) is put into the URL. Raises like `Settings.read`."""
    given = dict(os.environ if environment is None else environment)
    url = _needed(given, "DATABASE_URL", "the address of the ledger: postgresql+psycopg://user@host/database")
    scheme, found, rest = url.partition("://")
    if scheme in ("postgres", "postgres+psycopg"):  # libpq takes both
        url = f"postgresql{scheme.removeprefix('postgres')}{found}{rest}"
    password = given_value(given, "DATABASE_PASSWORD")
    if password is None:
        return _with_hosts_in_the_query(url)
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    if not user or ":" in user:
        raise SettingWrong(
            f"{PREFIX}DATABASE_URL",
            "postgresql://USER@HOST/DATABASE without a password, since DATABASE_PASSWORD is set",
        )
    return _with_hosts_in_the_query(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl())


def _with_hosts_in_the_query(url: str) -> str:
    """Several hosts, such as a primary and its standby, as SQLAlchemy takes them: `?host=a:5432&host=b:5432`."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," in hosts:
        several = hosts.split(",")
        if not all(re.fullmatch(r"[^\[\]:,@/]+(:\d{1,5})?", host) for host in several):
            raise SettingWrong(
                f"{PREFIX}DATABASE_URL", "postgresql://USER@/DATABASE?host=HOST:PORT&host=HOST:PORT for several hosts"
            )
        query = "&".join([*(f"host={host if ':' in host else host + ':5432'}" for host in several), parts.query])
        return parts._replace(netloc=f"{user}{at}", query=query.rstrip("&")).geturl()
    try:
        parts.port  # noqa: B018 - it is read when it is asked for
    except ValueError:
        raise SettingWrong(f"{PREFIX}DATABASE_URL", "postgresql://USER@HOST:PORT/DATABASE") from None
    return url


def _public_url(written: str | None) -> str | None:
    if written is None:
        return None
    parts = urlsplit(written)
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise SettingWrong(f"{PREFIX}PUBLIC_URL", "the address of the web pages, https://HOST")
    return written.rstrip("/")


def _mail(given: Mapping[str, str]) -> MailAccount | None:
    host = given_value(given, "MAIL_HOST")
    if host is None:
        return None
    _needed(given, "PUBLIC_URL", "the address of the web pages, for links in mails: https://HOST")
    security = (given_value(given, "MAIL_SECURITY") or "starttls").lower()
    if security not in MAIL_SECURITY or (security == "none" and host not in LOOPBACK):
        raise SettingWrong(f"{PREFIX}MAIL_SECURITY", "starttls, tls, or none if the mail server is this machine")
    sender = _needed(given, "MAIL_SENDER", "the sender address of notices")
    if not sender.isprintable() or sender.count("@") != 1 or " " in sender:
        raise SettingWrong(f"{PREFIX}MAIL_SENDER", "one mail address")
    return MailAccount(
        host=host,
        sender=sender,
        port=int(_number(given, "MAIL_PORT", 587, 1, 65535)),
        security=security,  # type: ignore[arg-type]  # it is one of MAIL_SECURITY
        username=given_value(given, "MAIL_USER") or "",
        password=given_value(given, "MAIL_PASSWORD") or "",
        ca_file=given.get(PREFIX + "MAIL_CA_FILE", ""),
        gather=_number(given, "NOTICES_GATHER_SECONDS", 60, 0, 86_400),
    )


def _number(given: Mapping[str, str], name: str, default: float, least: int, most: int) -> float:
    written = given_value(given, name)
    try:
        number = float(written) if written is not None else default
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise SettingWrong(PREFIX + name, f"a number from {least} to {most}")
    return number


def webhook_hosts(written: str) -> tuple[str, ...]:
    """Raises `SettingWrong`."""
    try:
        return parse_hosts(written)
    except ValueError as error:
        raise SettingWrong(f"{PREFIX}WEBHOOK_HOSTS", "host names, *.NAME or addresses, separated by commas") from error


def given_value(given: Mapping[str, str], name: str) -> str | None:
    """A setting's value, from the environment or from the file that it names there; None if it is not given. Raises
    `SettingWrong` for a key in a file that every user can change."""
    path = given.get(f"{PREFIX}{name}_FILE")
    if path and name in KEYS and Path(path).stat().st_mode & stat.S_IWOTH:
        raise SettingWrong(
            f"{PREFIX}{name}_FILE", f"a file that only its owner can change: chmod o-w {path}, and check its content"
        )
    value = Path(path).read_text().strip() if path else given.get(PREFIX + name)
    return value or None


def _needed(given: Mapping[str, str], name: str, meaning: str) -> str:
    value = given_value(given, name)
    if value is None:
        raise SettingMissing(PREFIX + name, meaning)
    return value
