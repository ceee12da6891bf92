#!/bin/bash
# The application's secrets, as it reads them from its environment; and its first release.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh

plain_secrets postgres-app-password valkey-app-password valkey-sentinel-password app-session-secret

{
  printf 'DATABASE_USER=%s\n' "$(login_name "$(secret postgres-app-password)")"
  printf 'DATABASE_PASSWORD=%s\n' "$(secret postgres-app-password)"
  printf 'REDIS_PASSWORD=%s\n' "$(secret valkey-app-password)"
  printf 'SESSION_SECRET=%s\n' "$(secret app-session-secret)"
  if [[ -e /etc/chitlaq/secrets/valkey-sentinel-password ]]; then
    printf 'REDIS_SENTINEL_PASSWORD=%s\n' "$(secret valkey-sentinel-password)"
  fi
} | put_file /etc/chitlaq/rendered/app.env 0600 root root

/usr/local/sbin/chitlaq-deploy fetch
