#!/bin/bash
# Keeps what the primary owes the cluster: the application's role, the dynamic configuration, the backup stanza and a
# first backup. Runs on every member after each start and does nothing on a standby.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/database.env

as_postgres() { runuser -u postgres -- "$@"; }

accepts_queries() { as_postgres psql -XAtqc 'SELECT 1' -h /var/run/postgresql postgres; }

is_standby() { [[ $(as_postgres psql -XAtqc 'SELECT pg_is_in_recovery()' -h /var/run/postgresql postgres) == t ]]; }

wait_for 900 "PostgreSQL to accept queries" accepts_queries
if is_standby; then
  log "this member is a standby; the primary does the work"
  exit 0
fi
as_postgres /usr/local/lib/chitlaq/database-roles
if [[ $PATRONI == yes ]]; then
  # Compares with what is stored and writes only a difference.
  as_postgres patronictl -c /etc/patroni/config.yml edit-config --quiet --force --apply /etc/chitlaq/patroni-dcs.json >/dev/null
fi
/usr/local/sbin/chitlaq-backup ensure
