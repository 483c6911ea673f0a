"""Where webhooks may go: what the list says, and no way around it."""

from __future__ import annotations

import ipaddress

import pytest

from orchestrator.domain.errors import Refusal
from orchestrator.notifications.hook_addresses import parse_hosts, require_reachable, target_of

HOSTS = parse_hosts("hooks.example.com, *.partner.example, 10.1.2.3, localhost, 127.0.0.1, ::1")


def test_listed_hosts_are_taken() -> None:
    for url, host, port in (
        ("https://hooks.example.com/in?tenant=7", "hooks.example.com", 443),
        ("https://HOOKS.example.com.:8443", "hooks.example.com", 8443),
        ("https://a.b.partner.example/", "a.b.partner.example", 443),
        ("https://10.1.2.3/x", "10.1.2.3", 443),
        ("http://127.0.0.1:9000/x", "127.0.0.1", 9000),
        ("http://localhost:9000", "localhost", 9000),
        ("https://[::1]:9000/x", "::1", 9000),
    ):
        target = target_of(url, HOSTS)
        assert (target.host, target.port) == (host, port)
    assert target_of("https://hooks.example.com/in?tenant=7", HOSTS).path == "/in?tenant=7"
    assert target_of("https://[::1]:9000/x", HOSTS).authority == "[::1]:9000"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://elsewhere.example/", "host_not_allowed"),
        ("https://partner.example/", "host_not_allowed"),
        ("https://evilpartner.example/", "host_not_allowed"),
        ("https://hooks.example.com.evil.example/", "host_not_allowed"),
        ("https://10.1.2.4/", "host_not_allowed"),
        ("http://hooks.example.com/", "not_encrypted"),
        ("http://10.1.2.3/", "not_encrypted"),
        ("https://hooks.example.com@evil.example/", "url_not_understood"),
        ("https://evil.example\\@hooks.example.com/", "url_not_understood"),
        ("https://hooks.example.com/#part", "url_not_understood"),
        ("https://hooks.example.com/a b", "url_not_understood"),
        ("https://hooks.example.com/\n", "url_not_understood"),
        ("https://2130706433/", "url_not_understood"),
        ("https://127.1/", "url_not_understood"),
        ("https://hooks.example.com:99999/", "url_not_understood"),
        ("file:///etc/passwd", "url_not_understood"),
        ("ftp://hooks.example.com/", "url_not_understood"),
        ("hooks.example.com", "url_not_understood"),
        ("https://" + "a" * 2000 + ".partner.example/", "url_not_understood"),
    ],
)
def test_urls_that_no_webhook_goes_to_are_refused(url: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        target_of(url, HOSTS)
    assert refused.value.code == code
    assert "evil" not in refused.value.message, "a refusal quotes nothing"


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.9",
        "127.0.0.2",
        "169.254.169.254",
        "0.0.0.0",
        "100.64.0.1",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "ff02::1",
        "::10.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b:1::a00:1",
        "fec0::1",
        "5f00::1",
        "192.0.0.8",
    ],
)
def test_a_listed_name_that_leads_to_an_address_within_is_refused(address: str) -> None:
    target = target_of("https://hooks.example.com/", HOSTS)
    with pytest.raises(Refusal, match="address_not_allowed"):
        require_reachable(target, ipaddress.ip_address(address), ("hooks.example.com",))
    require_reachable(target, ipaddress.ip_address(address), ("hooks.example.com", address))


def test_public_addresses_are_reached() -> None:
    target = target_of("https://hooks.example.com/", HOSTS)
    for address in ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"):
        require_reachable(target, ipaddress.ip_address(address), HOSTS)


@pytest.mark.parametrize("written", ["*", "*.", "*.com", "https://hooks.example.com", "hooks.example.com:443", "a b"])
def test_a_list_of_hosts_that_says_too_much_or_nothing_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="entry"):
        parse_hosts(written)
