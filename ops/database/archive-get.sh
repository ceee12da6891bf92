#!/bin/bash
# Fetches a log segment for a standby that the primary cannot serve any more, for example after a long absence.
#   archive-get SEGMENT DESTINATION
# It answers within seconds whatever the object storage does: PostgreSQL also asks while it is being promoted, and a
# failover must not wait for a storage that is away. A fetch that was cut short goes on in the background (archive-async)
# and is found by the next question. Histories of timelines come from the primary.
set -euo pipefail

[[ $1 != *.history ]] || exit 1
exec timeout 3 pgbackrest --stanza=chitlaq archive-get "$1" "$2"
