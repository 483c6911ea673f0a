"""How an LDAP directory locks an account, and whether something heeds the lock.

ppolicy          pwdAccountLockedTime   the password policy overlay of OpenLDAP keeps it on every entry, and heeds it
                                        where the policy of the entry has pwdLockout TRUE
                                        (draft-behera-ldap-password-policy-11 section 5.2.11)
ns_account_lock  nsAccountLock          389 Directory Server and FreeIPA heed it
shadow_expire    shadowExpire           login programs that read it heed it (shadow(5)); it is in days since 1970.
                                        The directory itself accepts the password
none
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import ClassVar, Literal

from ldap3 import MODIFY_DELETE, MODIFY_REPLACE

from connectors.abilities import Reply
from connectors.account_set import comparable
from connectors.errors import RefusedError
from connectors.protocols.ldap_session import LdapEntry, LdapRefusedError, LdapSession
from connectors.protocols.ldap_settings import LdapSettings

PERMANENTLY = "000001010000Z"
LOCK_ATTRIBUTES = ("pwdAccountLockedTime", "nsAccountLock", "shadowExpire")
# RFC 4511 appendix A.1
_UNDEFINED_ATTRIBUTE, _NO_SUCH_OBJECT, _OBJECT_CLASS = 17, 32, 65

LockState = Literal["locked", "open", "for a time"]


class AccountLock(ABC):
    """One method. `state` is of the attribute alone, whether it is heeded or not. `locking` is the value that locks."""

    attribute: ClassVar[str]
    locking: ClassVar[str]

    @abstractmethod
    def state(self, entry: LdapEntry) -> LockState: ...

    @abstractmethod
    def heeded(self, session: LdapSession, entry: LdapEntry | None) -> bool | None:
        """None where the directory does not say; of the directory as a whole without an entry."""

    @abstractmethod
    def said(self, session: LdapSession) -> str:
        """For the check: how accounts are locked, or why they cannot be."""

    @abstractmethod
    def write(self, session: LdapSession, entry: LdapEntry) -> Reply:
        """Raises `RefusedError` where the lock is not possible."""

    def lift(self, session: LdapSession, entry: LdapEntry, before: str | None) -> Reply:
        """Puts back the value from before the lock, None for no value. A lock that another value has is kept."""
        shown = entry.first(self.attribute)
        if self.state(entry) == "locked":
            change = (MODIFY_DELETE, []) if before is None else (MODIFY_REPLACE, [before])
            session.modify(entry.dn, {self.attribute: [change]})
        return Reply({self.attribute: {"before": shown, "after": before}})

    def lifted(self, session: LdapSession, entry: LdapEntry) -> bool | None:
        """None where neither a value nor its absence is shown: the account can be locked."""
        if not self.attribute:
            return None
        if entry.first(self.attribute) is not None:
            return self.state(entry) != "locked"
        return session.lacks(entry.dn, self.attribute, self.locking) or None

    def not_locked(self, entry: LdapEntry) -> list[dict[str, str | None]]:
        """What a later `lift` puts back, if the entry is not locked."""
        if not self.attribute or self.state(entry) == "locked":
            return []
        return [{"id": self.attribute, "name": "lock of the account", "before": entry.first(self.attribute)}]

    def _replace(self, session: LdapSession, entry: LdapEntry) -> Reply:
        before = entry.first(self.attribute)
        if self.state(entry) != "locked":
            session.modify(entry.dn, {self.attribute: [(MODIFY_REPLACE, [self.locking])]})
        return Reply({self.attribute: {"before": before, "after": self.locking}, "locked": self.not_locked(entry)})


class PasswordPolicyLock(AccountLock):
    attribute = "pwdAccountLockedTime"
    locking = PERMANENTLY

    def __init__(self, settings: LdapSettings) -> None:
        self._settings = settings

    def state(self, entry: LdapEntry) -> LockState:
        value = entry.first(self.attribute)
        return "open" if value is None else "locked" if value == PERMANENTLY else "for a time"

    def heeded(self, session: LdapSession, entry: LdapEntry | None) -> bool | None:
        return _policy_locks(session, entry, self._settings.password_policy, self._settings.people_base)

    def said(self, session: LdapSession) -> str:
        if self.heeded(session, None):
            return "accounts are locked by the password policy"
        return (
            "lock_account not possible: no policy with pwdLockout is shown (password_policy_missing). Load the overlay "
            "ppolicy with such a policy, set lock to another method, or use scramble_password"
        )

    def write(self, session: LdapSession, entry: LdapEntry) -> Reply:
        if self.heeded(session, entry) is False:
            raise RefusedError(
                "password_policy_missing",
                "The password policy of the entry locks no accounts: pwdLockout is not TRUE.",
                remedy="Set pwdLockout to TRUE in the policy, or use scramble_password.",
                happened=session.happened,
            )
        return self.write_unchecked(session, entry)

    def write_unchecked(self, session: LdapSession, entry: LdapEntry) -> Reply:
        """Also where the policy does not lock."""
        try:
            return self._replace(session, entry)
        except LdapRefusedError as error:
            if error.result_code != _UNDEFINED_ATTRIBUTE:
                raise
            raise RefusedError(
                "password_policy_missing",
                error.detail,
                remedy="Load the directory's password policy overlay (ppolicy), set lock to another method, or use "
                "scramble_password.",
                happened=error.happened,
            ) from error


class NsAccountLock(AccountLock):
    attribute = "nsAccountLock"
    locking = "true"

    def __init__(self, *, server_is_389: bool) -> None:
        self._server_is_389 = server_is_389

    def state(self, entry: LdapEntry) -> LockState:
        return "locked" if (entry.first(self.attribute) or "").lower() == "true" else "open"

    def heeded(self, session: LdapSession, entry: LdapEntry | None) -> bool | None:
        return True if self._server_is_389 else None

    def said(self, session: LdapSession) -> str:
        if self._server_is_389:
            return "accounts are locked by nsAccountLock"
        return "lock_account cannot be confirmed: the server does not say that it is 389 Directory Server, set lock"

    def write(self, session: LdapSession, entry: LdapEntry) -> Reply:
        try:
            return self._replace(session, entry)
        except LdapRefusedError as error:
            if error.result_code not in (_UNDEFINED_ATTRIBUTE, _OBJECT_CLASS):
                raise
            raise _not_possible("The directory has no nsAccountLock on this entry.", session) from error


class ShadowExpire(AccountLock):
    attribute = "shadowExpire"
    locking = "1"  # 1970-01-02; shadow(5) says not to use 0

    def state(self, entry: LdapEntry) -> LockState:
        value = entry.first(self.attribute) or ""
        today = (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
        return "locked" if value.isdecimal() and 0 < int(value) <= today else "open"

    def heeded(self, session: LdapSession, entry: LdapEntry | None) -> bool | None:
        return True  # the setting says so; a directory cannot say what login programs read

    def said(self, session: LdapSession) -> str:
        return (
            "lock_account sets shadowExpire, which keeps accounts out of login programs that read it; the directory "
            "itself still accepts the password"
        )

    def write(self, session: LdapSession, entry: LdapEntry) -> Reply:
        try:
            return self._replace(session, entry)
        except LdapRefusedError as error:
            if error.result_code not in (_UNDEFINED_ATTRIBUTE, _OBJECT_CLASS):
                raise
            raise _not_possible("The entry is no shadowAccount, which login programs read.", session) from error


class NoLock(AccountLock):
    attribute = ""
    locking = ""

    def state(self, entry: LdapEntry) -> LockState:
        return "open"

    def heeded(self, session: LdapSession, entry: LdapEntry | None) -> bool | None:
        return False

    def said(self, session: LdapSession) -> str:
        return "lock_account not possible: the setting lock is none (lock_not_possible)"

    def write(self, session: LdapSession, entry: LdapEntry) -> Reply:
        raise _not_possible("The setting lock is none.", session)


def lock_of(settings: LdapSettings, *, server_is_389: bool) -> AccountLock:
    """By the setting `lock`; without it, by what the server is."""
    match settings.lock or ("ns_account_lock" if server_is_389 else "ppolicy"):
        case "ns_account_lock":
            return NsAccountLock(server_is_389=server_is_389)
        case "shadow_expire":
            return ShadowExpire()
        case "none":
            return NoLock()
        case _:
            return PasswordPolicyLock(settings)


def _not_possible(detail: str, session: LdapSession) -> RefusedError:
    return RefusedError(
        "lock_not_possible",
        detail,
        remedy="Set lock to a method that the directory has, or use scramble_password instead of lock_account.",
        happened=session.happened,
    )


def _policy_locks(session: LdapSession, entry: LdapEntry | None, default: str, people_base: str) -> bool | None:
    """By the policy that the entry names, else by `default`, else by all policies of the directory. None where no
    policy is shown, or where policies differ and nothing says which of them applies."""
    named = (entry.first("pwdPolicySubentry") if entry is not None else None) or default
    policies = _read(session, named, "BASE") if named else _all_policies(session, people_base)
    locking = {(policy.first("pwdLockout") or "").upper() == "TRUE" for policy in policies}
    return locking.pop() if len(locking) == 1 else None


def _all_policies(session: LdapSession, people_base: str) -> list[LdapEntry]:
    root = session.search("", "(objectClass=*)", ["namingContexts"], scope="BASE")
    contexts = [context for each in root for context in each.values.get("namingcontexts", ())]
    ours = [context for context in contexts if context and _plain(people_base).endswith(_plain(context))]
    return [policy for context in ours for policy in _read(session, context, "SUBTREE")]


def _read(session: LdapSession, base: str, scope: str) -> list[LdapEntry]:
    try:
        return session.search(base, "(objectClass=pwdPolicy)", ["pwdLockout"], scope=scope)
    except LdapRefusedError as error:
        if error.result_code != _NO_SUCH_OBJECT:
            raise
        return []


def _plain(dn: str) -> str:
    return comparable(",".join(part.strip() for part in dn.split(",")))
