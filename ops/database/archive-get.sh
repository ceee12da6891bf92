#!/bin/bash
# Fetches a log segment for a standby that the primary cannot serve any more, for example after a long absence.
#   archive-get SEGMENT DESTINATION
# It answers within seconds whatever the object storage does: PostgreSQL also asks while it is being promoted, and a
# failover must not wait for a storage that is away. A fetch that was cut short goes on in the background (archive-async)
# and is found by the next question. Histories of timelines come from the primary.
set -euo pipefail

source /etc/chitlaq/database.env

[[ $1 != *.history ]] || exit 1
# The member that holds the leader's lock is being promoted: what it has not received by now is not in the archive either.
if curl -fs -m 1 -o /dev/null --cacert /etc/chitlaq/secrets/ca.crt "$PATRONI_URL/leader"; then exit 1; fi
exec timeout 3 pgbackrest --stanza=chitlaq archive-get "$1" "$2"
