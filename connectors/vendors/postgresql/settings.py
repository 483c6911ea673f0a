"""Settings of a PostgreSQL server."""

from __future__ import annotations

from psycopg.conninfo import make_conninfo
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.errors import ActionRequiredError
from connectors.network.hosts import Redaction
from connectors.network.tls import is_loopback, trust


class PostgresqlSettings(BaseModel):
    """How to reach one server, at its primary and without a pooler."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(description="the server's name or address; on this machine also the folder of its Unix socket")
    port: int = Field(default=5432, gt=0, lt=65536, description="its port")
    database: str = Field(default="postgres", description="database that we sign in to first")
    user: str = Field(description="role that we sign in as")
    password: SecretStr = Field(description="its password")
    privileged: str = Field(
        default="", description="names of further roles, separated by commas, whose members are privileged"
    )
    ca_file: str = Field(
        default="", description="certificates to trust (PEM file); required unless the server is on this machine"
    )
    max_names: int = Field(default=200, gt=0, description="limit of objects that the snapshot names in each database")

    @property
    def is_local(self) -> bool:
        """Nothing crosses a network."""
        return self.host.startswith("/") or is_loopback(self.host)

    @property
    def privileged_names(self) -> frozenset[str]:
        return frozenset(name.strip() for name in self.privileged.split(",") if name.strip())

    @property
    def redact(self) -> Redaction:
        return Redaction([self.password.get_secret_value()])

    def conninfo(self, database: str, seconds: float) -> str:
        """For libpq. The server's certificate and name are verified wherever a network is crossed; on this machine they
        are where `ca_file` is set."""
        tls = {"sslmode": "verify-full", "sslrootcert": self.ca_file} if self.ca_file else {"sslmode": "prefer"}
        return make_conninfo(
            host=self.host,
            port=self.port,
            dbname=database,
            user=self.user,
            password=self.password.get_secret_value(),
            connect_timeout=max(2, int(seconds)),
            application_name="offboard",
            client_encoding="UTF8",
            gssencmode="disable",
            **tls,
        )


def require_usable(settings: PostgresqlSettings) -> None:
    """Raises `ActionRequiredError`: setting_invalid for several hosts in one; setting_missing where a server elsewhere
    could not be verified."""
    if not settings.host.startswith("/") and any(mark in settings.host for mark in ",/@? "):
        raise ActionRequiredError(
            "setting_invalid",
            "The setting host is not one name or address.",
            remedy="Set host to the name of the primary server, without user name, port or database.",
            happened="no",
        )
    if settings.ca_file:
        trust(settings.ca_file)
    elif not settings.is_local:
        raise ActionRequiredError(
            "setting_missing",
            f"The setting ca_file is required, since {settings.host} is another machine: its certificate is verified.",
            remedy="Set ca_file to the certificates of the authority that signed the server's certificate (PEM). For a "
            "public authority, name the operating system's file, such as /etc/ssl/certs/ca-certificates.crt.",
            happened="no",
        )
