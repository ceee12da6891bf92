#!/bin/bash
# Gives the lead to a standby when this member has it.
#   hand-over [SECONDS]  waits so long for a standby that is in step; left out: takes the one that is now
# Without one the lead stays here, and so it does when the members cannot be asked, as when all of them shut down.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/machine.env

end=$((SECONDS + ${1:-0}))
# Patroni waits for an answer of etcd longer than a shutdown may take.
patronictl_chitlaq() { timeout 10 runuser -u postgres -- patronictl -c /etc/patroni/config.yml "$@"; }

# member ROLES prints the first member that has one of the roles and runs.
member() { jq -r --arg roles "$1" '[.[] | select((.Role | IN($roles | split(",")[])) and (.State | IN("running", "streaming")))][0].Member // empty' <<<"$members"; }

while :; do
  members=$(patronictl_chitlaq list -f json) || exit 0
  [[ $(member Leader) == "$MACHINE" ]] || exit 0
  candidate=$(member "Sync Standby,Quorum Standby")
  [[ -z $candidate ]] || break
  if ((SECONDS >= end)); then
    log "$MACHINE leads and no standby is in step"
    exit 0
  fi
  sleep 1
done
patronictl_chitlaq switchover --leader "$MACHINE" --candidate "$candidate" --force >/dev/null
no_longer_leads() {
  members=$(patronictl_chitlaq list -f json)
  [[ $(member Leader) == "$candidate" && $(jq -r --arg me "$MACHINE" '.[] | select(.Member == $me).State' <<<"$members") == streaming ]]
}
wait_for 120 "$candidate to lead and $MACHINE to follow" no_longer_leads
log "$candidate leads now"
