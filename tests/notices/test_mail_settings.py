"""Settings of mail and webhooks: what is given is understood, and what is wrong is named without being repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.settings import MailAccount, SettingMissing, Settings, SettingWrong

NEEDED = {"OFFBOARD_DATABASE_URL": "postgresql://offboard@ledger.example/offboard", "OFFBOARD_MASTER_KEY": "hidden"}
MAIL = {
    "OFFBOARD_PUBLIC_URL": "https://offboard.example.com/",
    "OFFBOARD_MAIL_HOST": "mail.example.com",
    "OFFBOARD_MAIL_SENDER": "offboard@example.com",
}


def test_notices_are_off_without_a_mail_server() -> None:
    assert Settings.read(NEEDED).mail is None


def test_a_mail_server_is_read_with_its_secret_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hidden-word\n")
    settings = Settings.read(
        {
            **NEEDED,
            **MAIL,
            "OFFBOARD_MAIL_PORT": "465",
            "OFFBOARD_MAIL_SECURITY": "TLS",
            "OFFBOARD_MAIL_USER": "us",
            "OFFBOARD_MAIL_PASSWORD_FILE": str(file),
            "OFFBOARD_MAIL_CA_FILE": "/ca.pem",
            "OFFBOARD_NOTICES_GATHER_SECONDS": "300",
        }
    )
    assert settings.public_url == "https://offboard.example.com"
    assert settings.mail == MailAccount(
        "mail.example.com", "offboard@example.com", 465, "tls", "us", "hidden-word", "/ca.pem", 300.0
    )
    assert "hidden" not in repr(settings)


def test_mail_without_what_it_needs_names_that() -> None:
    for name in ("OFFBOARD_PUBLIC_URL", "OFFBOARD_MAIL_SENDER"):
        with pytest.raises(SettingMissing, match=name):
            Settings.read({**NEEDED, **{key: value for key, value in MAIL.items() if key != name}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_PORT", "0"),
        ("MAIL_PORT", "smtp"),
        ("MAIL_SECURITY", "none"),
        ("MAIL_SECURITY", "perhaps"),
        ("MAIL_SENDER", "nobody"),
        ("MAIL_SENDER", "a@b.example\nBcc: c@d.example"),
        ("PUBLIC_URL", "offboard"),
        ("PUBLIC_URL", "https://us:secret@offboard.example.com"),
        ("NOTICES_GATHER_SECONDS", "-1"),
        ("WEBHOOK_HOSTS", "*"),
        ("WEBHOOK_HOSTS", "https://secret.example.com/"),
    ],
)
def test_a_wrong_setting_of_mail_or_webhooks_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingWrong, match=f"OFFBOARD_{name}") as refused:
        Settings.read({**NEEDED, **MAIL, f"OFFBOARD_{name}": value})
    assert "secret" not in str(refused.value) and "Bcc" not in str(refused.value)


def test_hosts_of_webhooks_are_a_list() -> None:
    hosts = Settings.read({**NEEDED, "OFFBOARD_WEBHOOK_HOSTS": "Hooks.example.com, *.partner.example"}).webhook_hosts
    assert hosts == ("hooks.example.com", "*.partner.example")
