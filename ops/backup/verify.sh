#!/bin/bash
# Proves that the backups can be used: checks every file in the repository, then restores the newest backup beside the
# running database, lets it recover and reads from it. The result stands in verify.json for chitlaq-backup-status.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/backup.env
source /etc/chitlaq/database.env

# Neither two restores in one place, nor a backup that removes expired ones while they are read.
exec 9>/var/lib/chitlaq/backup.lock
flock --nonblock 9 || {
  log "waiting for the backup or the verification that runs"
  flock 9
}

scratch=$DATA_MOUNT/restore-test
started=$(date +%s)
as_postgres() { runuser -u postgres -- "$@"; }
bin=/usr/lib/postgresql/17/bin

clean_up() {
  [[ ! -f $scratch/data/postmaster.pid ]] || as_postgres "$bin/pg_ctl" -D "$scratch/data" -m immediate stop >/dev/null || true
  rm -rf --one-file-system "$scratch"
}

record() {
  mkdir -p "$STATUS_DIRECTORY"
  jq -n -c --arg result "$1" --arg at "$(date -u +%FT%TZ)" --argjson seconds "$(($(date +%s) - started))" --arg reached "${2:-}" \
    '{result: $result, at: $at, seconds: $seconds} + (if $reached == "" then {} else {recoveredTo: $reached} end)' \
    | put_file "$STATUS_DIRECTORY/verify.json" 0644 root root
}

# However it ends: what is not recorded as verified has failed.
verified=no
finish() {
  [[ $verified == yes ]] || record failed
  clean_up
}
trap finish EXIT
clean_up

# It ends with 0 whatever it finds (pgbackrest/pgbackrest#2502). Each archive and each backup has a status too; a backup
# that another member is making is no error.
findings=$(as_postgres pgbackrest --stanza=chitlaq --output=text --verbose verify)
printf '%s\n' "$findings"
grep -q '^ *status: ok' <<<"$findings" || fail "the repository is not whole"
if grep -oE '\bstatus: [a-z -]+' <<<"$findings" | grep -qvxE 'status: (ok|valid|in-progress)'; then
  fail "the repository is not whole"
fi
needed=$(as_postgres pgbackrest --stanza=chitlaq info --output=json | jq '[.[].backup[-1].info.size] | max // 0')
free=$(df --output=avail -B 1 "$DATA_MOUNT" | tail -n 1)
((needed > 0)) || fail "there is no backup to restore"
((free > needed + needed / 4)) || fail "$DATA_MOUNT has $free bytes free, the restore needs $needed"

install -d -o postgres -g postgres -m 0700 "$scratch" "$scratch/data" "$scratch/socket"
# Without archive-async, so that the running database keeps the spool to itself.
as_postgres pgbackrest --stanza=chitlaq --pg1-path="$scratch/data" --archive-mode=off \
  --recovery-option="restore_command=pgbackrest --stanza=chitlaq --pg1-path=$scratch/data --no-archive-async archive-get %f \"%p\"" \
  restore
configuration=$scratch/data/postgresql.conf
[[ $PATRONI == yes ]] || configuration=/etc/postgresql/17/main/postgresql.conf
as_postgres "$bin/pg_ctl" -D "$scratch/data" -w -t 3600 -l "$scratch/log" -o "-c config_file=$configuration \
  -c data_directory=$scratch/data -c external_pid_file= -c listen_addresses= \
  -c unix_socket_directories=$scratch/socket -c hba_file=/etc/chitlaq/postgresql/restore_hba.conf -c ssl=off \
  -c archive_mode=off -c shared_buffers=64MB -c huge_pages=off -c synchronous_standby_names= -c primary_conninfo= \
  -c primary_slot_name= -c shared_preload_libraries= -c log_destination=stderr -c logging_collector=off" start >/dev/null 9>&-
wait_for 3600 "the restored database to finish recovery" \
  as_postgres bash -c "[[ \$(psql -XAtqc 'SELECT pg_is_in_recovery()' -h '$scratch/socket' postgres) == f ]]"
reached=$(as_postgres psql -XAtqc "SELECT to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')" -h "$scratch/socket" postgres)
as_postgres psql -XAtqc 'SELECT count(*) FROM pg_catalog.pg_class' -h "$scratch/socket" chitlaq >/dev/null
record ok "$reached"
verified=yes
log "the newest backup restores and can be read"
