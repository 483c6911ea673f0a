"""Mail: notices over SMTP, and mailboxes over the mail system's administration interface (HTTP).

SMTP is the standard protocol and works with every mail server. Only the embedded company speaks the administration
interface: the demo and tests use it in place of a real one. It records the header `Effect-Key`, by which tests count
what an effect did; no vendor's connector sends it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.abilities import Ability, Account, Effect, Lookup, Pace, Reachability, ReadBack, Reply, unpaced
from connectors.account_set import equals_ignoring_case
from connectors.acts import Act, ActTable
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError
from connectors.http.auth import BearerToken
from connectors.http.client import DEFAULT_MAX_ANSWER_BYTES, HttpClient
from connectors.http.connector import SAMPLE_SIZE, Find, answers, find_by, first_page
from connectors.http.flows import Fields, ask_if_present, change, parse, unexpected
from connectors.http.pages import Cursor
from connectors.http.requests import Flow, Operation
from connectors.network.hosts import require_allowed
from connectors.network.tls import require_private
from connectors.parameters import account_of, text_of
from connectors.protocols.smtp import MailServer, Security, ascii_address, message_id
from connectors.read_backs import account_missing, seen
from connectors.reference.changes import change_account

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")

LIST_MAILBOXES = Operation("GET", "/mailboxes")
GET_MAILBOX = Operation("GET", "/mailboxes/{address}")
PATCH_MAILBOX = Operation("PATCH", "/mailboxes/{address}")


class MailSettings(BaseModel):
    """The mail server for notices and, where mailboxes are to be changed too, their administration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smtp_host: str = Field(description="mail server that accepts notices")
    smtp_port: int = Field(default=587, gt=0, lt=65536, description="its port")
    smtp_security: Security = Field(default="starttls", description="starttls, tls, or none (this machine only)")
    username: str = Field(default="", description="user name at the mail server, empty for none")
    password: SecretStr = Field(default=SecretStr(""), description="password at the mail server")
    sender: str = Field(description="sender address of notices")
    admin_url: str = Field(default="", description="address of the mailbox administration API; empty: notices only")
    admin_token: SecretStr = Field(default=SecretStr(""), description="bearer token of the mailbox administration")
    ca_file: str = Field(default="", description="certificates to trust instead of the public ones (PEM file)")
    max_answer_bytes: int = Field(
        default=DEFAULT_MAX_ANSWER_BYTES, gt=0, description="largest answer that is read, in bytes"
    )


class _Mailbox(Fields):
    address: str = Field(min_length=3)
    forward_to: str | None = None
    auto_reply: str | None = None
    license: bool | str | None = None

    def as_account(self) -> Account:
        return Account(self.address, self.address, {"address": self.address})

    def evidence(self) -> dict[str, Any]:
        return {"address": self.address, "forward_to": self.forward_to, "license": self.license}


def _mailbox(address: str) -> Flow[_Mailbox | None]:
    return (yield from ask_if_present(GET_MAILBOX.request(address, missing_ok=True), _Mailbox))


def _find(context: None, lookup: Lookup) -> Flow[Sequence[Account]]:
    mailbox = yield from _mailbox(lookup.value)
    return [] if mailbox is None else [mailbox.as_account()]


find_mailboxes: Find[None] = find_by(
    "mail",
    {"address": _find},
    sample=first_page(
        LIST_MAILBOXES.request(params={"limit": SAMPLE_SIZE}),
        Cursor(items_at=("mailboxes",), next_at=("next",), parameter="cursor"),
        lambda item: parse(item, _Mailbox).as_account(),
    ),
)

_NAMES = {"forward_to": "forwarding address", "license": "mailbox licence"}
"""What a restore shows of the mailbox."""


def change_mailbox(effect: Effect, values: Mapping[str, Any], taken_as: str = "") -> Flow[Reply]:
    """Sends only what changes: two steps can change one mailbox at the same time. `taken_as` is the key under which the
    reply names what was there before, if it was changed."""
    address = account_of(effect).native_id
    fetched = yield from change(GET_MAILBOX.request(address, missing_ok=True), effect)
    before = _shown(parse(fetched.body, _Mailbox), address)
    answer = yield from change_account(PATCH_MAILBOX, effect, values)
    reply: dict[str, Any] = {"before": before.evidence(), "after": parse(answer.body, _Mailbox).evidence()}
    [name] = values
    if taken_as:
        was, now = reply["before"][name], reply["after"][name]
        reply[taken_as] = [] if was == now else [{"id": name, "name": _NAMES[name], "before": was, "after": now}]
    return Reply(reply)


