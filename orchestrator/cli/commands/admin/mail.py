"""The command `mail test`: one mail through the mail server of the settings, for administrators."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Annotated

import typer

from orchestrator.cli.server.installation import server_settings
from orchestrator.cli.terminal.options import FOLDER, Folder
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import say, working
from orchestrator.settings import PREFIX, MailAccount, SettingMissing

DEADLINE_SECONDS = 30.0
CLOSE_SECONDS = 0.2
"""For the end of the TLS connection, which the event loop of a command would cut off."""
SUBJECT = "Test mail from Offboard"
TEXT = "This mail tests the mail settings of Offboard at {url}. No action is needed.\n"


def test(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The mail address that gets the mail.")],
    folder: Folder = FOLDER,
) -> None:
    """Send one mail with the settings of the worker, and show what the mail server answered. Run it where the worker
    runs."""

    async def work() -> tuple[MailAccount, str]:
        from orchestrator.worker import mail_server

        settings = server_settings(folder)
        if settings.mail is None:
            raise SettingMissing(f"{PREFIX}MAIL_HOST", "the mail server for notices")
        account = settings.mail
        message = _message(account.sender, address, settings.public_url or "")
        try:
            return account, await mail_server(account).send(message, [address], deadline=DEADLINE_SECONDS)
        finally:
            await asyncio.sleep(CLOSE_SECONDS)

    with working("Sending a mail"):
        account, answer = carry_out(work())
    say(f"{account.host}, port {account.port}, accepted the mail to {address}: {answer}")


def _message(sender: str, address: str, url: str) -> EmailMessage:
    from connectors.protocols.smtp import ascii_address

    message = EmailMessage()
    message["From"] = sender
    message["To"] = ascii_address(address)
    message["Subject"] = SUBJECT
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(TEXT.format(url=url))
    return message
