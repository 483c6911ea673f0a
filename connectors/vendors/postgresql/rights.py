"""Which rights our own role lacks, by ability."""

from __future__ import annotations

from psycopg import sql

from connectors.vendors.postgresql.server import Conversation

RIGHTS_MISSING = "rights_missing"
"""In each sentence about a right that our role lacks."""
_ADMIN_NEEDED = 160000
_OWN = sql.SQL(
    "SELECT rolsuper, rolcreaterole, pg_catalog.pg_has_role(oid, 'pg_signal_backend', 'USAGE') AS signals,"
    " pg_catalog.pg_has_role(oid, 'pg_read_all_stats', 'USAGE') AS stats,"
    " current_setting('server_version_num')::int AS version, pg_catalog.pg_is_in_recovery() AS standby"
    " FROM pg_catalog.pg_roles WHERE rolname = current_user"
)
_WITHOUT_ADMIN = sql.SQL(
    "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolcanlogin AND NOT rolsuper AND rolname <> current_user"
    " AND rolname !~ '^pg_' AND NOT pg_catalog.pg_has_role(current_user, oid, 'MEMBER WITH ADMIN OPTION')"
)
_NOT_REVOCABLE = sql.SQL(
    "SELECT count(*) FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member"
    " WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user"
    " AND NOT (pg_catalog.pg_has_role(current_user, m.roleid, 'MEMBER WITH ADMIN OPTION')"
    " AND pg_catalog.pg_has_role(current_user, m.grantor, 'USAGE'))"
)
_NOT_GRANTABLE = sql.SQL(
    "SELECT count(DISTINCT m.roleid) FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member"
    " WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user"
    " AND NOT pg_catalog.pg_has_role(current_user, m.roleid, 'MEMBER WITH ADMIN OPTION')"
)
_SUPERUSERS = sql.SQL("SELECT count(*) FROM pg_catalog.pg_roles WHERE rolcanlogin AND rolsuper")
_CLOSED = sql.SQL(
    "SELECT count(*) FROM pg_catalog.pg_database WHERE datallowconn"
    " AND NOT (pg_catalog.has_database_privilege(oid, 'CONNECT') AND pg_catalog.has_database_privilege(oid, 'CREATE'))"
)
_CHANGES = "disable_account, enable_account, hand_over_ownership and drop_account"


async def said(talk: Conversation) -> list[str]:
    """Sentences about a server that can be used. Counts only: a role's name can be a person's."""
    (own,) = await talk.rows(_OWN)
    major = own["version"] // 10000
    words = [f"reachable, credential accepted, PostgreSQL {major}"]
    if own["standby"]:
        words.append("no change is possible: host names a standby (redirected)")
    if own["rolsuper"]:
        return [*words, "our role is a superuser"]
    if not own["rolcreaterole"]:
        words.append(f"{_CHANGES} not possible: our role lacks CREATEROLE (rights_missing)")
    elif own["version"] >= _ADMIN_NEEDED and (count := await talk.value(_WITHOUT_ADMIN)):
        words.append(
            f"{_CHANGES} not possible for {count} roles that can sign in: our role has no ADMIN OPTION on them "
            "(rights_missing)"
        )
    if own["version"] >= _ADMIN_NEEDED:
        if count := await talk.value(_NOT_REVOCABLE):
            words.append(
                f"remove_from_groups not possible for {count} memberships: our role has no ADMIN OPTION on the group, "
                "or not the privileges of the role that granted them (rights_missing)"
            )
        if count := await talk.value(_NOT_GRANTABLE):
            words.append(
                f"add_to_groups not possible for {count} roles with members: our role has no ADMIN OPTION on them "
                "(rights_missing)"
            )
    elif not own["rolcreaterole"]:
        words.append("remove_from_groups and add_to_groups not possible: our role lacks CREATEROLE (rights_missing)")
    if not own["signals"]:
        words.append("end_sessions not possible: our role is not a member of pg_signal_backend (rights_missing)")
    if not own["stats"]:
        words.append("state and client of sessions are not shown: our role is not a member of pg_read_all_stats")
    if count := await talk.value(_CLOSED):
        words.append(
            f"hand_over_ownership not possible in {count} databases: our role lacks CONNECT, or CREATE, which schemas "
            "need (rights_missing)"
        )
    if count := await talk.value(_SUPERUSERS):
        words.append(f"{count} superusers cannot be changed: our role is not a superuser")
    return words
