#!/bin/bash
# Brings the machine to the state its file set describes: network, packages, files, units. Safe to run at any time.
#   chitlaq-converge [FILESET.sh]
# With a file set, that one becomes the machine's: this is how a change reaches a machine that runs already.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

state=/var/lib/chitlaq
fileset=$state/fileset

mkdir -p "$state"
exec 7>"$state/converge.lock"
flock 7

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

# Ours as far as a service must not start before its configuration and secrets are there. One that a run left behind when it
# was cut off would keep every later upgrade from restarting anything.
policy=/usr/sbin/policy-rc.d
allow_service_starts() {
  if grep -qsx '# chitlaq-converge' "$policy"; then rm -f "$policy"; fi
}
forbid_service_starts() {
  [[ -e $policy ]] || printf '#!/bin/sh\n# chitlaq-converge\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
}
trap allow_service_starts EXIT

install_packages() {
  local missing=() package
  while read -r package; do
    is_installed "$package" || missing+=("$package")
  done <"$fileset/files/etc/chitlaq/packages"
  ((${#missing[@]} > 0)) || return 0
  log "installing ${missing[*]}"
  forbid_service_starts
  # apt refuses to go on from where an earlier run was cut off; others hold dpkg's lock for a while.
  wait_for 300 "dpkg to configure what is unpacked; see dpkg --configure -a" \
    env DEBIAN_FRONTEND=noninteractive dpkg --force-confold --configure -a
  # A machine without a public address has no way out before the gateway runs, which boots at the same time.
  wait_for 900 "a package index; is the NAT gateway up and does name resolution work?" \
    apt-get -qq -o Acquire::Retries=0 -o Acquire::http::Timeout=10 --error-on=any update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
    install "${missing[@]}"
}

# units_of WHEN lists the units of that kind which exist here.
units_of() {
  local unit
  awk -F '\t' -v when="$1" '$1 == when { print $2 }' "$fileset/files/etc/chitlaq/units.tsv" | while read -r unit; do
    if systemctl cat "$unit" >/dev/null 2>&1; then printf '%s\n' "$unit"; else log "$unit does not exist" >&2; fi
  done
}

# One call for many units: each call reads all unit files again.
set_units() {
  local off boot secrets
  mapfile -t off < <(units_of off)
  mapfile -t boot < <(units_of boot)
  mapfile -t secrets < <(units_of secrets)
  # chitlaq-activate enables those, when the secrets are there.
  [[ -e $state/activated ]] || off+=("${secrets[@]}")
  ((${#off[@]} == 0)) || systemctl disable --quiet --now "${off[@]}"
  systemctl enable --quiet "${boot[@]}"
  systemctl start --no-block "${boot[@]}"
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
