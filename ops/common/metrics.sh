#!/bin/bash
# Writes what the machine's own checks say where node-exporter reads it.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

tools=$(dirname "$0")/../../sbin

succeeds() { if "$@" >/dev/null 2>&1; then echo 1; else echo 0; fi; }

health=$("$tools/chitlaq-health" || true)
{
  echo '# TYPE chitlaq_health gauge'
  jq -r 'to_entries[] | "chitlaq_health{check=\"\(.key)\"} \(if .value == "ok" then 1 else 0 end)"' <<<"$health"
  echo '# TYPE chitlaq_reboot_required gauge'
  echo "chitlaq_reboot_required $(succeeds test -e /run/reboot-required)"
  if [[ -x $tools/chitlaq-backup-status ]]; then
    echo '# TYPE chitlaq_backup_healthy gauge'
    echo "chitlaq_backup_healthy $(succeeds timeout 60 "$tools/chitlaq-backup-status")"
  fi
  # Old answers look like good ones.
  echo '# TYPE chitlaq_checked_timestamp_seconds gauge'
  echo "chitlaq_checked_timestamp_seconds $(date +%s)"
} | put_file /var/lib/prometheus/node-exporter/chitlaq.prom 0644 root root
