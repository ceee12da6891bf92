#!/bin/bash
# Daily copy of the application and of the machine's configuration; encrypted before it leaves the machine.
# Secrets are not in it: they come from the stack's own encrypted configuration.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/restic.env

restic cat config >/dev/null 2>&1 || restic init --quiet
restic unlock --quiet
read -r -a paths <<<"$BACKUP_PATHS"
restic backup --quiet --tag daily --exclude /etc/chitlaq/secrets --exclude /etc/chitlaq/rendered \
  --exclude '/etc/ssh/ssh_host_*' --exclude /etc/shadow "${paths[@]}"
restic forget --quiet --tag daily --keep-daily "$RETENTION_DAYS" --prune
