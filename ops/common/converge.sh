#!/bin/bash
# Brings the machine to the state its file set describes: network, packages, files, units. Safe to run at any time.
#   chitlaq-converge [FILESET.sh]
# With a file set, that one becomes the machine's: this is how a change reaches a machine that runs already.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

state=/var/lib/chitlaq
fileset=$state/fileset

if [[ $# -gt 0 ]]; then
  rm -rf "$fileset.new"
  install -d -m 0700 "$fileset.new"
  sh "$1" "$fileset.new"
  [[ -s $fileset.new/manifest.tsv ]] || fail "$1 is no file set: it brought no manifest"
  rm -rf "$fileset"
  mv -T "$fileset.new" "$fileset"
fi

is_installed() {
  [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Ours as far as a service must not start before its configuration and secrets are there.
forbid_service_starts() {
  [[ ! -e /usr/sbin/policy-rc.d ]] || return 0
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 0755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

install_packages() {
  local missing=() package
  while read -r package; do
    is_installed "$package" || missing+=("$package")
  done <"$fileset/files/etc/chitlaq/packages"
  ((${#missing[@]} > 0)) || return 0
  log "installing ${missing[*]}"
  # A machine without a public address has no way out before the gateway runs, which boots at the same time.
  wait_for 900 "a package index; is the NAT gateway up and does name resolution work?" \
    apt-get -qq -o Acquire::Retries=0 -o Acquire::http::Timeout=10 --error-on=any update
  forbid_service_starts
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
    install "${missing[@]}"
}

unit_exists() { systemctl cat "$1" >/dev/null 2>&1; }

set_units() {
  local when unit
  while IFS=$'\t' read -r when unit _; do
    case $when in
      off) if unit_exists "$unit"; then systemctl disable --quiet --now "$unit"; fi ;;
      boot) systemctl enable --quiet "$unit" && systemctl start --no-block "$unit" ;;
      # Enabled by chitlaq-activate, when its secrets are there.
      secrets) if [[ ! -e $state/activated ]]; then systemctl disable --quiet "$unit"; fi ;;
      *) fail "unknown word $when in units.tsv" ;;
    esac || log "could not set $unit ($when)"
  done <"$fileset/files/etc/chitlaq/units.tsv"
}

"$fileset/files/usr/local/sbin/chitlaq-apply" "$fileset" early
systemctl enable --quiet chitlaq-network.service chitlaq-converge.service
systemctl start chitlaq-network.service
install_packages
"$fileset/files/usr/local/sbin/chitlaq-apply" "$fileset"
set_units
touch "$state/converged"
systemctl start chitlaq-activate.service
log "done"