def restore_mailbox(effect: Effect) -> Flow[Reply]:
    """Puts back what a run changed, where the mailbox still shows the run's value."""
    address = account_of(effect).native_id
    fetched = yield from change(GET_MAILBOX.request(address, missing_ok=True), effect)
    shown = _shown(parse(fetched.body, _Mailbox), address).evidence()
    back = {one["id"]: one["before"] for one in effect.taken if shown.get(one["id"]) == one["after"]}
    if not back:
        return Reply({"before": shown, "after": shown})
    answer = yield from change_account(PATCH_MAILBOX, effect, back)
    return Reply({"before": shown, "after": parse(answer.body, _Mailbox).evidence()})


def look_at_restored(effect: Effect) -> Flow[ReadBack]:
    """Done where the mailbox shows nothing of what the run changed: a value that another person set since stays."""
    return (
        yield from look_at_mailbox(
            effect, lambda mailbox: all(mailbox.evidence().get(one["id"]) != one["after"] for one in effect.taken)
        )
    )


def look_at_mailbox(effect: Effect, done: Callable[[_Mailbox], bool | None]) -> Flow[ReadBack]:
    address = account_of(effect).native_id
    mailbox = yield from _mailbox(address)
    if mailbox is None:
        return account_missing()
    return seen(done(_shown(mailbox, address)), mailbox.evidence())


def _shown(mailbox: _Mailbox, address: str) -> _Mailbox:
    """Addresses are compared without case. Another mailbox proves nothing about this one."""
    if not equals_ignoring_case(mailbox.address, address):
        unexpected("The response shows another mailbox than the one that was requested.")
    return mailbox


class MailConnector:
    """See `connectors.abilities.Connector`; lookups take `address`. A mailbox's native id is its address, since mail
    systems of this kind have no other: match a mailbox by a person's HR record first."""

    kind = "mail"

    def __init__(self, settings: MailSettings, *, allowed_hosts: Collection[str]) -> None:
        require_allowed(settings.smtp_host, settings.smtp_port, allowed_hosts)
        require_private(settings.smtp_host, encrypted=settings.smtp_security != "none", setting="smtp_host")
        self._sender = _mail_address(settings.sender, ActionRequiredError, "The setting sender")
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
            self._http = HttpClient(
                settings.admin_url,
                BearerToken(settings.admin_token.get_secret_value()),
                allowed_hosts=allowed_hosts,
                ca_file=settings.ca_file,
                max_answer_bytes=settings.max_answer_bytes,
            )

    def __repr__(self) -> str:
        return f"MailConnector({self._server!r})"

    @property
    def abilities(self) -> Mapping[str, Ability]:
        return ACTS.abilities

    async def find_accounts(
        self, lookups: Sequence[Lookup], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Account]:
        return await self.administration.run(find_mailboxes(None, lookups), deadline=deadline, pace=pace)

    async def attempt(self, effect: Effect, *, pace: Pace = unpaced) -> Reply:
        act = ACTS.act(effect.ability)
        assert act.do is not None  # no ability of this kind has the level read
        return await act.do(self, effect, pace)

    async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
        act = ACTS.act(effect.ability)
        return ReadBack("unknown") if act.look is None else await act.look(self, effect, pace)

    async def check(self, *, deadline: float = 10.0, pace: Pace = unpaced) -> Reachability:
        clock = asyncio.get_running_loop().time
        until = clock() + deadline
        try:
            await self._server.check(deadline=deadline, pace=pace)
        except ConnectorError as error:
            return Reachability(False, f"mail server: {error.code}. {error.remedy}".strip(), error.code)
        if self._http is None:
            return Reachability(True, "mail server reachable; no mailbox administration is set")
        check = answers(GET_MAILBOX.request("no-mailbox@invalid"))
        try:
            said = await self._http.run(check(None), deadline=max(until - clock(), 0.0), pace=pace)
        except ConnectorError as error:
            return Reachability(False, f"mailbox administration: {error.code}. {error.remedy}".strip(), error.code)
        return Reachability(True, f"mailbox administration: {said}")

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    @property
    def administration(self) -> HttpClient:
        """Raises `ActionRequiredError("setting_missing")`."""
        if self._http is None:
            raise _setting_missing("admin_url")
        return self._http

    async def send_notice(self, effect: Effect, pace: Pace) -> Reply:
        recipients = _addresses(effect)
        message = EmailMessage()
        try:
            message["From"] = self._sender
            message["To"] = ", ".join(ascii_address(recipient) for recipient in recipients)
            message["Subject"] = text_of(effect, "subject")
        except ValueError:  # a line break in a header would let its author write headers of their own
            raise _parameter_invalid("subject", "one line") from None
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = message_id(effect.effect_key, self._sender)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that out-of-office programmes do not answer it
        message.set_content(text_of(effect, "text"))
        accepted = await self._server.send(message, recipients, deadline=effect.deadline, pace=pace)
        return Reply({"to": recipients, "message_id": str(message["Message-ID"]), "accepted": accepted})


