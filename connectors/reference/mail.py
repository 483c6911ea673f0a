"""Mail: notices over SMTP, and mailboxes over the mail system's administration interface (HTTP)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.abilities import Ability, Account, Effect, Lookup, Reachability, ReadBack, Reply
from connectors.account_set import AccountSet, equals_ignoring_case
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError
from connectors.http.client import Call, Fields, HttpSettings, JsonHttp
from connectors.http.hosts import require_allowed
from connectors.http.tls import require_private
from connectors.parameters import account_gone, account_of, text_of, unknown_ability, unknown_attribute
from connectors.protocols.smtp import MailServer, Security, message_id

ABILITIES: Mapping[str, Ability] = {
    ability.name: ability
    for ability in (
        Ability(
            "send_notice",
            "change",
            "sends a message with `subject` and `text` to `to`, one address or several",
            repeat="never",
            read_back=False,
            needs_account=False,
        ),
        Ability(
            "forward_mail",
            "change",
            "forwards what arrives in the mailbox to the address `forward_to`",
            reversible="yes",
        ),
        Ability(
            "release_license",
            "change",
            "gives the mailbox's licence back; mail systems keep an unlicensed mailbox for a while only",
            reversible="limited",
            reversible_for=timedelta(days=30),
        ),
    )
}


class MailSettings(BaseModel):
    """Where notices are handed in and, where mailboxes are to be changed too, how to administer them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smtp_host: str = Field(description="mail server that takes our notices")
    smtp_port: int = Field(default=587, gt=0, lt=65536, description="its port")
    smtp_security: Security = Field(default="starttls", description="starttls, tls, or none (this machine only)")
    username: str = Field(default="", description="user name at the mail server, empty for none")
    password: SecretStr = Field(default=SecretStr(""), description="password at the mail server")
    sender: str = Field(description="address that notices come from")
    admin_url: str = Field(default="", description="address of the mailbox administration; empty: notices only")
    admin_token: SecretStr = Field(default=SecretStr(""), description="bearer token of the mailbox administration")
    ca_file: str = Field(default="", description="certificates to trust instead of the public ones (PEM file)")
    max_answer_bytes: int = Field(default=1_048_576, gt=0, description="largest answer that is read, in bytes")


class _Mailbox(Fields):
    address: str = Field(min_length=3)
    forward_to: str | None = None
    auto_reply: str | None = None
    license: bool | str | None = None

    def evidence(self) -> dict[str, Any]:
        return {"address": self.address, "forward_to": self.forward_to, "license": self.license}


