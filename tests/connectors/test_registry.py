"""The catalogue of kinds, and the settings of each."""

from __future__ import annotations

import json

import certifi
import pytest

from connectors.errors import ActionRequiredError
from connectors.people import PeopleSource
from connectors.registry import HR_KINDS, SETTINGS, connect, connector_kinds
from orchestrator.embedded.vendors.keys import private_key
from tests.connectors.company_settings import KINDS as COMPANY_KINDS

KINDS = sorted(
    [
        *COMPANY_KINDS,
        "active_directory",
        "aws_iam",
        "aws_identity_center",
        "bamboohr",
        "entra",
        "github",
        "google_workspace",
        "okta",
        "people_csv",
        "postgresql",
        "slack",
    ]
)
COMPLETE = {
    "url": "https://systems.example/v2",
    "token": "token-123",
    "bind_dn": "cn=offboard",
    "password": "password-123",
    "people_base": "ou=people",
    "groups_base": "ou=groups",
    "smtp_host": "systems.example",
    "sender": "offboard@systems.example",
    "path": "/run/systems/people",
    "organization": "example",
    "columns": '{"employee_number": "Number"}',
    "team_id": "T0EXAMPLE",
    "api_key": "key-123",
    "time_zone": "Europe/Berlin",
}


def complete(kind: str) -> dict[str, str]:
    known = {setting.name for setting in SETTINGS[kind]}
    settings = {name: value for name, value in COMPLETE.items() if name in known}
    if kind == "entra":
        settings |= {"tenant": "example.com", "client_id": "app-1", "client_secret": "s3cret-1"}
    if kind == "google_workspace":
        key = private_key().as_pem(private=True).decode()
        settings |= {"admin_email": "admin@example.com", "private_key": key, "service_account_email": "app@example.com"}
    if kind == "aws_iam":
        settings |= {
            "sts_url": "https://systems.example/sts",
            "account_id": "123456789012",
            "access_key_id": "AKIA-1",
            "secret_access_key": "s3cret-1",
        }
    if kind == "aws_identity_center":
        settings |= {
            "sso_url": "https://systems.example/sso",
            "sts_url": "https://systems.example/sts",
            "region": "eu-central-1",
            "instance_arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef",
            "identity_store_id": "d-1234567890",
            "access_key_id": "AKIA-1",
            "secret_access_key": "s3cret-1",
        }
    if kind == "postgresql":
        settings |= {"host": "systems.example", "user": "offboard", "ca_file": certifi.where()}
    return settings | ({"url": "ldaps://systems.example"} if kind in ("ldap", "active_directory") else {})


def test_every_kind_is_described() -> None:
    assert sorted(connector_kinds()) == KINDS == sorted(SETTINGS)
    for kind, abilities in connector_kinds().items():
        for name, ability in abilities.items():
            assert ability.name == name, kind
            assert (ability.keyed_for is not None) == (ability.repeat == "keyed")
            assert (ability.reversible_for is not None) == (ability.reversible == "limited")
            assert ability.level != "change" or not ability.cuts_access or ability.summary
    for kind, settings in SETTINGS.items():
        assert all(setting.summary for setting in settings)
        assert any(setting.secret for setting in settings) == (kind != "people_csv"), "a file needs no credential"


def test_what_cuts_access_before_gates_can_be_undone() -> None:
    irreversible = {
        (kind, name)
        for kind, abilities in connector_kinds().items()
        for name, ability in abilities.items()
        if ability.cuts_access and ability.reversible == "no"
    }
    # An urgent run must leave these to its gate.
    assert irreversible == {
        ("code_hosting", "revoke_tokens"),
        ("okta", "revoke_api_tokens"),
        ("github", "revoke_fine_grained_tokens"),
        ("github", "remove_sso_authorizations"),
    }


def test_only_sessions_are_regained_by_signing_in() -> None:
    """A restore says of all else that it is restored, or that a person does it."""
    regained = {
        (kind, ability.name)
        for kind, abilities in connector_kinds().items()
        for ability in abilities.values()
        if ability.regained_by_sign_in
    }
    assert regained == {
        *(
            (kind, "revoke_sessions")
            for kind in ("aws_iam", "code_hosting", "entra", "google_workspace", "okta", "slack")
        ),
        ("postgresql", "end_sessions"),
    }


def test_how_long_tokens_last_is_declared_or_stated_as_unknown() -> None:
    unknown = {
        (kind, name)
        for kind, abilities in connector_kinds().items()
        for name, ability in abilities.items()
        if (ability.cuts_access or ability.ends_account) and ability.tokens_last is None
    }
    # A protocol does not say it: `token_lifetime` of the system does.
    assert unknown == {
        ("scim", "disable_account"),
        ("scim", "remove_from_groups"),
        ("scim", "delete_account"),
        ("ldap", "lock_account"),
        ("ldap", "remove_from_groups"),
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_hr_kinds_are_the_people_sources(kind: str) -> None:
    connector = connect(kind, complete(kind), allowed_hosts=["systems.example"])
    assert isinstance(connector, PeopleSource) == (kind in HR_KINDS)
    await connector.aclose()


@pytest.mark.parametrize("kind", KINDS)
async def test_each_required_setting_is_asked_for_by_name(kind: str) -> None:
    settings = complete(kind)
    await connect(kind, settings, allowed_hosts=["systems.example"]).aclose()
    for setting in SETTINGS[kind]:
        if setting.required:
            for absent in (settings.keys() - {setting.name}, settings.keys()):
                given = {name: settings[name] if name != setting.name else " " for name in absent}
                with pytest.raises(ActionRequiredError, match="setting_missing") as raised:
                    connect(kind, given, allowed_hosts=["systems.example"], system="the-tenant")
                assert "the-tenant" in raised.value.detail
                assert setting.name in raised.value.detail
                assert raised.value.remedy


@pytest.mark.parametrize("kind", KINDS)
def test_no_message_repeats_a_value(kind: str) -> None:
    for changed in ({"max_answer_bytes": "s3cret-x"}, {"max_entries": "s3cret-x"}, {"tokken": "s3cret-x"}):
        with pytest.raises(ActionRequiredError, match=r"setting_(invalid|unknown)") as raised:
            connect(kind, complete(kind) | changed, allowed_hosts=["systems.example"])
        said = json.dumps([raised.value.detail, raised.value.remedy, repr(raised.value)])
        assert "s3cret" not in said
        assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ActionRequiredError, match="unknown_kind") as raised:
        connect("telex", {}, allowed_hosts=[])
    assert all(kind in raised.value.remedy for kind in KINDS)


@pytest.mark.parametrize(
    ("entry", "fits"),
    [
        ("systems.example", True),
        ("SYSTEMS.example:443", True),
        ("systems.example:8443", False),
        ("example", False),
        ("*.example", False),
        ("systems.example.elsewhere.test", False),
    ],
)
async def test_the_allow_list_is_exact(entry: str, fits: bool) -> None:
    if fits:
        await connect("hr", complete("hr"), allowed_hosts=[entry]).aclose()
        return
    with pytest.raises(ActionRequiredError, match="host_not_allowed"):
        connect("hr", complete("hr"), allowed_hosts=[entry])
