#!/bin/bash
# Replaces this machine's database by the backup, up to the end of the archived log or to a point in time. With Patroni,
# stop the other members first (systemctl stop patroni): the restored cluster is taken over from here, and they copy it
# when they are told to (chitlaq-rejoin). A full backup of the result begins at once, because the next recovery would
# otherwise begin before this one.
#   chitlaq-restore --yes [--target 2026-11-23T12:00:00Z]
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/machine.env
source /etc/chitlaq/database.env

target='' agreed=no
while [[ $# -gt 0 ]]; do
  case $1 in
    --yes) agreed=yes ;;
    --target)
      target=$(date -u -d "${2:?--target needs a time}" '+%Y-%m-%d %H:%M:%S.%6N+00') || fail "$2 is no time"
      shift
      ;;
    *) fail "usage: chitlaq-restore --yes [--target TIME]" ;;
  esac
  shift
done
[[ $agreed == yes ]] || fail "this replaces $DATA_DIRECTORY; add --yes"

as_postgres() { runuser -u postgres -- "$@"; }
bin=/usr/lib/postgresql/17/bin

# Another member that runs would be a second primary, or take the lead of what is restored here. One that has just died
# is in the store until its lease ends.
others_are_stopped() {
  members=$(as_postgres timeout 30 patronictl -c /etc/patroni/config.yml list -f json 2>/dev/null) &&
    others=$(jq -r --arg self "$MACHINE" \
      '[.[] | select(.Member != $self and (.Role == "Leader" or .State != "stopped")) | .Member] | join(", ")' <<<"$members") &&
    [[ -z $others ]]
}

alone_in_the_cluster() {
  local members='' others='' end=$((SECONDS + 45))
  until others_are_stopped; do
    ((SECONDS < end)) || break
    sleep 1
  done
  [[ -n $members ]] || fail "the cluster's store (etcd) does not answer, so nobody can tell whether another member runs;" \
    "bring its majority back, or when that is lost for good: chitlaq-etcd-reset --yes on the voter that is left"
  [[ -z $others ]] || fail "$others runs; stop it first: systemctl stop patroni.service"
}

[[ -f /etc/pgbackrest/conf.d/secrets.conf ]] || fail "the secrets are not delivered yet; see chitlaq-secrets status"
if [[ $PATRONI == yes ]]; then alone_in_the_cluster; fi
systemctl stop chitlaq-database.service 'chitlaq-backup@*.service'
if [[ $PATRONI == yes ]]; then
  systemctl stop patroni.service
  # Killing Patroni leaves PostgreSQL running.
  [[ ! -f $DATA_DIRECTORY/postmaster.pid ]] || as_postgres "$bin/pg_ctl" -D "$DATA_DIRECTORY" -m fast -w stop || true
else
  systemctl stop postgresql@17-main.service
fi
/usr/local/lib/chitlaq/database-directory

# What is there stays until the restore is done.
if [[ -d $DATA_DIRECTORY ]]; then
  rm -rf --one-file-system "$DATA_DIRECTORY.before-restore"
  mv -T "$DATA_DIRECTORY" "$DATA_DIRECTORY.before-restore"
fi
install -d -o postgres -g postgres -m 0700 "$DATA_DIRECTORY"
arguments=(--stanza=chitlaq)
[[ -z $target ]] || arguments+=(--type=time "--target=$target" --target-action=promote)
as_postgres pgbackrest "${arguments[@]}" restore

if [[ $PATRONI == yes ]]; then
  # The lease and the identifier of the old cluster would keep the restored one out.
  printf '%s\nYes I am aware\n' chitlaq | as_postgres patronictl -c /etc/patroni/config.yml remove chitlaq >/dev/null ||
    fail "the cluster's store (etcd) did not give up the old cluster; run this again when it answers"
  # Recovery ends before Patroni starts: it takes a running primary over, and would end a recovery to a point in time.
  as_postgres "$bin/pg_ctl" -D "$DATA_DIRECTORY" -w -t 14400 -l /var/log/postgresql/restore.log \
    -o "-c listen_addresses= -c unix_socket_directories=/var/run/postgresql -c archive_mode=off \
    -c hba_file=/etc/chitlaq/postgresql/restore_hba.conf -c ssl=off" start >/dev/null
  recovered() { [[ $(as_postgres psql -XAtqc 'SELECT pg_is_in_recovery()' -h /var/run/postgresql postgres) == f ]]; }
  wait_for 14400 "recovery to end" recovered
  as_postgres "$bin/pg_ctl" -D "$DATA_DIRECTORY" -m fast -w stop >/dev/null
  systemctl start patroni.service
else
  systemctl start postgresql@17-main.service
fi
systemctl restart --no-block chitlaq-database.service
primary() { [[ $(as_postgres psql -XAtqc 'SELECT pg_is_in_recovery()' -h /var/run/postgresql postgres) == f ]]; }
wait_for 14400 "the restored database to accept writes" primary
# Recovery finds the newest timeline by counting up through the archived histories, so not one may be missing; those of a
# recovery without archiving are.
for history in "$DATA_DIRECTORY"/pg_wal/*.history; do
  [[ ! -f $history ]] || as_postgres pgbackrest --stanza=chitlaq --no-archive-async archive-push "$history"
done
systemctl start --no-block chitlaq-backup@full.service
log "restored; the former data is in $DATA_DIRECTORY.before-restore until you remove it"