class MailConnector:
    """See `connectors.abilities.Connector`; lookups take `address`. A mailbox's native id is its address: mail
    systems of this kind have no other, so a step on a mailbox should be matched by a person's HR record first."""

    kind = "mail"
    abilities = ABILITIES

    def __init__(self, settings: MailSettings, *, allowed_hosts: Collection[str]) -> None:
        require_allowed(settings.smtp_host, settings.smtp_port, allowed_hosts)
        require_private(settings.smtp_host, encrypted=settings.smtp_security != "none", setting="smtp_host")
        self._sender = _one_address(settings.sender, "the setting sender")
        self._server = MailServer(
            settings.smtp_host,
            settings.smtp_port,
            security=settings.smtp_security,
            username=settings.username,
            password=settings.password.get_secret_value(),
            ca_file=settings.ca_file,
        )
        self._http = None
        if settings.admin_url:
            if not settings.admin_token.get_secret_value():
                raise _setting_missing("admin_token")
            administration = HttpSettings(
                url=settings.admin_url,
                token=settings.admin_token,
                ca_file=settings.ca_file,
                max_answer_bytes=settings.max_answer_bytes,
            )
            self._http = JsonHttp(administration, allowed_hosts=allowed_hosts)

    def __repr__(self) -> str:
        return f"MailConnector({self._server!r})"

    async def find_accounts(self, lookups: Sequence[Lookup], *, deadline: float = 30.0) -> Sequence[Account]:
        call = self._administration(deadline)
        found = AccountSet()
        for lookup in lookups:
            if lookup.attribute != "address":
                raise unknown_attribute("mail", lookup.attribute, ["address"])
            if not lookup.value.strip():
                continue
            mailbox = await self._mailbox(call, lookup.value)
            if mailbox is not None and equals_ignoring_case(mailbox.address, lookup.value):
                found.add(Account(mailbox.address, mailbox.address), "address", mailbox.address)
        return found.accounts()

    async def attempt(self, effect: Effect) -> Reply:
        match effect.ability:
            case "send_notice":
                return await self._send_notice(effect)
            case "forward_mail":
                forward_to = _one_address(text_of(effect, "forward_to"), "the parameter forward_to")
                return await self._change(effect, {"forward_to": forward_to})
            case "release_license":
                return await self._change(effect, {"license": False})
        raise unknown_ability("mail", effect.ability)

    async def read_back(self, effect: Effect) -> ReadBack:
        if effect.ability not in ABILITIES:
            raise unknown_ability("mail", effect.ability)
        if effect.ability == "send_notice":
            return ReadBack("unknown")  # nobody can look into the recipients' mailboxes
        mailbox = await self._mailbox(self._administration(effect.deadline), account_of(effect).native_id)
        if mailbox is None:
            return ReadBack("unknown", {"present": False})
        if effect.ability == "forward_mail":
            done = equals_ignoring_case(mailbox.forward_to, text_of(effect, "forward_to"))
        else:
            done = not mailbox.license
        return ReadBack("done" if done else "not_done", mailbox.evidence())

    async def check(self, *, deadline: float = 10.0) -> Reachability:
        clock = asyncio.get_running_loop().time
        until = clock() + deadline
        try:
            await self._server.check(deadline=deadline)
        except ConnectorError as error:
            return Reachability(False, f"mail server: {error.code}. {error.remedy}".strip())
        if self._http is None:
            return Reachability(True, "mail server answered; no mailbox administration is set")
        left = max(until - clock(), 0.0)
        administration = await self._http.check("mailboxes", "nobody@invalid", deadline=left, missing_ok=True)
        return Reachability(administration.reachable, f"mailbox administration: {administration.detail}")

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    def _administration(self, deadline: float) -> Call:
        if self._http is None:
            raise _setting_missing("admin_url")
        return self._http.call(deadline)

    async def _mailbox(self, call: Call, address: str) -> _Mailbox | None:
        answer = await call.send("GET", "mailboxes", address, missing_ok=True)
        return None if answer.status == 404 else call.parse(answer, _Mailbox)

    async def _change(self, effect: Effect, change: dict[str, Any]) -> Reply:
        """PUT replaces the whole document, so it is the one just fetched with the one change."""
        address = account_of(effect).native_id
        call = self._administration(effect.deadline)
        fetched = await call.send("GET", "mailboxes", address, missing_ok=True)
        if fetched.status == 404:
            raise account_gone(effect)
        before = call.parse(fetched, _Mailbox)
        answer = await call.send(
            "PUT",
            "mailboxes",
            address,
            document={**fetched.body, **change},
            headers={"Effect-Key": effect.effect_key},
            missing_ok=True,
        )
        if answer.status == 404:
            raise account_gone(effect)
        return Reply({"before": before.evidence(), "after": call.parse(answer, _Mailbox).evidence()})

    async def _send_notice(self, effect: Effect) -> Reply:
        recipients = _addresses(effect)
        message = EmailMessage()
        try:
            message["From"] = self._sender
            message["To"] = ", ".join(recipients)
            message["Subject"] = text_of(effect, "subject")
        except ValueError:  # a line break in a header would let its author write headers of their own
            raise _parameter_invalid("subject", "one line") from None
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = message_id(effect.effect_key, self._sender)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office programmes do not answer it
        message.set_content(text_of(effect, "text"))
        accepted = await self._server.send(message, recipients, deadline=effect.deadline)
        return Reply({"to": recipients, "message_id": str(message["Message-ID"]), "accepted": accepted})


def _addresses(effect: Effect) -> list[str]:
    to = effect.parameters.get("to")
    addresses = to if isinstance(to, list | tuple) else [text_of(effect, "to")]
    if not addresses:
        raise _parameter_invalid("to", "one mail address or several")
    return [_one_address(address, "the parameter to") for address in addresses]


def _one_address(value: object, place: str) -> str:
    """An address as RFC 5322 writes it, without a display name."""
    try:
        return Address(addr_spec=value if isinstance(value, str) else "").addr_spec
    except (ValueError, IndexError):
        problem = RefusedError if "parameter" in place else ActionRequiredError
        raise problem(
            "not_an_address", f"What stands in {place} is not one mail address.", remedy="Correct it.", happened="no"
        ) from None


def _parameter_invalid(name: str, form: str) -> RefusedError:
    return RefusedError(
        "parameter_invalid",
        f"send_notice needs {name} as {form}.",
        remedy=f"Correct {name} in the step's parameters.",
        happened="no",
    )


def _setting_missing(name: str) -> ActionRequiredError:
    return ActionRequiredError(
        "setting_missing",
        f"The mail connector needs the setting {name} to look after mailboxes.",
        remedy=f"Give {name} in the system's connection settings.",
        happened="no",
    )
