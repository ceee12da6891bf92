#!/bin/bash
# Creates the application's role, which has no password because only PgBouncer lets anybody in as it, and the database; safe
# to repeat.
#   database-roles [CONNECTION]
# Patroni runs it with a connection when it has created the cluster; chitlaq-database runs it on the primary after that.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

connection=${1:-host=/var/run/postgresql dbname=postgres user=postgres}
run_psql() { psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$@"; }

run_psql "$connection" <<'SQL'
SET synchronous_commit = local;
SELECT 'CREATE ROLE chitlaq LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'chitlaq') \gexec
ALTER ROLE chitlaq LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD NULL;
SELECT 'CREATE DATABASE chitlaq OWNER chitlaq' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'chitlaq') \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE chitlaq FROM PUBLIC;
ALTER ROLE chitlaq SET statement_timeout = '15s';
ALTER ROLE chitlaq SET idle_in_transaction_session_timeout = '30s';
SQL
log "role and database chitlaq are in place"
