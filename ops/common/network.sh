#!/bin/bash
# Waits for the private address, keeps its interface's MTU, and on a machine without a public address sends everything
# else to the network's router, which hands it to the NAT gateway.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/machine.env

wait_for 300 "the private address $PRIVATE_IP; is the server attached to the network?" \
  has_private_interface "$PRIVATE_IP"
interface=$(private_interface "$PRIVATE_IP")

# Hetzner's networks carry 1450 bytes (docs.hetzner.com/cloud/networks/technical-concepts/architecture); a larger packet
# is lost without a message.
mtu=$(<"/sys/class/net/$interface/mtu")
((mtu <= 1450)) || ip link set dev "$interface" mtu 1450

if [[ $PUBLIC == no ]]; then
  ip route replace default via "$NETWORK_GATEWAY" dev "$interface" onlink
fi
log "$PRIVATE_IP on $interface"
