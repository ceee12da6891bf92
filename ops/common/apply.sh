#!/bin/bash
# Installs the changed files of a file set and reloads the services they belong to, and no others.
#   chitlaq-apply FILESET [early]
# FILESET  directory with manifest.tsv and files/; the same one a machine boots from and a later change brings
# early    only what must be there before packages can be installed
# When a changed configuration does not pass its service's own check, every file goes back to what it was.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

fileset=${1:?usage: chitlaq-apply FILESET [early]}
only=${2:-all}
state=/var/lib/chitlaq
kept=$state/manifest.tsv
undo=$state/undo
declare -A actions=()
changed=()

mkdir -p "$state"
chmod 0755 "$state"
exec 9>"$state/apply.lock"
flock 9
rm -rf "$undo"
install -d -m 0700 "$undo"

remember() {
  changed+=("$1")
  if [[ -e $1 || -L $1 ]]; then
    mkdir -p "$undo$(dirname "$1")"
    cp -a "$1" "$undo$1"
  fi
}

is_current() {
  [[ -f $4 && ! -L $4 ]] && cmp -s "$fileset/files$4" "$4" && [[ $(stat -c '%04a %U %G' "$4") == "$1 $2 $3" ]]
}

install_files() {
  local stage mode owner group action path temporary
  while IFS=$'\t' read -r stage mode owner group action path; do
    [[ $only == all || $stage == early ]] || continue
    is_current "$mode" "$owner" "$group" "$path" && continue
    remember "$path"
    mkdir -p "$(dirname "$path")"
    temporary=$(mktemp "$(dirname "$path")/.chitlaq.XXXXXX")
    cat "$fileset/files$path" >"$temporary"
    chown "$owner:$group" "$temporary"
    chmod "$mode" "$temporary"
    mv -fT "$temporary" "$path"
    actions[$action]=1
    log "installed $path"
  done <"$fileset/manifest.tsv"
}

# What an earlier file set brought and this one does not have any more.
remove_stale() {
  [[ $only == all && -f $kept ]] || return 0
  local action path
  while IFS=$'\t' read -r _ _ _ _ action path; do
    cut -f 6 "$fileset/manifest.tsv" | grep -qxF -- "$path" && continue
    [[ -e $path ]] || continue
    remember "$path"
    rm -f "$path"
    actions[$action]=1
    log "removed $path"
  done <"$kept"
}

# A unit that does not run has nothing to lose: it is checked when it starts.
check_unit() {
  systemctl is-active --quiet "$1" || return 0
  case $1 in
    nginx.service) nginx -t -q ;;
    haproxy.service) haproxy -c -q -f /etc/haproxy/haproxy.cfg ;;
    ssh.service) sshd -t ;;
    *) ;;
  esac
}

check() {
  case $1 in
    nftables) nft -c -f /etc/nftables.conf ;;
    reload:* | restart:*) check_unit "${1#*:}" ;;
    *) ;;
  esac
}

put_back() {
  local path
  for path in "${changed[@]}"; do
    rm -f "$path"
    if [[ -e $undo$path || -L $undo$path ]]; then cp -a "$undo$path" "$path"; fi
  done
  systemctl daemon-reload
}

act() {
  case $1 in
    none) ;;
    units) ;;
    sysctl) sysctl -e -q --system >/dev/null 2>&1 || log "some kernel settings were refused" ;;
    nftables) systemctl enable --quiet nftables.service && systemctl reload-or-restart nftables.service ;;
    reload:*) systemctl try-reload-or-restart "${1#reload:}" ;;
    restart:*) systemctl try-restart "${1#restart:}" ;;
    *) fail "unknown action $1 in the manifest" ;;
  esac
}

if [[ $only == all ]]; then
  systemd-sysusers "$fileset/files/etc/sysusers.d/chitlaq.conf"
  systemd-tmpfiles --create "$fileset/files/etc/tmpfiles.d/chitlaq.conf"
fi
install_files
remove_stale
systemctl daemon-reload
for action in "${!actions[@]}"; do
  if ! check "$action"; then
    put_back
    fail "the check for $action failed: every file is as it was before"
  fi
done
[[ $only != all ]] || install -m 0644 "$fileset/manifest.tsv" "$kept"
for action in "${!actions[@]}"; do act "$action"; done
log "${#changed[@]} files changed"
