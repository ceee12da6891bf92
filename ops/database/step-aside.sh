#!/bin/bash
# Before files of the database change on this machine: when it leads and a standby gets in step, the standby takes over, so
# that a bad change meets a standby and not the primary. The lead moves with every failover, so no fixed order could do it.
#   step-aside  reads the lines of diff -rq between the old and the new file set from standard input
set -euo pipefail

grep -qE 'patroni|postgres|pgbouncer|pgbackrest|database|/etc/chitlaq/packages' || exit 0
# The other machine may have been away a moment ago, for the same change.
exec "$(dirname "$0")/hand-over" 60
