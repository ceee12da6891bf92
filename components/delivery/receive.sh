#!/bin/sh
# What the engine runs on a machine: takes the file set that was just copied there and the secrets on standard input.
# Its arguments are those of chitlaq-deliver after the file set.
# The scripts come out of the file set itself, so that a machine of any age can take it. No value of a secret may stand
# in here: the engine shows this text when something fails.
set -eu
state=/var/lib/chitlaq
# A new machine may still be setting itself up. When that failed, the file set is what repairs it.
[ -e "$state/converged" ] || timeout 1800 cloud-init status --wait </dev/null >/dev/null 2>&1 || true
rm -rf "$state/incoming"
mkdir -m 0700 "$state/incoming"
sh "$state/incoming.sh" "$state/incoming"
exec "$state/incoming/files/usr/local/sbin/chitlaq-deliver" "$state/incoming.sh" "$@"
