"""docker-compose.yml against the Compose Specification's schema, and against what we promise about it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import _TrustedHosts

from tests.production.described import COMPOSE, MONITORING, ROOT, command_of, compose, options_of, setting_names

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
PINNED = ("Dockerfile", "deploy/temporal/Dockerfile", "docker-compose.yml", "deploy/monitoring/compose.yaml")
JOBS = {"migrate", "temporal-schema", "temporal-namespace"}
ON_DEMAND = {"administer"}
LASTING = SERVICES.keys() - JOBS - ON_DEMAND
DATABASES = {"ledger-database", "temporal-database"}
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("offboard:")}
SECRET_WORDS = re.compile(r"password|pwd|secret|token|key", re.IGNORECASE)
WRITES_ITS_CONFIGURATION = {"temporal-ui"}
"""Renders a template into its own folder when it starts, so its root cannot be read-only."""
BEGINS_AS_ROOT = DATABASES
"""The official image makes its folder its own, then goes on as the user postgres."""


def test_the_file_is_as_the_specification_has_it() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", COMPOSE],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_schema_would_have_found_a_fault(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text().replace("healthcheck:", "healthchek:", 1))
    checked = subprocess.run(
        [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", wrong],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 1
    assert "healthchek" in checked.stdout


def test_everything_that_belongs_to_production_is_there() -> None:
    assert {
        "ledger-database",
        "migrate",
        "temporal",
        "temporal-database",
        "temporal-ui",
        "worker",
        "relay",
        "web",
    } <= set(SERVICES)
    assert SERVICES["migrate"]["command"] == ["migrate"]
    assert SERVICES["worker"]["command"] == ["worker"]
    assert SERVICES["relay"]["command"] == ["relay"]


def test_no_database_is_published() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    # On this machine alone: TLS is a proxy's.
    assert published == {"temporal-ui": ["127.0.0.1:8080:8080"], "web": ["127.0.0.1:8000:8000"]}
    for name in DATABASES:
        assert SERVICES[name].get("network_mode") is None
        networks = SERVICES[name]["networks"]
        assert all(compose()["networks"][network].get("internal") for network in networks), name


def test_no_one_reaches_a_database_who_does_not_need_it() -> None:
    def inside(network: str) -> set[str]:
        return {name for name, service in SERVICES.items() if network in service["networks"]}

    assert inside("ledger") == {"ledger-database", "migrate", "worker", "relay", "web", "administer"}
    assert inside("temporal-database") == {"temporal-database", "temporal-schema", "temporal"}
    assert inside("systems") == {"worker", "administer"}


@pytest.mark.parametrize("name", sorted(LASTING))
def test_what_stays_running_is_watched_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    check = service["healthcheck"]
    assert check["test"][0] == "CMD" and len(check["test"]) > 1
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_ends_and_is_tried_again_a_few_times(name: str) -> None:
    assert re.fullmatch(r"on-failure:\d", SERVICES[name]["restart"])
    waiting = [s["depends_on"][name] for s in SERVICES.values() if name in s.get("depends_on", {})]
    assert waiting and all(wait["condition"] == "service_completed_successfully" for wait in waiting)


def test_a_service_that_depends_on_a_lasting_one_waits_until_it_is_healthy() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in JOBS else "service_healthy"
            assert wait["condition"] == wanted, f"{name} on {other}"


def test_secrets_are_files_and_nothing_else() -> None:
    declared = compose()["secrets"]
    assert all(set(secret) == {"file"} for secret in declared.values())
    assert all(secret["file"].startswith("deploy/secrets/") for secret in declared.values())
    for name, service in SERVICES.items():
        given = set(service.get("secrets", ()))
        assert given <= declared.keys()
        assert "env_file" not in service
        for variable, value in service.get("environment", {}).items():
            if SECRET_WORDS.search(variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert value.removeprefix("/run/secrets/") in given, f"{name}: {value}"
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), f"{name}: {variable} holds a password"
    assert "$" not in COMPOSE.read_text(), "nothing is taken from the shell that starts it"


def test_each_gets_only_its_own_secrets() -> None:
    assert SERVICES["migrate"]["secrets"] == ["ledger_owner_password"]
    assert SERVICES["relay"]["secrets"] == ["ledger_worker_password", "master_key"]
    assert "./deploy/secrets/systems:/run/systems:ro" not in SERVICES["web"].get("volumes", ()), (
        "no system's credential"
    )
    holders = {name for name, service in SERVICES.items() if "ledger_owner_password" in service.get("secrets", ())}
    assert holders == {"ledger-database", "migrate"}
    assert not {name for name in SERVICES.keys() - OURS if "master_key" in SERVICES[name].get("secrets", ())}


def test_secrets_made_here_are_those_that_are_declared(tmp_path: Path) -> None:
    (tmp_path / "deploy" / "secrets").mkdir(parents=True)
    script = tmp_path / "deploy" / "make-secrets"
    script.write_bytes((ROOT / "deploy" / "make-secrets").read_bytes())
    script.chmod(0o755)
    subprocess.run([script], check=True, capture_output=True, timeout=60)
    folder = tmp_path / "deploy" / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    assert made.keys() == compose()["secrets"].keys() | compose(MONITORING)["secrets"].keys()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in folder.iterdir() if path.is_file())
    subprocess.run([script], check=True, capture_output=True, timeout=60)
    assert {path.name: path.read_text() for path in folder.iterdir() if path.is_file()} == made


def test_no_secret_can_be_committed_or_built_in() -> None:
    ignored = (ROOT / "deploy" / "secrets" / ".gitignore").read_text().splitlines()
    assert "*" in ignored
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*" and not any(line.startswith("!deploy") for line in lines)


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_settings_and_commands_are_real(name: str) -> None:
    service = SERVICES[name]
    for variable in service["environment"]:
        if variable.startswith("OFFBOARD_"):
            assert variable in setting_names(), variable
    commands = [service["command"]] if name not in ON_DEMAND else []
    if "healthcheck" in service:
        program, *words = service["healthcheck"]["test"][1:]
        assert program == "offboard"
        commands.append(words)
    for words in commands:
        command, rest = command_of(words)
        assert set(rest) <= options_of(command), words


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_may_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["mem_limit"] and 0 < service["pids_limit"] <= 512, "no service takes the machine from the others"
    assert service.get("read_only", False) is (name not in WRITES_ITS_CONFIGURATION)
    if name not in BEGINS_AS_ROOT:
        assert service["user"].split(":")[0] not in ("0", "root")
        assert "cap_add" not in service


def test_images_are_pinned() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    images += re.findall(r"^FROM (\S+)", (ROOT / "deploy" / "temporal" / "Dockerfile").read_text(), re.MULTILINE)
    for image in images:
        assert re.fullmatch(r"[a-z/.-]+:\d+(\.\d+)+(-[a-z-]+)?(@sha256:[0-9a-f]{64})?", image), image
    with (ROOT / "pyproject.toml").open("rb") as file:
        import tomllib

        version = tomllib.load(file)["project"]["version"]
    assert {SERVICES[name]["image"] for name in OURS} == {f"offboard:{version}"}


def test_a_command_pins_the_digests_of_all_images_that_others_publish(tmp_path: Path) -> None:
    """Against a registry whose digests begin with `DIGEST` and that has no `temporalio/ui` in the end."""
    for name in (*PINNED, "deploy/pin-images"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        '#!/bin/sh\ncase "$*" in *@*) exit 1 ;; *"$MISSING"*) exit 0 ;; esac\n'
        'printf "sha256:%s%062d\\n" "$DIGEST" "${#6}"\n'
    )
    docker.chmod(0o755)

    def pin(digest: str, missing: str = "none") -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{docker.parent}:/usr/bin:/bin", "DIGEST": digest, "MISSING": missing}
        return subprocess.run(
            [tmp_path / "deploy" / "pin-images"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def images() -> list[str]:
        text = "\n".join((tmp_path / name).read_text() for name in PINNED)
        return re.findall(r"^(?:FROM|\s*image:) (\S+)", text, re.MULTILINE)

    before = images()
    for digest in ("ab", "cd"):  # the second time there are newer images
        assert pin(digest).returncode == 0
        for was, now in zip(before, images(), strict=True):
            pinned = "" if was.startswith("offboard") else f"@sha256:{digest}{len(was):062d}"
            assert now == was + pinned
    assert " AS build" in (tmp_path / "Dockerfile").read_text()
    refused = pin("ef", "temporalio/ui")
    assert (
        refused.returncode == 1 and "docker-compose.yml: the registry has no digest of temporalio/ui" in refused.stderr
    )


def test_files_that_are_mounted_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./") and not source.startswith("./deploy/secrets/"):
                assert (ROOT / source).exists(), source
            elif not source.startswith("./"):
                assert source in compose()["volumes"]


def test_the_image_is_built_from_the_lock_and_runs_as_an_unprivileged_user() -> None:
    text = (ROOT / "Dockerfile").read_text()
    last = text.split("\nFROM ")[-1]
    assert "USER 10001:10001" in last
    synced = re.findall(r"^RUN uv sync (.*)$", text, re.MULTILINE)
    assert synced and all({"--frozen", "--no-dev"} <= set(line.split()) for line in synced)
    assert "--all-extras" not in text, "the embedded servers are for demo and tests"
    assert [re.findall(r"--extra (\w+)", line) for line in synced] == [["aws"], ["aws"]]
    lock = (ROOT / "uv.lock").read_text()
    locked = re.search(r'name = "uv"\nversion = "([^"]+)"', lock)
    assert locked is not None and f'"uv=={locked[1]}"' in text
    copied = set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE))
    assert copied == {"activities", "connectors", "migrations", "orchestrator"}


def test_scripts_are_plain_shell() -> None:
    for script in (
        "deploy/make-secrets",
        "deploy/pin-images",
        "deploy/temporal/prepare-databases",
        "deploy/temporal/start-server",
        "deploy/temporal/make-namespace",
    ):
        assert (ROOT / script).stat().st_mode & 0o111, script
        subprocess.run(["sh", "-n", ROOT / script], check=True, timeout=10)


def test_only_the_machine_in_front_says_where_clients_come_from() -> None:
    [console] = compose()["networks"]["console"]["ipam"]["config"]
    assert SERVICES["web"]["environment"]["FORWARDED_ALLOW_IPS"] == console["gateway"]
    assert ip_address(console["gateway"]) in ip_network(console["subnet"])
    trusted = _TrustedHosts(console["gateway"])
    client, _ = trusted.get_trusted_client_address("203.0.113.99, 198.51.100.7")
    assert client == "198.51.100.7", "what the proxy appended"
