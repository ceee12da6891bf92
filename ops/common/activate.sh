#!/bin/bash
# Starts the machine's services when every secret they need has been delivered to /etc/chitlaq/secrets; renders the few
# configurations that must contain one. Runs again whenever a secret changes.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

state=/var/lib/chitlaq
secrets=/etc/chitlaq/secrets

exec 9>"$state/activate.lock"
flock 9

missing=()
while IFS=$'\t' read -r name _; do
  [[ -s $secrets/$name ]] || missing+=("$name")
done </etc/chitlaq/secrets.tsv
if ((${#missing[@]} > 0)); then
  log "waiting for ${#missing[@]} secrets: ${missing[*]}"
  exit 0
fi

while IFS=$'\t' read -r name mode owner group; do
  chown "$owner:$group" "$secrets/$name"
  chmod "$mode" "$secrets/$name"
done </etc/chitlaq/secrets.tsv

# Checksums only, so that a change is seen without a second copy of any value.
before=$(cat "$state/secrets.sum" 2>/dev/null || true)
now=$(cd "$secrets" && cut -f 1 /etc/chitlaq/secrets.tsv | xargs -r sha256sum)
umask 077

for step in /usr/local/lib/chitlaq/activate.d/*; do
  [[ -x $step ]] || continue
  "$step"
done

systemctl daemon-reload
touch "$state/activated"
mapfile -t units < <(awk -F '\t' '$1 == "secrets" { print $2 }' /etc/chitlaq/units.tsv)
systemctl enable --quiet "${units[@]}"
# A changed secret: services that run already take notice of it in their own way.
if [[ -n $before && $before != "$now" ]]; then
  while IFS=$'\t' read -r when unit refresh; do
    [[ $when == secrets && $refresh != none ]] || continue
    if systemctl is-active --quiet "$unit"; then systemctl --no-block "$refresh" "$unit"; fi
  done </etc/chitlaq/units.tsv
fi
# Services wait for each other (etcd for its peers), so nobody waits for them here.
systemctl --no-block start "${units[@]}"
printf '%s\n' "$now" >"$state/secrets.sum"
log "all secrets are there, services started"
