#!/bin/bash
# Takes delivered secrets and tells which are missing. It never prints a value.
#   chitlaq-secrets install  reads {"name": "value", ...} from standard input and starts the services when the set is complete
#   chitlaq-secrets status   lists every secret the machine needs with present or missing
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

list=/etc/chitlaq/secrets.tsv
directory=/etc/chitlaq/secrets

is_wanted() { cut -f 1 "$list" | grep -qxF -- "$1"; }

install_secrets() {
  local incoming name mode owner group
  incoming=$(cat)
  wait_for 1200 "the machine's set-up; see journalctl -u chitlaq-converge and /var/log/cloud-init-output.log" \
    test -e /var/lib/chitlaq/converged
  jq -e 'type == "object" and all(.[]; type == "string" and length > 0)' >/dev/null <<<"$incoming" ||
    fail "standard input is not a JSON object of non-empty strings"
  while read -r name; do
    is_wanted "$name" || fail "$name is not a secret of this machine; see chitlaq-secrets status"
  done < <(jq -r 'keys[]' <<<"$incoming")
  # Activation, which watches the directory, waits for the whole delivery.
  exec 9>/var/lib/chitlaq/activate.lock
  flock 9
  while IFS=$'\t' read -r name mode owner group; do
    jq -e --arg name "$name" 'has($name)' >/dev/null <<<"$incoming" || continue
    jq -rj --arg name "$name" '.[$name]' <<<"$incoming" | put_file "$directory/$name" "$mode" "$owner" "$group"
  done <"$list"
  exec 9>&-
  systemctl start chitlaq-activate.service
  status
}

status() {
  local name missing=0
  while IFS=$'\t' read -r name _; do
    if [[ -s $directory/$name ]]; then
      printf '%s\tpresent\n' "$name"
    else
      printf '%s\tmissing\n' "$name"
      missing=1
    fi
  done <"$list"
  return "$missing"
}

case ${1:-} in
  install) install_secrets ;;
  status) status ;;
  *) fail "usage: chitlaq-secrets install|status" ;;
esac
