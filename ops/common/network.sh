#!/bin/bash
# Waits for the private address, keeps its interface's MTU, and on a machine without a public address sends everything
# else to the network's router, which hands it to the NAT gateway.
#   network [watch]  watch: does it again whenever an interface or address comes
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/machine.env

wait_for 300 "the private address $PRIVATE_IP; is the server attached to the network?" \
  has_private_interface "$PRIVATE_IP"

set_up() {
  local interface mtu
  interface=$(private_interface "$PRIVATE_IP")
  [[ -n $interface ]] || return 0
  # Hetzner's networks carry 1450 bytes (docs.hetzner.com/cloud/networks/technical-concepts/architecture); a larger packet
  # is lost without a message.
  mtu=$(<"/sys/class/net/$interface/mtu")
  ((mtu <= 1450)) || ip link set dev "$interface" mtu 1450
  if [[ $PUBLIC == no ]]; then
    ip route replace default via "$NETWORK_GATEWAY" dev "$interface" onlink
  fi
}

set_up
log "$PRIVATE_IP on $(private_interface "$PRIVATE_IP")"
if [[ ${1:-} == watch ]]; then
  # What was attached again may be gone the next moment: the event after that finds it.
  ip -oneline monitor link address | while read -r _; do set_up || true; done
  fail "the watch ended"
fi
