#!/bin/bash
# Phase 1, without Patroni: makes Debian's cluster 17/main on the data volume, or takes over the one that is there after
# the server was rebuilt.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/database.env

/usr/local/lib/chitlaq/database-directory
if [[ ! -e /etc/postgresql/17/main/postgresql.conf ]]; then
  # A cluster that exists is registered and left as it is; its settings come from the include below.
  fresh=()
  [[ -s $DATA_DIRECTORY/PG_VERSION ]] ||
    fresh=(--encoding=UTF8 --locale=C.UTF-8 -- --data-checksums --auth-local=peer --auth-host=scram-sha-256)
  pg_createcluster 17 main --datadir="$DATA_DIRECTORY" --start-conf=auto "${fresh[@]}"
fi
include="include '/etc/chitlaq/postgresql/settings.conf'"
configuration=/etc/postgresql/17/main/postgresql.conf
grep -qxF "$include" "$configuration" || printf '\n%s\n' "$include" >>"$configuration"
systemctl daemon-reload