async def _send_notice(mail: MailConnector, effect: Effect, pace: Pace) -> Reply:
    return await mail.send_notice(effect, pace)


async def _forward(mail: MailConnector, effect: Effect, pace: Pace) -> Reply:
    account_of(effect)
    forward_to = _mail_address(text_of(effect, "forward_to"), RefusedError, "The parameter forward_to")
    flow = change_mailbox(effect, {"forward_to": forward_to}, "replaced_forwarding")
    return await mail.administration.run(flow, deadline=effect.deadline, pace=pace)


async def _look_at_forwarding(mail: MailConnector, effect: Effect, pace: Pace) -> ReadBack:
    wanted = text_of(effect, "forward_to")
    flow = look_at_mailbox(effect, lambda mailbox: equals_ignoring_case(mailbox.forward_to, wanted))
    return await mail.administration.run(flow, deadline=effect.deadline, pace=pace)


async def _release_license(mail: MailConnector, effect: Effect, pace: Pace) -> Reply:
    flow = change_mailbox(effect, {"license": False}, "released_license")
    return await mail.administration.run(flow, deadline=effect.deadline, pace=pace)


async def _look_at_license(mail: MailConnector, effect: Effect, pace: Pace) -> ReadBack:
    flow = look_at_mailbox(effect, lambda mailbox: None if mailbox.license is None else not mailbox.license)
    return await mail.administration.run(flow, deadline=effect.deadline, pace=pace)


async def _restore(mail: MailConnector, effect: Effect, pace: Pace) -> Reply:
    return await mail.administration.run(restore_mailbox(effect), deadline=effect.deadline, pace=pace)


async def _look_at_restored(mail: MailConnector, effect: Effect, pace: Pace) -> ReadBack:
    return await mail.administration.run(look_at_restored(effect), deadline=effect.deadline, pace=pace)


ACTS: ActTable[
    Callable[[MailConnector, Effect, Pace], Awaitable[Reply]],
    Callable[[MailConnector, Effect, Pace], Awaitable[ReadBack]],
] = ActTable(
    "mail",
    Act(
        Ability(
            "send_notice",
            "change",
            "sends a message with `subject` and `text` to `to`, one address or several",
            repeat="never",
            read_back=False,  # the recipients' mailboxes cannot be read
            needs_account=False,
            destroys_nothing_because="a message removes nothing",
            takes_nothing=True,
        ),
        _send_notice,
    ),
    Act(
        Ability(
            "forward_mail",
            "change",
            "forwards mail to the address `forward_to`",
            reversible="yes",
            hands_over=True,
            undone_by="restore_forwarding",
            taken_as="replaced_forwarding",
        ),
        _forward,
        _look_at_forwarding,
    ),
    Act(
        Ability(
            "restore_forwarding",
            "change",
            "ends the forwarding that a run set, and sets the forwarding from before",
            reversible="yes",
            gives_access=True,
        ),
        _restore,
        _look_at_restored,
    ),
    Act(
        Ability(
            "release_license",
            "change",
            "releases the mailbox's licence; mail systems keep an unlicensed mailbox for a limited time",
            reversible="limited",
            reversible_for=timedelta(days=30),
            destroys=True,
            undone_by="assign_license",
            taken_as="released_license",
        ),
        _release_license,
        _look_at_license,
    ),
    Act(
        Ability(
            "assign_license",
            "change",
            "assigns the mailbox's licence again that a run released",
            reversible="yes",
            gives_access=True,
        ),
        _restore,
        _look_at_restored,
    ),
)


def _addresses(effect: Effect) -> list[str]:
    to = effect.parameters.get("to")
    addresses = to if isinstance(to, list | tuple) else [text_of(effect, "to")]
    if not addresses:
        raise _parameter_invalid("to", "one mail address or several")
    return [_mail_address(address, RefusedError, "The parameter to") for address in addresses]


def _mail_address(value: object, error: type[ConnectorError], place: str) -> str:
    """An address as RFC 5322 has it, without a display name, its local part with letters beyond ASCII too (RFC 6532
    section 3.2). Raises `error`, which names the place."""
    text = value if isinstance(value, str) and value.isprintable() else ""
    local, _, domain = text.rpartition("@")
    beyond = not local.isascii()
    try:
        # The parser takes no letters beyond ASCII before the @, so it is given others in their place.
        shape = _BEYOND_ASCII.sub("x", local) + "@" + domain if beyond else text
        address = Address(addr_spec=shape).addr_spec
        return text if beyond else address
    except (ValueError, IndexError):
        raise error(
            "not_an_address", f"{place} is not a single mail address.", remedy="Correct it.", happened="no"
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
        f"The mail connector needs the setting {name} to change mailboxes.",
        remedy=f"Give {name} in the system's connection settings.",
        happened="no",
    )
