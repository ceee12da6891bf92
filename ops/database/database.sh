#!/bin/bash
# Keeps what the primary owes the cluster: the application's role, the dynamic configuration, the backup stanza and a
# first backup. Runs on every member after each start and does nothing on a standby.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/database.env

as_postgres() { runuser -u postgres -- "$@"; }

accepts_queries() { as_postgres psql -XAtqc 'SELECT 1' -h /var/run/postgresql postgres; }

is_standby() { [[ $(as_postgres psql -XAtqc 'SELECT pg_is_in_recovery()' -h /var/run/postgresql postgres) == t ]]; }

# Patroni gives its own logins their passwords when it creates the cluster and never again: a new one is set here. They
# travel on standard input, so that neither the process list nor PostgreSQL's log shows them.
change_passwords() {
  local role name
  cat <<'SQL'
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET synchronous_commit = local;
SQL
  while read -r role name; do
    printf "\\set password '%s'\nALTER ROLE %s PASSWORD :'password';\n" "$(secret "$name")" "$role"
  done <<'EOT'
postgres postgres-superuser-password
replicator postgres-replication-password
rewinder postgres-rewind-password
EOT
}

wait_for 900 "PostgreSQL to accept queries" accepts_queries
if is_standby; then
  log "this member is a standby; the primary does the work"
  exit 0
fi
as_postgres /usr/local/lib/chitlaq/database-roles
if [[ $PATRONI == yes ]]; then
  change_passwords | as_postgres psql -Xq --set=ON_ERROR_STOP=1 -h /var/run/postgresql postgres
  # Compares with what is stored and writes only a difference.
  as_postgres patronictl -c /etc/patroni/config.yml edit-config --quiet --force --replace /etc/chitlaq/patroni-dcs.json >/dev/null
fi
/usr/local/sbin/chitlaq-backup ensure
