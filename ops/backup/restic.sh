#!/bin/bash
# Daily copy of the application and of the machine's configuration; encrypted before it leaves the machine. A part of the
# repository is read back every week, all of it in four. The result stands in files.json for chitlaq-backup-status.
# Secrets are not in it: they come from the stack's own encrypted configuration.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/backup.env
source /etc/chitlaq/restic.env

state=$STATUS_DIRECTORY/files.json
excluded=(/etc/chitlaq/secrets /etc/chitlaq/rendered /etc/chitlaq/patroni /etc/pgbackrest/conf.d
  '/etc/ssh/ssh_host_*' '/etc/shadow*' '/etc/gshadow*' /var/lib/valkey/runtime.conf /var/lib/valkey/sentinel.conf)

# note --arg KEY VALUE... changes what is known of the copies.
note() {
  local known
  known=$(cat "$state" 2>/dev/null || echo '{}')
  jq -c '. + $ARGS.named' "$@" <<<"$known" | put_file "$state" 0644 root root
}
now() { date -u +%FT%TZ; }

finished=no
finish() { [[ $finished == yes ]] || note --arg result failed; }
trap finish EXIT

valkey() {
  VALKEYCLI_AUTH=$(secret valkey-admin-password) REDISCLI_AUTH=$(secret valkey-admin-password) \
    valkey-cli -e --no-auth-warning --user admin -h "$LISTEN" -p "$PORT" "$@"
}
told_by_valkey() { valkey INFO persistence | tr -d '\r' | sed -n "s/^$1://p"; }
valkey_is_done() {
  [[ $(told_by_valkey rdb_bgsave_in_progress) == 0 ]] &&
    [[ $(told_by_valkey rdb_saves) != "$saves" || $(told_by_valkey rdb_last_bgsave_status) != ok ]]
}

# The files of its log change together while they are copied one by one; the snapshot is one file, renamed when complete.
if systemctl is-active --quiet valkey-server.service; then
  source /etc/chitlaq/redis.env
  saves=$(told_by_valkey rdb_saves)
  valkey BGSAVE SCHEDULE >/dev/null
  wait_for 1800 "Valkey's snapshot" valkey_is_done
  [[ $(told_by_valkey rdb_last_bgsave_status) == ok ]] || fail "Valkey could not write its snapshot; see journalctl -u valkey-server"
  excluded+=(/var/lib/valkey/appendonlydir '/var/lib/valkey/temp-*')
fi

restic cat config >/dev/null 2>&1 || restic init --quiet
restic unlock --quiet
read -r -a paths <<<"$BACKUP_PATHS"
restic backup --quiet --tag daily "${excluded[@]/#/--exclude=}" "${paths[@]}"
restic forget --quiet --tag daily --keep-daily "$RETENTION_DAYS" --prune
finished=yes
note --arg result ok --arg copied "$(now)"

checked=$(jq -r '.checked // "1970-01-01T00:00:00Z"' "$state")
if (($(date +%s) - $(date -d "$checked" +%s) > 6 * 86400)); then
  if ! restic check --quiet --read-data-subset="$(($(date +%s) / 604800 % 4 + 1))/4"; then
    note --arg check failed
    fail "the copies of files are damaged or cannot be read"
  fi
  note --arg check ok --arg checked "$(now)"
fi
