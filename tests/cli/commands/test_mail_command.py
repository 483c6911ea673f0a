"""`mail test`: one mail with the settings of the worker."""

from __future__ import annotations

from orchestrator.cli.commands.admin.mail import SUBJECT
from orchestrator.embedded.stack import Stack
from tests.cli.command_line import Offboard

ADDRESS = "mail.test@wolkenmuehle.example"


async def test_a_test_mail_arrives_or_the_cause_is_shown(offboard: Offboard, stack: Stack) -> None:
    said = (await offboard.done("mail", "test", ADDRESS)).out
    assert f"accepted the mail to {ADDRESS}: " in said and "kept" in said
    [mail] = [one for one in await stack.company.messages() if one["to"] == [ADDRESS]]
    assert (mail["subject"], mail["tls"]) == (SUBJECT, True) and str(stack.settings.public_url) in mail["text"]

    given = {name: value for name, value in stack.settings.environment.items() if name.startswith("OFFBOARD_")}
    assert given["OFFBOARD_MAIL_HOST"] and given["OFFBOARD_DATABASE_URL"]
    wrong = await offboard("mail", "test", ADDRESS, env={**given, "OFFBOARD_MAIL_PASSWORD": "wrong-password"})
    assert wrong.code == 1 and "wrong-password" not in wrong.out + wrong.err and wrong.err.strip()
    without = await offboard("mail", "test", ADDRESS, env={**given, "OFFBOARD_MAIL_HOST": ""})
    assert without.code == 1 and "OFFBOARD_MAIL_HOST" in without.err
    assert len([one for one in await stack.company.messages() if one["to"] == [ADDRESS]]) == 1
