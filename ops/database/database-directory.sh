#!/bin/bash
# Gives PostgreSQL the root of its mounted volume; refuses to go on without one, because a database on the machine's own
# disk would be lost with the machine.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/database.env

mountpoint -q "$DATA_MOUNT" || fail "$DATA_MOUNT is not mounted; see systemctl status chitlaq-volume"
chown postgres:postgres "$DATA_MOUNT"
install -d -o postgres -g postgres -m 0750 "$DATA_MOUNT/17" "$DATA_MOUNT/17/spool"
# Made by Patroni or initdb when it does not exist; both want to find it theirs and closed to others.
[[ ! -d $DATA_DIRECTORY ]] || chmod 0700 "$DATA_DIRECTORY"
