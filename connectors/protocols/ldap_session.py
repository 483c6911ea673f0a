"""One session with an LDAP directory (RFC 4511) in a thread, under one deadline.

Result codes (RFC 4511 appendix A) are mapped here:

    48, 49, 50               ActionRequiredError    credential_refused
    8, 13                    ActionRequiredError    not_encrypted
    3, 11, 51, 52, 80        TryAgainError          system_failed
    10                       ActionRequiredError    redirected: referrals are not followed
    4                        ActionRequiredError    answer_too_large
    any other                RefusedError           refused, with the number in `result_code`
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ldap3.core.exceptions import LDAPExceptionError

from connectors.boundary.storable import is_storable
from connectors.elapsed import Deadline
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.network.hosts import Redaction
from connectors.rehearsal import RehearsedRequest, Rehearsing

_PAGED_RESULTS = "1.2.840.113556.1.4.319"  # RFC 2696
_PAGE = 200
_MAX_PAGES = 1_000
_CREDENTIAL = frozenset({48, 49, 50})
_NOT_ENCRYPTED = frozenset({8, 13})
_WRONG_BASE = frozenset({32, 34})
# Bytes rather than text (RFC 4523 section 2, RFC 2798 section 2.8, and Active Directory): shown in hexadecimal.
_BINARY = frozenset(
    {"usercertificate", "usercertificate;binary", "userpkcs12", "objectguid", "objectsid", "tokengroups"}
)
_RENEW = "Renew the password of bind_dn, or grant it the permissions that this ability needs."
_DATA = re.compile(r"AcceptSecurityContext error, data ([0-9a-fA-F]+)")
# What Active Directory says when a sign-in is refused: Win32 error codes (MS-ERREF section 2.2).
_REFUSED_SIGN_INS = {
    "525": "The domain has no user of the name bind_dn. Correct bind_dn.",
    "52e": "The user name or the password is wrong. Correct bind_dn or renew its password.",
    "530": "bind_dn is not allowed to sign in at this time. Remove its logon hours.",
    "531": "bind_dn is not allowed to sign in from this computer. Remove its list of workstations.",
    "532": "The password of bind_dn has expired. Renew it.",
    "533": "The account of bind_dn is disabled. Enable it.",
    "701": "The account of bind_dn has expired. Extend it.",
    "773": "bind_dn must change its password first. Set a password for it.",
    "775": "The account of bind_dn is locked out. Unlock it.",
}
_LATER = frozenset({3, 11, 51, 52, 80})


class LdapRefusedError(RefusedError):
    """The directory refused. `result_code` is the LDAP result code."""

    def __init__(self, result_code: int, detail: str, *, happened: Literal["no", "unknown"]) -> None:
        remedy = "Check the directory's message; correct the entry there or the connector's permissions."
        if result_code in _WRONG_BASE:
            remedy = "Correct people_base, groups_base and password_policy: the directory has no entry of that name."
        super().__init__("refused", detail, remedy=remedy, happened=happened)
        self.result_code = result_code


@dataclass(frozen=True, slots=True)
class LdapEntry:
    """`values` by attribute name in lower case."""

    dn: str
    values: Mapping[str, Sequence[str]]

    def first(self, attribute: str) -> str | None:
        return next(iter(self.values.get(attribute.lower(), ())), None)

    def every(self, attribute: str) -> tuple[str, ...]:
        """The values of the attribute and of its subtypes, such as `mail;lang-de`: a filter for the attribute finds an
        entry by any of them (RFC 4512 section 2.5.2)."""
        wanted = attribute.lower()
        return tuple(v for name, values in self.values.items() if name.partition(";")[0] == wanted for v in values)


class LdapSession:
    """The connection that `LdapDirectory.converse` gives to the work it runs, for that work's thread only."""

    def __init__(
        self,
        connection: Any,
        deadline: Deadline,
        redact: Redaction,
        max_entries: int,
        search_controls: Sequence[str] = (),
        rehearsing: Rehearsing | None = None,
    ) -> None:
        self._connection = connection
        self._rehearsing = rehearsing
        # Critical: a server that does not know one refuses the search (RFC 4511 section 4.1.11).
        self._search_controls = [(oid, True, None) for oid in search_controls]
        self._deadline = deadline
        self._abandoned = False
        self._changing = False
        self._send_message: Callable[[Any], object] = connection.strategy.sending
        connection.strategy.sending = self._sending
        self._redact = redact
        self._max_entries = max_entries
        self._uncertain = False  # a change was sent and not refused

    @property
    def happened(self) -> Literal["no", "unknown"]:
        return "unknown" if self._uncertain else "no"

    def search(
        self,
        base: str,
        filter_text: str,
        attributes: Sequence[str],
        *,
        scope: str = "SUBTREE",
        controlled: bool = True,
    ) -> list[LdapEntry]:
        """Every matching entry, in pages; operational attributes must be named. Values in `filter_text` are
        escaped already (`ldap3.utils.conv.escape_filter_chars`, RFC 4515 section 3). `controlled`: with the search
        controls of the dialect, which the server may not know."""
        entries: list[LdapEntry] = []
        cookie: Any = None
        for _ in range(_MAX_PAGES):
            self._in_time()
            self._connection.search(
                base,
                filter_text,
                search_scope=scope,
                attributes=list(attributes),
                paged_size=_PAGE,
                paged_cookie=cookie,
                controls=self._search_controls if controlled else [],
            )
            self._judge()
            for found in self._connection.response or ():
                if found.get("type") == "searchResRef":
                    raise ActionRequiredError(
                        "list_incomplete",
                        "Another server has a part of the subtree (a search reference), so the list is not complete.",
                        remedy="Set people_base and groups_base to entries whose whole subtree is on this server, and "
                        "add the other server as a system.",
                        happened=self.happened,
                    )
                if found.get("type") == "searchResEntry":
                    entries.append(self._entry(found))
            if len(entries) > self._max_entries:
                raise ActionRequiredError(
                    "answer_too_large",
                    f"A search found more than {self._max_entries} entries.",
                    remedy="Use a narrower search base; raise max_entries if the number is correct.",
                    happened=self.happened,
                )
            controls = self._connection.result.get("controls") or {}
            cookie = controls.get(_PAGED_RESULTS, {}).get("value", {}).get("cookie")
            if not cookie:
                return entries
        raise ActionRequiredError(
            "answer_not_understood",
            f"The result of a search has more than {_MAX_PAGES} pages.",
            remedy="Narrow the search base, or check the directory's paged results.",
            happened=self.happened,
        )

    def any_entry(self, base: str, filter_text: str) -> bool:
        """Whether the subtree has an entry that matches."""
        return self.first_entry(base, filter_text, ["1.1"]) is not None

    def first_entry(self, base: str, filter_text: str, attributes: Sequence[str]) -> LdapEntry | None:
        """One entry of the subtree that matches; None if there is none."""
        self._in_time()
        self._connection.search(
            base,
            filter_text,
            search_scope="SUBTREE",
            attributes=list(attributes),
            # The controller of Samba heeds no size limit. Elsewhere the limit answers before a page does (RFC 2696).
            size_limit=1,
            paged_size=1,
            controls=self._search_controls,
        )
        for found in self._connection.response or ():
            if found.get("type") == "searchResEntry":
                return self._entry(found)  # the result is then sizeLimitExceeded where there are more
        self._judge()
        return None

    def _entry(self, found: Mapping[str, Any]) -> LdapEntry:
        values = {
            name.lower(): tuple(
                value.hex() if name.lower() in _BINARY else value.decode(errors="replace") for value in raw
            )
            for name, raw in found["raw_attributes"].items()
            if raw
        }
        if not is_storable([found["dn"], values]):
            raise ActionRequiredError(
                "answer_not_understood",
                "An entry holds a NUL character.",
                remedy="Correct the entry in the directory.",
                happened=self.happened,
            )
        return LdapEntry(found["dn"], values)

    def modify(self, dn: str, changes: Mapping[str, Sequence[tuple[str, Sequence[str | bytes]]]]) -> None:
        """One atomic modification (RFC 4511 section 4.6). Raises `LdapRefusedError` with the result code."""
        if self._rehearsing is not None:
            done = [f"{op.removeprefix('MODIFY_').lower()} {name}" for name, ops in changes.items() for op, _ in ops]
            self._rehearsing.note(RehearsedRequest("MODIFY", ", ".join(done), "modifyRequest", changes=True))
            return
        request = {name: [(op, list(values)) for op, values in ops] for name, ops in changes.items()}
        self._change(lambda: self._connection.modify(dn, request))

    def move(self, dn: str, rdn: str, parent: str) -> None:
        """Below another entry, with the same name (RFC 4511 section 4.9). Raises `LdapRefusedError`."""
        if self._rehearsing is not None:
            self._rehearsing.note(RehearsedRequest("MODIFY DN", "newSuperior", "modDNRequest", changes=True))
            return
        self._change(lambda: self._connection.modify_dn(dn, rdn, new_superior=parent))

    def _change(self, send: Callable[[], object]) -> None:
        certain_before = not self._uncertain
        self._changing = True
        try:
            send()
        finally:
            self._changing = False
        if self._connection.result["result"] != 0 and certain_before:
            self._uncertain = False  # the directory refused: nothing was changed
        self._judge()

    def _sending(self, message: Any) -> None:
        """In place of ldap3's. Between the look at the time and a change there is only the call of the socket."""
        if self._changing:
            self._in_time()
            self._uncertain = True
        self._send_message(message)

    def compare(self, dn: str, attribute: str, value: str) -> bool | None:
        """Whether the entry has the value (RFC 4511 section 4.10); None where our rights do not allow to compare."""
        self._in_time()
        self._connection.compare(dn, attribute, value)
        code = self._connection.result["result"]
        if code in (5, 6, 16):  # compareFalse, compareTrue, noSuchAttribute
            return bool(code == 6)
        if code == 50:
            return None
        self._judge()
        return None

    def lacks(self, dn: str, attribute: str, any_value: str = "-") -> bool | None:
        """Whether the entry has no value of the attribute, also where its values are not shown to us: a comparison with
        some value says so. `any_value` has to be one that the attribute can have. None where our rights do not allow to
        compare."""
        self._in_time()
        self._connection.compare(dn, attribute, any_value)
        code = self._connection.result["result"]
        if code in (5, 6):  # compareFalse, compareTrue
            return False
        return True if code in (16, 17) else None  # noSuchAttribute, undefinedAttributeType

    def open(self, *, start_tls: bool) -> None:
        """Connect and sign in."""
        self._in_time()
        self._connection.open(read_server_info=False)
        if start_tls:
            self._connection.start_tls(read_server_info=False)
        self._in_time()
        self._connection.bind()
        self._judge()

    def close(self) -> None:
        """Sign out and disconnect."""
        with contextlib.suppress(LDAPExceptionError, OSError):
            self._connection.unbind()
        if self._connection.socket is not None:  # ldap3 leaves it open where it could not connect
            self._connection.socket.close()

    def abandon(self) -> None:
        """Begin no further operation, and end one that waits for the socket. Callable from any thread."""
        self._abandoned = True
        with contextlib.suppress(OSError, AttributeError):
            self._connection.socket.shutdown(socket.SHUT_RDWR)

    def _in_time(self) -> None:
        if self._abandoned or self._deadline.over:
            raise TryAgainError("deadline_over", "The directory did not respond in time.", happened=self.happened)

    def _judge(self) -> None:
        result = self._connection.result
        code = result["result"]
        if code == 0:
            return
        said = self._redact(f"The directory responded with {code} ({result['description']}): {result['message']}")
        if code in _CREDENTIAL:
            data = _DATA.search(result["message"] or "")
            raise ActionRequiredError(
                "credential_refused",
                said,
                remedy=_REFUSED_SIGN_INS.get(data[1].lower() if data is not None else "", _RENEW),
                happened=self.happened,
            )
        if code in _NOT_ENCRYPTED:
            raise ActionRequiredError(
                "not_encrypted",
                said,
                remedy="The directory requires TLS: use an ldaps:// address, or set start_tls.",
                happened=self.happened,
            )
        if code in _LATER:
            raise TryAgainError("system_failed", said, happened=self.happened)
        if code == 10:
            raise ActionRequiredError(
                "redirected",
                said,
                remedy="Set url to the writable server; referrals are not followed.",
                happened=self.happened,
            )
        if code == 4:
            raise ActionRequiredError(
                "answer_too_large",
                said,
                remedy="Use a narrower search base, or raise the server's limit for bind_dn.",
                happened=self.happened,
            )
        raise LdapRefusedError(code, said, happened=self.happened)
