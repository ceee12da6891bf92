#!/bin/bash
# Backs the database up; only the primary does, so that the timers can run on every member. One at a time: who comes while
# a backup or its verification runs waits for it.
#   chitlaq-backup full|diff  a full backup, or what changed since the last full one
#   chitlaq-backup ensure     makes the stanza and a first backup when there is none
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

kind=${1:-}
[[ $kind == full || $kind == diff || $kind == ensure ]] || fail "usage: chitlaq-backup full|diff|ensure"

exec 9>/var/lib/chitlaq/backup.lock
flock --nonblock 9 || {
  log "waiting for the backup or the verification that runs"
  flock 9
}

as_postgres() { runuser -u postgres -- "$@"; }

# Error 50 is pgBackRest's own lock (src/build/error/error.yaml). Making the stanza also wants the one that shipping log
# segments holds for moments (archive-async).
pgbackrest_chitlaq() {
  local code end=$((SECONDS + 3600))
  while :; do
    code=0
    as_postgres pgbackrest --stanza=chitlaq "$@" || code=$?
    if ((code != 50 || SECONDS > end)); then return "$code"; fi
    sleep 1
  done
}

[[ $(as_postgres psql -XAtqc 'SELECT pg_is_in_recovery()' -h /var/run/postgresql postgres) == f ]] || {
  log "this member is a standby; the primary backs up"
  exit 0
}

# Does nothing when the stanza is there and fits this cluster.
code=0
pgbackrest_chitlaq stanza-create || code=$?
case $code in
  0) ;;
  # The repository is of a cluster with another identifier: a new, empty one stands where one was lost.
  28) fail "the backups are of another cluster; if it was lost and this one is to become it: chitlaq-restore --yes" ;;
  *) fail "pgbackrest stanza-create ended with $code" ;;
esac
if [[ $kind == ensure ]]; then
  [[ $(pgbackrest_chitlaq info --output=json | jq '[.[].backup[]?] | length') == 0 ]] || exit 0
  kind=full
fi
pgbackrest_chitlaq --type="$kind" backup
log "$kind backup done"
