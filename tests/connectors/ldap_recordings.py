"""Exchanges with an LDAP server: recorded from a real one, and played back without a server.

A recording is a JSON list of `{"request": [operation, ...], "result": {...}, "response": [...]}`, in the order in which
they happened, over all connections. A replay fails for a request that was not recorded next. It answers a search with
those of the recorded attributes that are asked for. Passwords are recorded as `<password>`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import ldap3

_PAGED_RESULTS = "1.2.840.113556.1.4.319"
LdapExchange = dict[str, Any]


@contextlib.contextmanager
def recording(path: Path) -> Iterator[None]:
    """What connectors send meanwhile, and the answers, are written to `path`."""
    exchanges: list[LdapExchange] = []
    real = ldap3.Connection
    with patch.object(ldap3, "Connection", lambda *args, **given: _Recorded(real(*args, **given), exchanges)):
        yield
    path.write_text(json.dumps(exchanges, indent=1, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def recorded(folder: Path, name: str) -> Iterator[None]:
    """`recording` where `RECORD_LDAP=yes` is in the environment."""
    wanted = os.environ.get("RECORD_LDAP") == "yes"
    with recording(folder / f"{name}.json") if wanted else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def replaying(*exchanges: LdapExchange) -> Iterator[list[LdapExchange]]:
    """Connections meanwhile answer as recorded, and every exchange must have happened at the end. Yields the list of
    those that remain."""
    remaining = list(exchanges)
    with patch.object(ldap3, "Connection", lambda *_, **__: _Replayed(remaining)):
        yield remaining
    assert not remaining, f"not sent: {remaining[0]['request']}"


def read(path: Path) -> list[LdapExchange]:
    found: list[LdapExchange] = json.loads(path.read_text())
    return found


class _Connection:
    """The operations that sessions use, each as one request."""

    socket: Any = None
    response: list[dict[str, Any]]
    result: dict[str, Any]

    def send(self, request: list[Any], attributes: list[str], call: Callable[[Any], Any]) -> None:
        raise NotImplementedError

    def search(self, base: str, filter_text: str, *, search_scope: str, attributes: list[str], **given: Any) -> None:
        self.send(
            ["search", base, filter_text, search_scope],
            attributes,
            lambda real: real.search(base, filter_text, search_scope=search_scope, attributes=attributes, **given),
        )

    def modify(self, dn: str, changes: dict[str, Any]) -> None:
        shown = {
            name: [
                [op, ["<password>" if isinstance(value, bytes) else value for value in values]] for op, values in ops
            ]
            for name, ops in changes.items()
        }
        self.send(["modify", dn, shown], [], lambda real: real.modify(dn, changes))

    def modify_dn(self, dn: str, rdn: str, *, new_superior: str) -> None:
        request = ["modify_dn", dn, rdn, new_superior]
        self.send(request, [], lambda real: real.modify_dn(dn, rdn, new_superior=new_superior))

    def bind(self) -> None:
        self.send(["bind"], [], lambda real: real.bind())


class _Recorded(_Connection):
    def __init__(self, real: Any, exchanges: list[LdapExchange]) -> None:
        self._real = real
        self._exchanges = exchanges

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def send(self, request: list[Any], attributes: list[str], call: Callable[[Any], Any]) -> None:
        call(self._real)
        self.result, self.socket = self._real.result, self._real.socket
        self.response = self._real.response or []
        cookie = (self.result.get("controls") or {}).get(_PAGED_RESULTS, {}).get("value", {}).get("cookie")
        assert not cookie or len(self.response) == 1, "record fewer entries than a page has"
        shown = {name: self.result[name] for name in ("result", "description", "message")}
        self._exchanges.append(
            {
                "request": request,
                "result": shown,
                "response": [
                    {"type": each["type"], "dn": each["dn"], "raw_attributes": _as_text(each["raw_attributes"])}
                    for each in self.response
                    if each["type"] == "searchResEntry"
                ],
            }
        )


class _Replayed(_Connection):
    def __init__(self, remaining: list[LdapExchange]) -> None:
        self._remaining = remaining
        self.strategy = SimpleNamespace(sending=lambda message: None)  # what ldap3 calls with each message

    def open(self, **_: Any) -> None:
        return None

    def start_tls(self, **_: Any) -> None:
        return None

    def unbind(self) -> None:
        return None

    def send(self, request: list[Any], attributes: list[str], call: Callable[[Any], Any]) -> None:
        self.strategy.sending(request)
        # A list, as JSON has it, instead of a tuple.
        asked = json.loads(json.dumps(request))
        assert self._remaining, f"sent after the end of the recording: {asked}"
        exchange = self._remaining.pop(0)
        assert asked == exchange["request"], f"sent {asked}, but {exchange['request']} was recorded"
        self.result = exchange["result"]
        wanted = {name.lower() for name in attributes}
        self.response = [
            {**each, "raw_attributes": _as_bytes(each["raw_attributes"], wanted)} for each in exchange["response"]
        ]


def _as_text(attributes: dict[str, list[bytes]]) -> dict[str, list[Any]]:
    return {name: [_text(value) for value in values] for name, values in attributes.items() if values}


def _text(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"hex": value.hex()}


def _as_bytes(attributes: dict[str, list[Any]], wanted: set[str]) -> dict[str, list[bytes]]:
    return {
        name: [value.encode() if isinstance(value, str) else bytes.fromhex(value["hex"]) for value in values]
        for name, values in attributes.items()
        if name.lower() in wanted
    }
