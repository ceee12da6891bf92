#!/bin/bash
# Gives up what this member has of the database and copies the leader anew: after chitlaq-restore on another member, when
# this one may hold another cluster.
#   chitlaq-rejoin --yes
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/machine.env
source /etc/chitlaq/database.env

[[ ${1:-} == --yes ]] || fail "this gives up $DATA_DIRECTORY; add --yes"
as_postgres() { runuser -u postgres -- "$@"; }

# Before anything is taken away. The store of the cluster tells it, also while this member is not let in.
leader=$(as_postgres patronictl -c /etc/patroni/config.yml list -f json |
  jq -r 'first(.[] | select(.Role == "Leader").Member) // ""')
[[ -n $leader && $leader != "$MACHINE" ]] || fail "no other member leads (leader: ${leader:-none}); restore there first"

systemctl stop chitlaq-database.service patroni.service
# Killing Patroni leaves PostgreSQL running.
[[ ! -f $DATA_DIRECTORY/postmaster.pid ]] ||
  as_postgres /usr/lib/postgresql/17/bin/pg_ctl -D "$DATA_DIRECTORY" -m fast -w stop || true
if [[ -d $DATA_DIRECTORY ]]; then
  rm -rf --one-file-system "$DATA_DIRECTORY.before-rejoin"
  mv -T "$DATA_DIRECTORY" "$DATA_DIRECTORY.before-rejoin"
fi
systemctl start patroni.service
systemctl restart --no-block chitlaq-database.service
log "copying the database of $leader; the former data is in $DATA_DIRECTORY.before-rejoin until you remove it"
