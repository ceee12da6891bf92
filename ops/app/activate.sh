#!/bin/bash
# The application's secrets, as it reads them from its environment; and its first release.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh

for name in postgres-app-password valkey-app-password valkey-sentinel-password app-session-secret; do
  [[ -e /etc/chitlaq/secrets/$name ]] || continue
  [[ $(secret "$name") =~ ^[A-Za-z0-9]{20,}$ ]] || fail "$name: 20 or more letters and digits, and nothing else"
done

{
  printf 'DATABASE_PASSWORD=%s\n' "$(secret postgres-app-password)"
  printf 'REDIS_PASSWORD=%s\n' "$(secret valkey-app-password)"
  printf 'SESSION_SECRET=%s\n' "$(secret app-session-secret)"
  if [[ -e /etc/chitlaq/secrets/valkey-sentinel-password ]]; then
    printf 'REDIS_SENTINEL_PASSWORD=%s\n' "$(secret valkey-sentinel-password)"
  fi
} | put_file /etc/chitlaq/rendered/app.env 0600 root root

/usr/local/sbin/chitlaq-deploy fetch
