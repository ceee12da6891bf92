#!/bin/bash
# Brings changed settings into force that PostgreSQL reads only when it starts, such as its buffers. A member that leads
# while another follows hands the lead over first.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/database.env
source /etc/chitlaq/machine.env

query() { runuser -u postgres -- psql -XAtqc "$1" -h /var/run/postgresql postgres; }
patronictl_chitlaq() { runuser -u postgres -- patronictl -c /etc/patroni/config.yml "$@"; }
is_pending() { [[ $(query 'SELECT count(*) FROM pg_settings WHERE pending_restart') != 0 ]]; }
own_state() { jq -r --arg me "$MACHINE" '.[] | select(.Member == $me) | .State' <<<"$1"; }
leads_others() {
  members=$(patronictl_chitlaq list -f json)
  [[ $(jq -r --arg me "$MACHINE" 'any(.[]; .Member == $me and .Role == "Leader") and any(.[]; .Member != $me and .State == "streaming")' <<<"$members") == true ]]
}
is_in_service() {
  query 'SELECT 1' && { [[ $PATRONI == no ]] || own_state "$(patronictl_chitlaq list -f json)" | grep -qxE 'running|streaming'; }
}

# What does not run starts with its new settings.
query 'SELECT 1' >/dev/null 2>&1 || exit 0

if [[ $PATRONI == yes ]]; then
  [[ -n $(find /etc/patroni/config.yml /etc/chitlaq/patroni-dcs.json -mmin -2) ]] || exit 0
  patronictl_chitlaq edit-config --quiet --force --replace /etc/chitlaq/patroni-dcs.json >/dev/null ||
    log "the shared configuration is left to chitlaq-database"
  # Patroni reads both in its next round, two seconds later at most, and then tells PostgreSQL.
  for ((tenths = 0; tenths < 80; tenths++)); do
    if is_pending; then break; fi
    sleep 0.1
  done
fi
is_pending || exit 0

if [[ $PATRONI == yes ]]; then
  # A standby that was away when this member was to step aside is back by now.
  if leads_others; then "$(dirname "$0")/hand-over" 60; fi
  if leads_others; then
    log "settings wait for a restart of PostgreSQL, which leads"
    exit 0
  fi
  patronictl_chitlaq restart "$(jq -r '.[0].Cluster' <<<"$members")" "$MACHINE" --force >/dev/null
else
  systemctl restart postgresql@17-main.service
fi
wait_for 120 "PostgreSQL to be in service again" is_in_service
log "PostgreSQL has its new settings"
