#!/bin/bash
# Hands a log segment to pgBackRest.
#   archive-push SEGMENT
# A storage that is away must not keep a member out of the cluster. A server that stops asks three times, twice, for every
# segment that waits, and Patroni hands the lead over a second sooner when it is down within a second: it waits half a
# second here. Before a crashed primary recovers, Patroni asks for every segment once: it waits three seconds each.
# Meanwhile pgBackRest's own process goes through all of them behind our back (archive-async).
set -euo pipefail

source /etc/chitlaq/database.env

pgbackrest --stanza=chitlaq archive-push "$1" &
# How many tenths of a second to wait, and what to end with: more than 125 ends PostgreSQL's archiver, anything less is tried
# again. Line 8 of the server's own note (src/include/utils/pidfile.h) says what it is about to do.
for ((tenths = 0; ; tenths++)); do
  code=1 limit=600
  if ! mapfile -t note 2>/dev/null <"$DATA_DIRECTORY/postmaster.pid" || ! kill -0 "${note[0]:-}" 2>/dev/null; then
    limit=30
  elif [[ ${note[7]:-} == stopping* ]]; then
    code=130 limit=5
  fi
  if ((tenths > limit)) || ! kill -0 $! 2>/dev/null; then break; fi
  sleep 0.1
done
if kill $! 2>/dev/null || ! wait $!; then exit "$code"; fi
