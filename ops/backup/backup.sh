#!/bin/bash
# Backs the database up; only the primary does, so that the timers can run on every member.
#   chitlaq-backup full|diff  a full backup, or what changed since the last full one
#   chitlaq-backup ensure     makes the stanza and a first backup when there is none
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

kind=${1:-}
[[ $kind == full || $kind == diff || $kind == ensure ]] || fail "usage: chitlaq-backup full|diff|ensure"

as_postgres() { runuser -u postgres -- "$@"; }
pgbackrest_chitlaq() { as_postgres pgbackrest --stanza=chitlaq "$@"; }

[[ $(as_postgres psql -XAtqc 'SELECT pg_is_in_recovery()' -h /var/run/postgresql postgres) == f ]] || {
  log "this member is a standby; the primary backs up"
  exit 0
}

# Does nothing when the stanza is there and fits this cluster.
pgbackrest_chitlaq stanza-create ||
  fail "no backups like this; are those of a lost database there? then chitlaq-restore --yes"
if [[ $kind == ensure ]]; then
  [[ $(pgbackrest_chitlaq info --output=json | jq '[.[].backup[]?] | length') == 0 ]] || exit 0
  kind=full
fi
pgbackrest_chitlaq --type="$kind" backup
log "$kind backup done"
