#!/bin/bash
# Before Valkey starts: asks the Sentinels who the primary is, so that a machine that was away comes back as a replica and
# not as a second primary. Without an answer it stays what it was, and a new group starts as the plan says.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/redis.env

runtime=/var/lib/valkey/runtime.conf

ask_sentinels() {
  local sentinel
  [[ -n $SENTINELS ]] || return 0
  for sentinel in $SENTINELS; do
    VALKEYCLI_AUTH=$(secret valkey-sentinel-password) REDISCLI_AUTH=$(secret valkey-sentinel-password) timeout 2 \
      valkey-cli --no-auth-warning -h "$sentinel" -p "$SENTINEL_PORT" --raw \
      SENTINEL GET-MASTER-ADDR-BY-NAME "$MASTER_NAME" 2>/dev/null | head -n 1 | grep -E '^[0-9.]+$' || true
  done
}

# Two of three must agree: one Sentinel that was cut off still believes in the old primary.
primary=$(ask_sentinels | sort | uniq -c | awk '$1 >= 2 { print $2; exit }')
if [[ -z $primary ]]; then
  [[ ! -e $runtime ]] || exit 0
  primary=$FIRST_PRIMARY
fi

touch "$runtime"
rest=$(grep -v '^replicaof ' "$runtime" || true)
{
  [[ -z $rest ]] || printf '%s\n' "$rest"
  [[ $primary == "$ADDRESS" ]] || printf 'replicaof %s %s\n' "$primary" "$PORT"
} | put_file "$runtime" 0640 valkey valkey
log "primary is $primary"
