"""A password in a file of its own, and the errors of settings that contradict each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from orchestrator.ledger.schema.database import Database
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


@pytest.mark.parametrize(
    ("url", "hosts", "ports"),
    [
        ("postgres://u@a/db", "a", None),
        ("postgres+psycopg://u@a:5433/db", "a", 5433),
        ("postgresql://u@a:5432,b:5433/db?target_session_attrs=read-write", "a,b", "5432,5433"),
        ("postgres://u@a,b/db", "a,b", "5432,5432"),
        ("postgresql://u@[::1]:5433/db", "::1", 5433),
    ],
)
@pytest.mark.parametrize("password", ["", "p,w"])
def test_addresses_as_libpq_takes_them(url: str, hosts: str, ports: object, password: str) -> None:
    given = {"OFFBOARD_DATABASE_URL": url} | ({"OFFBOARD_DATABASE_PASSWORD": password} if password else {})
    database = Database(database_address(given))
    _, arguments = database._engine.dialect.create_connect_args(database._url)
    assert (arguments["host"], arguments.get("port"), arguments["dbname"]) == (hosts, ports, "db")
    assert arguments.get("password", "") == password
    assert hosts.split(",")[-1] in database.place and "u@" not in database.place


@pytest.mark.parametrize("address", ["[::1]:1,[::2]:1", "a:x,b:y", "a:x"])
def test_an_address_that_cannot_be_read_is_refused_in_words(address: str) -> None:
    with pytest.raises(SettingWrong, match="OFFBOARD_DATABASE_URL"):
        database_address({"OFFBOARD_DATABASE_URL": f"postgresql://u@{address}/db"})


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


@pytest.mark.parametrize("name", ["MASTER_KEY", "CHECKPOINT_KEY"])
def test_a_key_that_every_user_can_change_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "key"
    file.write_text("the-text-of-a-key\n")
    given = {"OFFBOARD_DATABASE_URL": URL, "OFFBOARD_MASTER_KEY": "m", f"OFFBOARD_{name}_FILE": str(file)}
    for mode in (0o666, 0o602):
        file.chmod(mode)
        with pytest.raises(SettingWrong, match=f"OFFBOARD_{name}_FILE .*only its owner can change") as refused:
            Settings.read(given)
        assert "the-text" not in str(refused.value)
    file.chmod(0o444)  # as a platform mounts it
    assert getattr(Settings.read(given), name.lower()) == "the-text-of-a-key"
