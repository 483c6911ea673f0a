"""Whether an LDAP directory enforces the lock of an entry.

The password policy overlay keeps `pwdAccountLockedTime` on every entry, and refuses a login only where the policy of
the entry has `pwdLockout` TRUE (draft-behera-ldap-password-policy-11 section 5.2.11).
"""

from __future__ import annotations

from connectors.account_set import comparable
from connectors.protocols.ldap_session import LdapEntry, LdapRefusedError, LdapSession

_NO_SUCH_OBJECT = 32  # RFC 4511 appendix A.1


def lock_is_heeded(session: LdapSession, entry: LdapEntry | None, default: str, people_base: str) -> bool | None:
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
