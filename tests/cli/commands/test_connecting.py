"""`offboard systems connect`: what a kind needs, a test that changes nothing, and lines that platform.yaml takes."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest
import yaml

from connectors.registry import REFERENCE_KINDS, SETTINGS, connector_kinds
from orchestrator.domain.packet.packet import SystemSpec
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.bamboohr.seeds import seed_bamboohr
from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator
from orchestrator.embedded.vendors.keys import certificate_of, private_key, private_pem, thumbprint_of
from orchestrator.embedded.vendors.okta.seeds import OktaSeed, seed_okta
from orchestrator.embedded.vendors.okta.simulator import OktaSimulator
from tests.cli.command_line import CommandResult, Offboard
from tests.cli.pseudo_terminal import at_a_terminal
from tests.connectors.raw_servers import listening, silence
from tests.vendors.entra.seeds import seed_entra
from tests.vendors.entra.simulator import EntraSimulator

ISA = "isa.lund@corp.example"


@pytest.fixture
def offboard(tmp_path: Path) -> Offboard:
    return Offboard(tmp_path / "stack")


async def connected(
    offboard: Offboard, okta: OktaSimulator, seed: OktaSeed, *words: str, token: str = ""
) -> CommandResult:
    given = ("--set", f"url={okta.url}", "--set", "token=env:OKTA_TOKEN")
    return await offboard(
        "systems", "connect", "okta", *given, *words, env={"OKTA_TOKEN": token or seed.api_token, "COLUMNS": "80"}
    )


async def test_a_kind_says_what_it_needs_in_80_columns(offboard: Offboard) -> None:
    kinds = await offboard("systems", "connect")
    assert kinds.code == 0 and "okta" in kinds.out and "cards" not in kinds.out
    for kind in connector_kinds().keys() - REFERENCE_KINDS:
        shown = await offboard("systems", "connect", kind)
        assert shown.code == 0
        assert max(map(len, shown.out.splitlines())) <= 80
        for setting in SETTINGS[kind]:
            assert f"  {setting.name}" in shown.out or (kind, setting.name) in (
                ("people_csv", "columns"),
                ("people_csv", "format"),
            )
    entra = (await offboard("systems", "connect", "entra", "--json")).json
    credential, secret = entra["setup"]["credentials"]
    assert (credential["settings"], secret["settings"]) == (["certificate", "private_key"], ["client_secret"])
    assert "User.RevokeSessions.All" in credential["rights"][0]["by_ability"]["revoke_sessions"]
    unknown = await offboard("systems", "connect", "oktopus")
    assert unknown.code == 1 and "There is no connector kind" in unknown.err


async def test_a_system_is_tested_without_a_change_and_its_lines_are_those_of_platform_yaml(offboard: Offboard) -> None:
    async with OktaSimulator().start() as okta:
        seed = seed_okta(okta)
        login = seed.user("E-1015").login
        okta.forget()
        tested = await connected(offboard, okta, seed, "--name", "sign-in", "--person", login)
        assert tested.code == 0, tested.out + tested.err
        assert {call.method for call in okta.requests} == {"GET"}
    out = tested.out
    for words in ("✓ Settings", "✓ Name", "✓ Connection", "✓ Credential", "✓ Person", f" {login}\n"):
        assert words in out
    assert "matched by email" in out
    assert "* POST /api/v1/users/{id}/lifecycle/suspend  suspendUser" in out
    assert max(map(len, out.splitlines())) <= 80
    assert seed.api_token not in out + tested.err
    lines = yaml.safe_load(out[out.index("systems:") :])["systems"]
    spec = SystemSpec.model_validate(lines["sign-in"])
    assert spec.connector == "okta" and spec.connection["token"] == "env:OKTA_TOKEN"
    assert spec.hosts == ("127.0.0.1",) and [key.attribute for key in spec.match] == ["employeeNumber", "login"]


async def test_entra_is_connected_with_a_certificate_that_expires_soon(offboard: Offboard, tmp_path: Path) -> None:
    certificate = certificate_of(private_key(), days=20)
    (tmp_path / "entra.crt").write_text(certificate)
    (tmp_path / "entra.key").write_text(private_pem())
    async with EntraSimulator().start() as entra:
        app = seed_entra(entra, [Employee("E-1", "Isa", "Lund", ISA)]).service
        app.key = private_key().as_dict(private=False) | {"x5t#S256": thumbprint_of(certificate)}
        given = {
            "url": f"{entra.url}/v1.0",
            "login_url": entra.url,
            "tenant": entra.state.id,
            "client_id": app.app_id,
            "certificate": "file:entra.crt",
            "private_key": "file:entra.key",
        }
        words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
        env = {"OFFBOARD_SECRETS_FOLDER": str(tmp_path), "COLUMNS": "80"}
        tested = await offboard("systems", "connect", "entra", *words, "--person", ISA, env=env)
    assert tested.code == 0, tested.out + tested.err
    assert "! Credential" in tested.out and "The certificate expires on " in tested.out
    assert "private_key: file:entra.key" in tested.out and "PRIVATE" not in tested.out + tested.err


async def test_bamboohr_is_connected_as_the_hr_system(offboard: Offboard) -> None:
    async with BambooSimulator().start() as bamboo:
        seed = seed_bamboohr(bamboo)
        given = ("--set", f"url={bamboo.url}", "--set", "api_key=env:BAMBOOHR_KEY", "--set", "time_zone=Europe/Berlin")
        words = ("systems", "connect", "bamboohr", *given, "--person", "E-1015")
        tested = await offboard(*words, env={"BAMBOOHR_KEY": seed.api_key, "COLUMNS": "80"})
        assert tested.code == 0, tested.out + tested.err
        assert {call.method for call in bamboo.requests} == {"GET"}
        weak = bamboo.state.new_user("weak@corp.example", None, "employmentHistoryStatus", "country")
        blind = await offboard(*words, env={"BAMBOOHR_KEY": bamboo.state.new_key(weak), "COLUMNS": "80"})
        said = " ".join(blind.out.split())
        assert blind.code == 1
        assert all(name in said for name in ("country", "employmentHistoryStatus", "employmentStatus"))
    assert "matched by employee number" in " ".join(tested.out.split()) and seed.api_key not in tested.out + tested.err
    lines = yaml.safe_load(tested.out[tested.out.index("systems:") :])["systems"]
    spec = SystemSpec.model_validate(lines["bamboohr"])
    assert (spec.connector, spec.connection["time_zone"]) == ("bamboohr", "Europe/Berlin")


async def test_the_guide_shows_what_the_command_prints(offboard: Offboard) -> None:
    """Times and the port differ, and with them where lines break."""
    async with OktaSimulator().start() as okta:
        seed = seed_okta(okta, [Employee("E-1", "Isa", "Lund", ISA, department="Finance")])
        printed = (await connected(offboard, okta, seed, "--person", ISA)).out
    guide = (Path(__file__).parents[3] / "docs" / "connecting.md").read_text()
    test, lines = re.findall(r"```(?:text|yaml)\n(.*?)```", guide, re.DOTALL)
    assert plain(printed) == plain(test + lines), printed


def plain(text: str) -> str:
    text = re.sub(r"\(\d+\s+ms\)", "", re.sub(r"(127\.0\.0\.1:|port )\d+", r"\1", text))
    return " ".join(text.split())


async def test_programs_get_the_same_and_a_failed_test_ends_with_1(offboard: Offboard) -> None:
    async with OktaSimulator().start() as okta:
        seed = seed_okta(okta)
        wrong = await connected(offboard, okta, seed, "--json", "--person", ISA, token="another-token")
        assert wrong.code == 1 and "another-token" not in wrong.out + wrong.err
        parts = {part["part"]: part for part in wrong.json["test"]["parts"]}
        assert (parts["credential"]["outcome"], parts["credential"]["code"]) == ("failed", "credential_refused")
        assert parts["person"]["outcome"] == "skipped" and not wrong.json["test"]["abilities"]
        nobody = (await connected(offboard, okta, seed, "--json", "--person", "no.one@corp.example")).json["test"]
    parts = {part["part"]: part for part in nobody["parts"]}
    assert (parts["person"]["outcome"], parts["requests"]["outcome"]) == ("partly", "skipped")
    assert nobody["ok"] and nobody["accounts"] == []


async def test_what_fails_on_the_way_is_named_with_its_reason(offboard: Offboard) -> None:
    async def tried(url: str) -> dict[str, dict[str, str]]:
        given = ("--set", f"url={url}", "--set", "token=env:T", "--json")
        shown = await offboard("systems", "connect", "okta", *given, env={"T": "token"})
        assert shown.code == 1
        return {part["part"]: part for part in json.loads(shown.out)["test"]["parts"]}

    name = await tried("https://no-such-host.invalid")
    assert name["dns"]["outcome"] == "failed" and "name service" in name["dns"]["remedy"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    closed = await tried(f"https://127.0.0.1:{port}")
    assert closed["tcp"]["outcome"] == "failed" and str(port) in closed["tcp"]["said"]

    async with listening(silence) as port:
        plain = await tried(f"http://intranet.invalid:{port}")
        assert plain["settings"]["code"] == "not_encrypted" and "dns" not in plain


async def test_secrets_are_not_taken_from_the_command_line(offboard: Offboard) -> None:
    typed = await offboard("systems", "connect", "scim", "--set", "url=https://scim.example", "--set", "token=s3cret")
    assert typed.code == 1 and "s3cret" not in typed.out + typed.err
    assert "--set token=env:NAME" in typed.err
    missing = await offboard("systems", "connect", "scim", "--set", "token=env:T")
    assert missing.code == 1 and "--set url=VALUE" in missing.err
    unset = await offboard("systems", "connect", "scim", "--set", "url=https://scim.example", "--set", "token=env:NO_T")
    assert unset.code == 1 and "NO_T is not set" in " ".join(unset.out.split())
    badly = await offboard(
        "systems", "connect", "scim", "--set", "url=https://scim.example", "--set", "token=env:T", "--name", "No name"
    )
    assert badly.code == 1 and "--name" in badly.err


async def test_settings_are_asked_for_at_a_terminal_and_secrets_by_where_they_are(tmp_path: Path) -> None:
    async with OktaSimulator().start() as okta:
        seed = seed_okta(okta)
        words = ("systems", "connect", "okta", "--person", seed.user("E-1015").login)
        async with at_a_terminal(tmp_path, *words, OKTA_TOKEN=seed.api_token) as terminal:
            await terminal.until("Least permissions")
            await terminal.until("Credential [1]")
            terminal.type("2")
            await terminal.until("url:")
            terminal.type(okta.url)
            await terminal.until("token (env:NAME or file:NAME)")
            terminal.type(seed.api_token)
            await terminal.until("token is a secret")
            terminal.type("env:OKTA_TOKEN")
            await terminal.until("one account, matched by")
            await terminal.until("token: env:OKTA_TOKEN")
