#!/bin/bash
# Runs the machine's health checks and prints one JSON object; exits 1 when one fails.
#   chitlaq-health [SECONDS]  with a number, repeats for so long until all pass
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

deadline=$((SECONDS + ${1:-0}))

run_checks() {
  local name command result
  while IFS=$'\t' read -r name command; do
    result=ok
    timeout 10 bash -c "$command" >/dev/null 2>&1 </dev/null || result=failed
    printf '%s\t%s\n' "$name" "$result"
  done </etc/chitlaq/health.tsv
}

while :; do
  results=$(run_checks)
  if ! grep -qP '\tfailed$' <<<"$results"; then
    status=0
    break
  fi
  status=1
  ((SECONDS < deadline)) || break
  sleep 1
done
jq -R -n -c '[inputs | split("\t") | {key: .[0], value: .[1]}] | from_entries' <<<"$results"
exit "$status"
