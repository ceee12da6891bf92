#!/bin/bash
# Configurations of the database that must contain a secret.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/database.env

for name in postgres-app-password postgres-superuser-password postgres-replication-password postgres-rewind-password; do
  [[ -e /etc/chitlaq/secrets/$name ]] || continue
  # Written into files of three languages below, none of which is escaped.
  [[ $(secret "$name") =~ ^[A-Za-z0-9]{20,}$ ]] || fail "$name: 20 or more letters and digits, and nothing else"
done

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
put_file /etc/chitlaq/rendered/pgbouncer-users.txt 0640 root postgres <<EOT
"chitlaq" "$(secret postgres-app-password)"
EOT
# It comes with the first delivery, when nothing runs that could need it.
[[ ! -x /usr/local/lib/chitlaq/database-settings ]] || /usr/local/lib/chitlaq/database-settings
