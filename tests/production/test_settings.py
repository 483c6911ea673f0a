"""A password that stands in a file of its own, and what is said where settings do not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from orchestrator.settings import SettingMissing, Settings, SettingWrong, database_address

URL = "postgresql://offboard_worker@ledger.example:5432/offboard?sslmode=verify-full"


def test_a_password_from_a_file_gets_into_the_url_whatever_it_is_made_of(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("p@ss:/w?rd#%ü\n")
    url = make_url(database_address({"OFFBOARD_DATABASE_URL": URL, "OFFBOARD_DATABASE_PASSWORD_FILE": str(file)}))
    assert (url.username, url.password) == ("offboard_worker", "p@ss:/w?rd#%ü")
    assert (url.host, url.port, url.database) == ("ledger.example", 5432, "offboard")
    assert url.query == {"sslmode": "verify-full"}


def test_without_one_the_url_stays_as_it_is() -> None:
    assert database_address({"OFFBOARD_DATABASE_URL": URL}) == URL


@pytest.mark.parametrize("url", ["postgresql://host/offboard", "postgresql://user:secret@host/offboard"])
def test_a_url_that_does_not_go_with_it_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(SettingWrong) as refused:
        database_address({"OFFBOARD_DATABASE_URL": url, "OFFBOARD_DATABASE_PASSWORD": "other"})
    assert "OFFBOARD_DATABASE_URL" in str(refused.value)
    assert "secret" not in str(refused.value) and "other" not in str(refused.value)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    given = {"OFFBOARD_DATABASE_URL": URL, "OFFBOARD_DATABASE_PASSWORD": "hidden-1", "OFFBOARD_MASTER_KEY": "hidden-2"}
    assert "hidden" not in repr(Settings.read(given))


def test_what_is_missing_is_named_with_both_ways_to_give_it() -> None:
    with pytest.raises(SettingMissing, match="OFFBOARD_DATABASE_URL_FILE"):
        database_address({})
