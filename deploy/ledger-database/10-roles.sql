-- Who may log in to the ledger's database. Run it with psql as an administrator, connected to that database; it can be
-- run again. The container does it when it is first started; for a server of your own
--     psql -v secrets=FOLDER -f deploy/ledger-database/10-roles.sql postgresql://ADMINISTRATOR@HOST/offboard
-- where FOLDER holds the files ledger_owner_password and ledger_worker_password.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\if :{?secrets}
\else
    \set secrets /run/secrets
\endif
\set owner_file :secrets '/ledger_owner_password'
\set worker_file :secrets '/ledger_worker_password'
\set owner_password `cat :'owner_file'`
\set worker_password `cat :'worker_file'`

-- Roles belong to the server, so they are there already if this is a second database on it, as for a restore.
SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['offboard_app', 'offboard_worker', 'offboard_owner']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- What the program may do; the migrations grant it. No login uses this name.
ALTER ROLE offboard_app NOLOGIN;
-- The workers' and the relay's login: appends, reads, and cannot change what was appended.
ALTER ROLE offboard_worker LOGIN PASSWORD :'worker_password';
GRANT offboard_app TO offboard_worker;
-- The migrations' login: owns the tables, is no superuser, and is used by nothing that stays running.
ALTER ROLE offboard_owner LOGIN PASSWORD :'owner_password';

SELECT current_database() AS ledger \gset
ALTER DATABASE :"ledger" OWNER TO offboard_owner;
REVOKE ALL ON DATABASE :"ledger" FROM PUBLIC;
-- Temporary tables are where `offboard ledger rebuild` puts the new read tables beside the old.
GRANT CONNECT, TEMPORARY ON DATABASE :"ledger" TO offboard_app;
