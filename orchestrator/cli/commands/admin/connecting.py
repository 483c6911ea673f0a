"""`offboard systems connect`: what a kind of system needs, a test with the given settings, and the lines for
platform.yaml. Needs no server, writes no file, and changes nothing in the system."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import Json
from orchestrator.cli.terminal.refusals import REFUSED, reporting_refusals
from orchestrator.cli.terminal.screen import note, print_json, say

if TYPE_CHECKING:
    from connectors.registry import Setting
    from connectors.setup import Setup, SystemCredential
    from orchestrator.documents.system_test import SystemTested
    from orchestrator.domain.packet.packet import SystemSpec

WIDTH = 80
REFERENCES = ("env:", "file:")
OF_HR = frozenset({"columns", "format"})
"""Settings of `people_csv` that are written in the section `hr`, and that `offboard hr check` tests."""


def connect(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="The kind of connector. Without it, the kinds are listed.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Its name in platform.yaml. Default: the kind."),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SETTING=VALUE",
            help="A setting, once for each. A secret is SETTING=env:NAME or SETTING=file:NAME, a file in "
            "OFFBOARD_SECRETS_FOLDER. Asked for at a terminal.",
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person", metavar="EMAIL", help="Whom to look up in the test: a mail address or employee number."
        ),
    ] = None,
    test: Annotated[bool, typer.Option("--test/--no-test", help="Whether the connection is tested.")] = True,
    json: Json = False,
) -> None:
    """Connect a system: show what its kind needs, test the connection, and print the lines for platform.yaml."""
    with reporting_refusals():
        if kind is None:
            _list_kinds(json)
            return
        settings, asks = _parsed(kind, given or []), sys.stdin.isatty() and not json
        if not settings and json:
            print_json(_needs(kind))
        elif not settings:
            _print_needs(kind)
        if not settings and not asks:
            return
        if asks:
            _ask(kind, settings)
        system = name or kind.partition("@")[0]
        spec = _spec(kind, system, settings)
        tested = asyncio.run(_test(system, spec, person)) if test and not _of_hr(kind) else None
    lines = _lines(system, spec)
    if json:
        document = tested.model_dump(mode="json") if tested is not None else None
        print_json({"kind": kind, "platform": lines, "test": document})
    else:
        _print_test(tested, kind)
        note("Add these lines to platform.yaml:")
        say(lines.rstrip("\n"))
    if tested is not None and not tested.ok:
        raise typer.Exit(REFUSED)


def _list_kinds(json: bool) -> None:
    from connectors.registry import REFERENCE_KINDS, SETUPS, connector_kinds

    kinds = [(kind, setup.title if (setup := SETUPS[kind]) else "") for kind in connector_kinds()]
    shown = [(kind, title) for kind, title in kinds if kind not in REFERENCE_KINDS]
    if json:
        print_json({"kinds": [{"kind": kind, "title": title} for kind, title in shown]})
        return
    for kind, title in shown:
        say(f"{kind:20}{title}".rstrip())


def _parsed(kind: str, given: Sequence[str]) -> dict[str, str]:
    known = {setting.name: setting for setting in _settings(kind)}
    found: dict[str, str] = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign or name not in known:
            raise LocalRefusal(
                "setting_unknown", f"{kind} has no setting {name[:40]}.", f"Use one of: {', '.join(known)}."
            )
        if known[name].secret and not value.startswith(REFERENCES):
            raise LocalRefusal(
                "secret_typed",
                f"The setting {name} is a secret and is not taken from the command line, which other programs and the "
                "shell's history can read.",
                f"Renew the secret, and say where it is: --set {name}=env:NAME, or --set {name}=file:NAME for a file "
                "in OFFBOARD_SECRETS_FOLDER.",
            )
        found[name] = value
    return found


def _settings(kind: str) -> list[Setting]:
    """Raises `LocalRefusal` for a kind that there is not."""
    from connectors.registry import SETTINGS, why_missing

    if why := why_missing(kind):
        raise LocalRefusal("unknown_kind", why, "`offboard systems connect` lists the kinds.")
    return [setting for setting in SETTINGS[kind] if not (_of_hr(kind) and setting.name in OF_HR)]


def _of_hr(kind: str) -> bool:
    from orchestrator.domain.packet.packet import PEOPLE_CSV

    return kind == PEOPLE_CSV


def _setup(kind: str) -> Setup | None:
    from connectors.registry import SETUPS

    return SETUPS[kind]


def _needs(kind: str) -> dict[str, Any]:
    from dataclasses import asdict

    setup = _setup(kind)
    return {
        "kind": kind,
        "settings": [
            {"name": one.name, "required": one.required, "secret": one.secret, "summary": one.summary}
            for one in _settings(kind)
        ],
        "setup": asdict(setup) if setup is not None else None,
    }


def _print_needs(kind: str) -> None:
    setup = _setup(kind)
    say(f"{setup.title if setup is not None else kind} (connector {kind})", style="bold")
    for credential in setup.credentials if setup is not None else ():
        _print_credential(credential)
    say("")
    say("Settings (◆ secret: env:NAME or file:NAME, a file in OFFBOARD_SECRETS_FOLDER):")
    for one in _settings(kind):
        marks = f"{' ◆' if one.secret else ''}{', required' if one.required else ''}"
        _paragraph(f"{one.name}{marks}: {one.summary}", "  ", "      ")
    if setup is not None and setup.page:
        say("")
        say(f"More: docs/connectors/{setup.page}")
    say("")


def _print_credential(credential: SystemCredential) -> None:
    taken = f" ({', '.join(credential.settings)})" if credential.settings else ""
    say("")
    _paragraph(f"Credential: {credential.title}{taken}", "", "  ")
    for number, step in enumerate(credential.steps, 1):
        _paragraph(_plain(step), f"  {number}. ", "     ")
    for rights in credential.rights:
        say(f"  Least permissions: {rights.title}")
        rows = {
            "finding accounts": rights.finding,
            **rights.by_ability,
            "offboard systems check": rights.checking,
        }
        for name, needed in rows.items():
            if needed:
                _paragraph(f"{name}: {_plain(needed)}", "    ", "      ")


def _plain(text: str) -> str:
    return text.replace("`", "")


def _paragraph(text: str, first: str, others: str) -> None:
    say(
        textwrap.fill(
            text, WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
        )
    )


def _ask(kind: str, settings: dict[str, str]) -> None:
    """Asks for the settings that are missing. What is typed for a secret says where it is, never the secret."""
    setup, known = _setup(kind), {setting.name: setting for setting in _settings(kind)}
    credentials = [one for one in (setup.credentials if setup is not None else ()) if one.settings]
    wanted = [name for name, setting in known.items() if setting.required]
    if credentials:
        taken = _credential(credentials, settings).settings
        wanted += [name for name in taken if name not in wanted]
    for name in wanted:
        while name not in settings:
            where = " (env:NAME or file:NAME)" if known[name].secret else ""
            value = str(typer.prompt(f"{name}{where}", hide_input=False)).strip()
            if known[name].secret and not value.startswith(REFERENCES):
                say(f"{name} is a secret. Say where it is: env:NAME or file:NAME.")
                continue
            settings[name] = value


def _credential(credentials: Sequence[SystemCredential], settings: Mapping[str, str]) -> SystemCredential:
    """The one of which a setting is given; or the only one, or the one that the user chooses."""
    if given := [one for one in credentials if any(name in settings for name in one.settings)]:
        return given[0]
    if len(credentials) == 1:
        return credentials[0]
    for number, one in enumerate(credentials, 1):
        say(f"{number}. {one.title}")
    number = 0
    while not 1 <= number <= len(credentials):
        number = int(typer.prompt("Credential", type=int, default=1))
    return credentials[number - 1]


def _spec(kind: str, name: str, settings: Mapping[str, str]) -> SystemSpec:
    """The system as platform.yaml has it. Raises `LocalRefusal`."""
    from pydantic import TypeAdapter, ValidationError

    from connectors.registry import hosts_of
    from orchestrator.domain.packet.packet import Slug, SystemSpec

    missing = [one for one in _settings(kind) if one.required and one.name not in settings]
    if missing:
        first = missing[0]
        value = "env:NAME" if first.secret else "VALUE"
        raise LocalRefusal(
            "setting_missing",
            f"The setting {first.name} is missing ({first.summary}).",
            f"Give it with --set {first.name}={value}.",
        )
    setup = _setup(kind)
    referred = [value for name, value in settings.items() if value.startswith(REFERENCES) and name.endswith("url")]
    match = [
        {"key": one.key, "attribute": one.attribute} | ({} if one.strength == "strong" else {"strength": one.strength})
        for one in (setup.match if setup is not None else ())
    ]
    written = {
        "title": setup.title if setup is not None else name,
        "connector": kind,
        "connection": dict(settings),
        "hosts": [*hosts_of(kind, settings), *referred],
        "match": match,
    }
    try:
        TypeAdapter(Slug).validate_python(name)
        return SystemSpec.model_validate({key: value for key, value in written.items() if value})
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        raise LocalRefusal(
            "system_invalid",
            f"The system cannot be named {name[:40]}: {problem['msg']}.",
            "Give another name with --name: lower-case letters, digits, _ and -.",
        ) from None


def _lines(name: str, spec: SystemSpec) -> str:
    """The system as YAML, which the models of platform.yaml read."""
    import yaml

    written = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return str(yaml.safe_dump({"systems": {name: written}}, sort_keys=False, allow_unicode=True, width=120))


async def _test(name: str, spec: SystemSpec, person: str | None) -> SystemTested:
    from datetime import UTC, datetime

    from activities.connections import Connections
    from activities.system_test import SystemTest, every_ability, person_named
    from orchestrator.settings import PREFIX, SECRETS_FOLDER

    folder = Path(os.environ.get(f"{PREFIX}SECRETS_FOLDER") or SECRETS_FOLDER)
    connections = Connections(os.environ, secrets_folder=folder)
    try:
        looked_up = person_named(person) if person is not None else None
        steps = every_ability(spec.connector)
        return await SystemTest(connections, name, spec, steps, looked_up, datetime.now(UTC)).run()
    finally:
        await connections.aclose()


def _print_test(tested: SystemTested | None, kind: str) -> None:
    from orchestrator.cli.terminal.system_test_view import print_system_test

    if tested is not None:
        print_system_test(tested.model_dump(mode="json"))
        say("")
    elif _of_hr(kind):
        say("Test the export itself with: offboard hr check FILE")
        say("")
