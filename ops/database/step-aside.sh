#!/bin/bash
# Before files of the database change on this machine: when it leads and a standby is in step, the standby takes over, so
# that a bad change meets a standby and not the primary. The lead moves with every failover, so no fixed order could do it.
#   step-aside  reads the lines of diff -rq between the old and the new file set from standard input
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/machine.env

grep -qE 'patroni|postgres|pgbouncer|pgbackrest|database|/etc/chitlaq/packages' || exit 0

patronictl_chitlaq() { runuser -u postgres -- patronictl -c /etc/patroni/config.yml "$@"; }

members=$(patronictl_chitlaq list -f json)
# member ROLES prints the first member that has one of the roles and runs.
member() { jq -r --arg roles "$1" '[.[] | select((.Role | IN($roles | split(",")[])) and (.State | IN("running", "streaming")))][0].Member // empty' <<<"$members"; }

[[ $(member Leader) == "$MACHINE" ]] || exit 0
candidate=$(member "Sync Standby,Quorum Standby")
if [[ -z $candidate ]]; then
  log "$MACHINE leads and no standby is in step: it changes as it is"
  exit 0
fi
patronictl_chitlaq switchover --leader "$MACHINE" --candidate "$candidate" --force >/dev/null
no_longer_leads() {
  members=$(patronictl_chitlaq list -f json)
  [[ $(member Leader) == "$candidate" && $(jq -r --arg me "$MACHINE" '.[] | select(.Member == $me).State' <<<"$members") == streaming ]]
}
wait_for 120 "$candidate to lead and $MACHINE to follow" no_longer_leads
log "$candidate leads now"
