#!/bin/bash
# Configurations of the database that must contain a secret.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/database.env

plain_secrets postgres-app-password postgres-superuser-password postgres-replication-password postgres-rewind-password

if [[ $PATRONI == yes ]]; then
  # Patroni reads every file of this folder in order, and again on reload; its environment it reads only once.
  ln -sfn /etc/patroni/config.yml /etc/chitlaq/patroni/config.yml
  put_file /etc/chitlaq/patroni/secrets.yml 0640 root postgres <<EOT
postgresql:
  authentication:
    superuser:
      password: $(secret postgres-superuser-password)
    replication:
      password: $(secret postgres-replication-password)
    rewind:
      password: $(secret postgres-rewind-password)
EOT
fi
# Whoever logs in with one of these is chitlaq for PostgreSQL, which lets PgBouncer in by its system user. People may
# use that name.
users=/etc/chitlaq/rendered/pgbouncer-users.txt
known=$(sha256 2>/dev/null <"$users") || known=
{
  printf '"chitlaq" "%s"\n' "$(secret postgres-app-password)"
  accepted postgres-app-password | while read -r value; do printf '"%s" "%s"\n' "$(login_name "$value")" "$value"; done
} | put_file "$users" 0640 root postgres
if [[ $known != "$(sha256 <"$users")" ]] && systemctl is-active --quiet pgbouncer.service; then
  systemctl reload pgbouncer.service
fi
# It comes with the first delivery, when nothing runs that could need it.
[[ ! -x /usr/local/lib/chitlaq/database-settings ]] || /usr/local/lib/chitlaq/database-settings
