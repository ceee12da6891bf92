#!/bin/bash
# Takes delivered secrets and tells which are missing. It never prints a value.
#   chitlaq-secrets install  reads {"name": "value", ...} from standard input and starts the services when the set is complete
#   chitlaq-secrets retire   ends the former passwords, once every machine was brought today's
#   chitlaq-secrets status   lists every secret the machine needs with present or missing
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

list=/etc/chitlaq/secrets.tsv
directory=/etc/chitlaq/secrets
former=/etc/chitlaq/former

is_wanted() { cut -f 1 "$list" | grep -qxF -- "$1"; }

# Machines get a new password one after the other: until the last one has it, servers take the one before it too. After
# updates that broke off there may be several.
keep_former() {
  local name=$1 incoming=$2 value
  [[ $name == *-password && -s $directory/$name ]] || return 0
  value=$(secret "$name")
  [[ $value != "$incoming" ]] || return 0
  install -d -m 0700 "$former"
  {
    printf '%s\n' "$value"
    [[ ! -e $former/$name ]] || cat "$former/$name"
  } | awk '!seen[$0]++' | put_file "$former/$name" 0600 root root
}

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
    keep_former "$name" "$(jq -r --arg name "$name" '.[$name]' <<<"$incoming")"
    jq -rj --arg name "$name" '.[$name]' <<<"$incoming" | put_file "$directory/$name" "$mode" "$owner" "$group"
  done <"$list"
  exec 9>&-
  systemctl start chitlaq-activate.service
  status
}

retire() {
  # Remembered until it is done: without the values nobody would know that servers still take them.
  local ending=$former.ending
  [[ -e $former || -e $ending ]] || return 0
  exec 9>/var/lib/chitlaq/activate.lock
  flock 9
  install -d -m 0700 "$ending"
  rm -rf "$former"
  exec 9>&-
  # Renders without them what servers read, and has these read it.
  systemctl start chitlaq-activate.service
  rmdir "$ending"
  log "former passwords are refused from now on"
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
  retire) retire ;;
  status) status ;;
  *) fail "usage: chitlaq-secrets install|retire|status" ;;
esac
