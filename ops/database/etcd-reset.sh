#!/bin/bash
# Gives up what this etcd member remembers, after the other members were lost for good; the cluster then starts anew.
# PostgreSQL's data is not touched: Patroni finds it and takes the lead again.
#   chitlaq-etcd-reset --yes
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/etcd.env

[[ ${1:-} == --yes ]] || fail "this forgets who leads the database; add --yes when the majority is lost for good"
systemctl stop etcd.service
aside="$ETCD_DATA_DIR.$(date -u +%Y%m%dT%H%M%SZ)"
[[ ! -d $ETCD_DATA_DIR ]] || mv -T "$ETCD_DATA_DIR" "$aside"
rm -f /var/lib/chitlaq/etcd-state.env
systemctl start --no-block etcd.service
log "the old memory is kept in $aside"
