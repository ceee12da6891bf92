#!/bin/bash
# Keeps etcd's leader away from PostgreSQL's: when both die in one machine, etcd first elects a new leader, which then
# gives the dead primary's lease its full time again. Run by a timer; moves the leadership only when both are here.
set -euo pipefail
source /etc/chitlaq/etcd.env
source /etc/chitlaq/database.env

curl -fs -m 2 -o /dev/null --cacert "$ETCD_TRUSTED_CA_FILE" "$PATRONI_URL/primary" || exit 0

own=${ETCD_ADVERTISE_CLIENT_URLS%%,*}
ask() {
  etcdctl --endpoints="$own" --cacert="$ETCD_TRUSTED_CA_FILE" --cert="$ETCD_CERT_FILE" --key="$ETCD_KEY_FILE" \
    --dial-timeout=2s --command-timeout=4s "$@"
}
# One line for each member that answers: address, identifier, version, size, is leader…
members=$(ask endpoint status --cluster --write-out=simple 2>/dev/null || true)
awk -F ', ' -v own="$own" '$1 == own && $5 == "true" { found = 1 } END { exit !found }' <<<"$members" || exit 0
other=$(awk -F ', ' -v own="$own" '$1 != own { print $2; exit }' <<<"$members")
[[ -n $other ]] || exit 0
ask move-leader "$other"
