#!/bin/bash
# Decides how an etcd member without data starts: with the others of a new cluster, or as the replacement of a member
# that a running cluster still lists.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/etcd.env

state=/var/lib/chitlaq/etcd-state.env
[[ ! -d $ETCD_DATA_DIR/member ]] || exit 0
install -d -o etcd -g etcd -m 0700 "$ETCD_DATA_DIR"

peers() {
  tr , '\n' <<<"$ETCD_INITIAL_CLUSTER" | grep -v "^$ETCD_NAME=" | sed -e 's/^[^=]*=//' -e "s/:[0-9]*$/:${ETCD_ADVERTISE_CLIENT_URLS##*:}/" | paste -sd,
}

ask() {
  etcdctl --endpoints="$(peers)" --cacert="$ETCD_TRUSTED_CA_FILE" --cert="$ETCD_CERT_FILE" --key="$ETCD_KEY_FILE" \
    --dial-timeout=2s --command-timeout=4s "$@"
}

[[ -n $(peers) ]] || exit 0
# Log entries a cluster has only after it had a majority: starting alone makes a handful.
established=100

# No majority answers. On the first boot that is normal and all members start together; beside a member with a history
# it would be a second cluster under the same name.
if ! members=$(ask member list --write-out=json 2>/dev/null); then
  newest=$(ask endpoint status --write-out=json 2>/dev/null | jq '[.[].Status.raftAppliedIndex // 0] | max // 0' || true)
  ((${newest:-0} < established)) ||
    fail "the cluster lost its majority; wait for its members, or give its memory up with chitlaq-etcd-reset on each survivor"
  exit 0
fi
mine=$(jq -c --arg url "$ETCD_INITIAL_ADVERTISE_PEER_URLS" '.members[] | select(.peerURLs == [$url])' <<<"$members")

# Listed and never started: it is awaited, with the state of a new cluster or, when it was added, of an existing one.
if [[ -n $mine && -z $(jq -r '.name // ""' <<<"$mine") ]]; then
  log "the cluster waits for this member"
  exit 0
fi
if [[ -n $mine ]]; then
  # jq keeps 64-bit identifiers only as text; etcdctl wants them in hexadecimal.
  id=$(ask member list | awk -F', ' -v url="$ETCD_INITIAL_ADVERTISE_PEER_URLS" '$4 == url { print $1 }')
  log "replacing member $id, whose data is gone"
  ask member remove "$id"
fi
printf 'ETCD_INITIAL_CLUSTER_STATE=existing\n' >"$state.new"
ask member add "$ETCD_NAME" --peer-urls="$ETCD_INITIAL_ADVERTISE_PEER_URLS"
mv -f "$state.new" "$state"
