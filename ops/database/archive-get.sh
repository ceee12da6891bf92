#!/bin/bash
# Fetches a log segment for a standby that the primary cannot serve any more, for example after a long absence.
#   archive-get SEGMENT DESTINATION
# It answers within seconds whatever the object storage does, and at once when this member is being promoted: PostgreSQL
# looks for the order to promote only between two questions, and a failover must not wait for a storage that is away. A
# fetch that was cut short goes on in the background (archive-async) and is found by the next question. Histories of
# timelines come from the primary.
set -euo pipefail

source /etc/chitlaq/database.env

# The member that holds the leader's lock is being promoted: what it has not received by now is not in the archive either.
is_promoted() { curl -fs -m 1 -o /dev/null --cacert /etc/chitlaq/secrets/ca.crt "$PATRONI_URL/leader"; }

[[ $1 != *.history ]] || exit 1
if is_promoted; then exit 1; fi
timeout 3 pgbackrest --stanza=chitlaq archive-get "$1" "$2" &
fetch=$!
while kill -0 "$fetch" 2>/dev/null; do
  if is_promoted; then
    kill "$fetch" 2>/dev/null || true
    exit 1
  fi
  sleep 0.1
done
wait "$fetch"
