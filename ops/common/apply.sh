#!/bin/bash
# Installs the changed files of a file set and reloads the services they belong to, and no others.
#   chitlaq-apply FILESET [early]
# FILESET  directory with manifest.tsv and files/; the same one a machine boots from and a later change brings
# early    only what must be there before packages can be installed
# When a changed configuration does not pass its service's own check, every file goes back to what it was.
# What a change makes necessary is remembered until it was done: files that are in place already would not ask for it again.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

fileset=${1:?usage: chitlaq-apply FILESET [early]}
only=${2:-all}
state=/var/lib/chitlaq
kept=$state/manifest.tsv
undo=$state/undo
pending=$state/pending
declare -A actions=()
changed=()

mkdir -p "$state"
chmod 0755 "$state"
exec 9>"$state/apply.lock"
flock 9
rm -rf "$undo"
install -d -m 0700 "$undo"
touch "$pending"
cp "$pending" "$undo/pending"

remember() {
  changed+=("$1")
  if [[ -e $1 || -L $1 ]]; then
    mkdir -p "$undo$(dirname "$1")"
    cp -a "$1" "$undo$1"
  fi
}

# Before the file changes, so that no end of this script comes in between.
want() {
  [[ -z ${actions[$1]:-} ]] || return 0
  actions[$1]=1
  grep -qxF -- "$1" "$pending" || printf '%s\n' "$1" >>"$pending"
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
    want "$action"
    mv -fT "$temporary" "$path"
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
    want "$action"
    rm -f "$path"
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
  cp "$undo/pending" "$pending"
  systemctl daemon-reload
}

is_unit() { systemctl cat "$1" >/dev/null 2>&1; }

act() {
  case $1 in
    none) ;;
    units) ;;
    # Some settings come with a module.
    sysctl) systemctl restart systemd-modules-load.service || true; sysctl -e -q --system >/dev/null 2>&1 || log "some kernel settings were refused" ;;
    nftables) systemctl enable --quiet nftables.service && systemctl reload-or-restart nftables.service ;;
    # The file that went may have been the unit itself, and a restart may take the place of a reload.
    reload:*) [[ -n ${actions[restart:${1#*:}]:-} ]] || ! is_unit "${1#*:}" || systemctl try-reload-or-restart "${1#*:}" ;;
    restart:*) ! is_unit "${1#*:}" || systemctl try-restart "${1#*:}" ;;
    *) fail "unknown action $1 in the manifest" ;;
  esac
}

done_with() {
  grep -vxF -- "$1" "$pending" >"$pending.new" || true
  mv -f "$pending.new" "$pending"
}

if [[ $only == all ]]; then
  systemd-sysusers "$fileset/files/etc/sysusers.d/chitlaq.conf"
  systemd-tmpfiles --create "$fileset/files/etc/tmpfiles.d/chitlaq.conf"
fi
install_files
remove_stale
# What is left over from an earlier run needs all of its files, as that run did.
if [[ $only == all ]]; then
  while read -r action; do actions[$action]=1; done <"$pending"
fi
systemctl daemon-reload
for action in "${!actions[@]}"; do
  if ! check "$action"; then
    put_back
    fail "the check for $action failed: every file is as it was before"
  fi
done
[[ $only != all ]] || install -m 0644 "$fileset/manifest.tsv" "$kept"
failed=()
for action in "${!actions[@]}"; do
  if act "$action"; then done_with "$action"; else failed+=("$action"); fi
done
((${#failed[@]} == 0)) || fail "failed, and tried again next time: ${failed[*]}"
log "${#changed[@]} files changed"
