"""A credential that is not where the packet says: a person reads which, where and what to do, and no one is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activities.connections import Connections
from connectors.errors import ActionRequiredError
from orchestrator import commands
from orchestrator.domain.events import AccountsSearched, StepFailed
from orchestrator.domain.packet.packet import SystemSpec
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.settings import Settings
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.faults.test_outages import gate_open
from tests.integration.installation import Installation, exceptions_of, new_settings
from tests.integration.listening import AttemptListener, listened_to
from tests.integration.packets import quick_packet

KINDS = ("env", "file", "not_text")


class Credential:
    """The token of the code hosting, where the packet says it is, until someone takes it away."""

    def __init__(self, kind: str, folder: Path, company: Company) -> None:
        self.kind = kind
        self.token = company.connections["CODE_TOKEN"]
        self.file = folder / "code_token"
        self.environment = dict(company.connections)
        self.give()

    @property
    def changed(self) -> dict[str, str]:
        return {} if self.kind == "env" else {"env:CODE_TOKEN": f"file:{self.file}"}

    def settings(self, settings: Settings) -> Settings:
        return replace(settings, environment=self.environment, secrets_folder=self.file.parent)

    @property
    def place(self) -> str:
        return "CODE_TOKEN" if self.kind == "env" else str(self.file)

    def give(self) -> None:
        self.environment["CODE_TOKEN"] = self.token
        self.file.write_text(self.token + "\n")

    def take_away(self) -> None:
        if self.kind == "not_text":
            self.file.write_bytes(b"\xff\xfe\x00")
        else:
            self.environment.pop("CODE_TOKEN")
            self.file.unlink()

    def must_be_named(self, said: str) -> None:
        assert "System code" in said and "'token'" in said and self.place in said, said
        assert ("Set CODE_TOKEN" if self.kind == "env" else "Write the secret to") in said and "retry" in said, said
        assert self.token not in said


@pytest.fixture(params=KINDS)
def credential(request: pytest.FixtureRequest, tmp_path: Path, company: Company) -> Credential:
    return Credential(request.param, tmp_path, company)


def calls_to_code(listener: AttemptListener) -> list[Any]:
    return [call for call in listener.calls if call[0] == "code"]


async def recorded(here: Installation, run: str, type_: type[Any], wanted: Callable[[Any], bool]) -> Any:
    page = await here.backend.ledger.read({f"run:{run}": 0})
    events = [r.event for r in page.events[f"run:{run}"]]
    return next(event for event in events if isinstance(event, type_) and wanted(event))


async def test_missing_when_accounts_are_looked_for(
    install: Install, hire: Hire, database_url: str, company: Company, temporal: Any, credential: Credential
) -> None:
    settings = credential.settings(new_settings(database_url, temporal.address, company))
    listener = AttemptListener()
    async with (
        install(packet=quick_packet(changed=credential.changed), worker=False, settings=settings) as here,
        listened_to(settings, listener),
    ):
        credential.take_away()
        [person] = await hire()
        run = await here.start(person)
        state = await here.wait_until(run, lambda s: bool(exceptions_of(s, "search_failed")), "an exception")
        [exception] = exceptions_of(state, "search_failed")
        assert (exception.opened.system, exception.opened.code) == ("code", "setting_missing")
        searched = await recorded(here, run, AccountsSearched, lambda event: bool(event.troubles))
        credential.must_be_named(searched.troubles["code"])
        assert calls_to_code(listener) == []
        credential.give()
        assert (await here.attend(run)).finish == "clean", await here.story(run)


async def test_missing_when_a_step_is_due(
    install: Install, hire: Hire, database_url: str, company: Company, temporal: Any, credential: Credential
) -> None:
    settings = credential.settings(new_settings(database_url, temporal.address, company))
    listener = AttemptListener(when_confirmed=credential.take_away)

    def both_failed(state: RunState) -> bool:
        return len(exceptions_of(state, "step_failed")) == 2

    async with (
        install(packet=quick_packet(changed=credential.changed), worker=False, settings=settings) as here,
        listened_to(settings, listener),
    ):
        [person] = await hire()
        run = await here.start(person)
        await here.wait_until(run, gate_open, "an open gate")
        state = await here.attend(run, until=both_failed)
        for exception in exceptions_of(state, "step_failed"):
            assert (exception.opened.system, exception.opened.code) == ("code", "setting_missing")
            step_id = exception.opened.step_id
            failed = await recorded(here, run, StepFailed, lambda event, id_=step_id: event.step_id == id_)  # type: ignore[misc]  # bound at once
            assert failed.happened == "no"
            credential.must_be_named(f"{failed.detail['said']} {failed.detail['remedy']}")
        assert listener.systems("attempt", "read_back").isdisjoint({"code"}), "the connector was not called"
        credential.give()
        for exception in exceptions_of(state, "step_failed"):
            assert exception.opened.step_id is not None
            await commands.retry_step(
                here.services, here.actors["operator"], run, exception.opened.step_id, reason="given"
            )
        assert (await here.attend(run)).finish == "clean", await here.story(run)


async def test_a_packet_names_no_file_but_those_in_the_folder_for_it(tmp_path: Path) -> None:
    """A packet's author also decides to which host the file's content is sent."""
    folder = tmp_path / "systems"
    (folder / "of-hr").mkdir(parents=True)
    (tmp_path / "master_key").write_text("ours")
    (folder / "token").write_text("theirs\n")
    (folder / "of-hr" / "token").symlink_to(folder / "token")  # as Kubernetes does
    (folder / "way-out").symlink_to(tmp_path / "master_key")
    (folder / "up").symlink_to(tmp_path)
    connections = Connections({}, secrets_folder=folder)

    async def connected(named: str) -> None:
        told = {"url": "https://code.example", "token": f"file:{named}"}
        spec = SystemSpec(title="Code", connector="code_hosting", connection=told, hosts=("code.example",))
        await connections.to("code", spec)

    try:
        for named in (str(folder / "token"), "token", "of-hr/token", f"{folder}/of-hr/../token"):
            await connected(named)
        for named in (
            "/proc/self/environ",
            str(tmp_path / "master_key"),
            "../master_key",
            f"{folder}/../master_key",
            "way-out",
            "up/master_key",
            str(folder / "way-out"),
            f"{folder}-of-others/x",
        ):
            with pytest.raises(ActionRequiredError) as refused:
                await connected(named)
            assert refused.value.code == "setting_invalid", named
            said = f"{refused.value.detail} {refused.value.remedy}"
            for word in ("System code", "'token'", named, str(folder), "OFFBOARD_SECRETS_FOLDER"):
                assert word in said, said
        with pytest.raises(ActionRequiredError) as missing:
            await connected("\0")
        assert missing.value.code == "setting_missing"
    finally:
        await connections.aclose()
