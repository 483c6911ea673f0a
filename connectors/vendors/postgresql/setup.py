"""How a PostgreSQL server is connected: a role with the least privileges."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential

_CREATEROLE = "CREATEROLE; since PostgreSQL 16 also ADMIN OPTION on the role"

SETUP = Setup(
    "PostgreSQL",
    (
        SystemCredential(
            "role with a password",
            (),
            (
                "As a superuser, create a role for Offboard that is not one: `CREATE ROLE offboard LOGIN CREATEROLE "
                "PASSWORD '…'`. Keep the password as a file.",
                "`GRANT pg_signal_backend, pg_read_all_stats TO offboard`",
                "In PostgreSQL 16 and newer, for each role that Offboard may change, such as ida: `GRANT ida TO "
                "offboard WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`",
                "Let the role sign in from the worker in pg_hba.conf, with TLS.",
            ),
            (
                LeastRights(
                    "permission",
                    "",
                    {
                        "disable_account": _CREATEROLE,
                        "enable_account": _CREATEROLE,
                        "drop_account": _CREATEROLE,
                        "end_sessions": "`pg_signal_backend`",
                        "remove_from_groups": "ADMIN OPTION on the groups (15: CREATEROLE). Since PostgreSQL 16, a "
                        "membership that another role granted can be revoked only by a role with the privileges of "
                        "that grantor",
                        "add_to_groups": "ADMIN OPTION on the groups (15: CREATEROLE)",
                        "hand_over_ownership": "CREATEROLE, since PostgreSQL 16 with ADMIN OPTION on the role and the "
                        "recipient; CONNECT on each database, and CREATE where schemas are handed over. The recipient "
                        "needs CREATE on the schemas of the objects",
                        "snapshot_access": "CONNECT, for the names of objects; `pg_read_all_stats`, for the client and "
                        "state of sessions",
                    },
                ),
            ),
        ),
    ),
    (MatchBy("employee_number", "comment"), MatchBy("email", "email_local_part", "weak")),
    page="postgresql.md",
)
