#!/bin/bash
# Puts a release of the application into service on this machine, and the former one back when the new one does not become
# ready. One machine at a time behind the load balancer makes a rolling release.
#   chitlaq-deploy ARCHIVE VERSION SHA256
#   chitlaq-deploy fetch   the release the plan names, from its address, unless it runs already
#   chitlaq-deploy status  version in service
# An archive (.tar.gz) holds an executable `start` at its root.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/release.env

home=/opt/chitlaq
releases=$home/releases
unit=chitlaq-app.service

current_version() { [[ ! -L $home/current ]] || basename "$(readlink "$home/current")"; }

unpack() {
  local archive=$1 version=$2 sha256=$3
  [[ $version =~ ^[A-Za-z0-9._-]{1,40}$ && $version != .* ]] || fail "$version is no version"
  [[ $sha256 =~ ^[0-9a-f]{64}$ ]] || fail "$sha256 is no SHA-256 sum"
  printf '%s  %s\n' "$sha256" "$archive" | sha256sum --check --quiet - || fail "$archive is not the release that was named"
  [[ -f $releases/$version/.sha256 && $(<"$releases/$version/.sha256") == "$sha256" ]] && return
  [[ $(current_version) != "$version" ]] || fail "$version is in service with other contents; give the new one a new version"
  rm -rf "${releases:?}/$version" "$releases/.incoming"
  mkdir -p "$releases/.incoming"
  tar -xzf "$archive" -C "$releases/.incoming" --no-same-owner --no-same-permissions
  [[ -x $releases/.incoming/start ]] || fail "$archive has no executable start at its root"
  printf 'APP_VERSION=%s\n' "$version" >"$releases/.incoming/release.env"
  printf '%s\n' "$sha256" >"$releases/.incoming/.sha256"
  chmod -R u=rwX,go=rX "$releases/.incoming"
  mv -T "$releases/.incoming" "$releases/$version"
}

point_to() {
  ln -sfn "releases/$1" "$home/current.new"
  mv -fT "$home/current.new" "$home/current"
}

is_ready() { curl -fsS -m 5 -o /dev/null "$APP_URL/readyz"; }

# Waits in a subshell, because wait_for ends the script that gives up.
becomes_ready() { (wait_for 60 "the application to become ready" is_ready); }

put_into_service() {
  local version=$1 former
  former=$(current_version)
  point_to "$version"
  # Before the secrets are there, the unit is not enabled; chitlaq-activate starts it.
  systemctl is-enabled --quiet "$unit" || {
    log "$version will start with the machine's secrets"
    return
  }
  systemctl restart "$unit"
  becomes_ready && return
  [[ -n $former && $former != "$version" ]] || fail "$version does not become ready and there is nothing to go back to"
  point_to "$former"
  systemctl restart "$unit"
  becomes_ready || fail "$version does not become ready, and neither does $former"
  fail "$version does not become ready; $former is back in service"
}

remove_old() {
  local kept
  kept=$(current_version)
  # The one in service and the two newest others.
  find "$releases" -mindepth 1 -maxdepth 1 -type d ! -name "$kept" -printf '%T@ %p\n' | sort -rn | tail -n +3 | cut -d ' ' -f 2- |
    xargs -r rm -rf
}

deploy() {
  mkdir -p "$releases"
  exec 8>"$home/deploy.lock"
  flock 8
  unpack "$@"
  if [[ $(current_version) == "$2" ]]; then
    log "$2 is in service already"
    return
  fi
  put_into_service "$2"
  remove_old
  log "$2 is in service"
}

fetch() {
  local archive
  [[ -n $RELEASE_URL ]] || return 0
  [[ $(current_version) != "$RELEASE_VERSION" ]] || return 0
  archive=$(mktemp /var/lib/chitlaq/release.XXXXXX)
  # shellcheck disable=SC2064 # the name of today's file
  trap "rm -f '$archive'" EXIT
  curl -fsSL --proto '=https,file' --retry 5 --retry-all-errors --retry-delay 5 -m 600 -o "$archive" "$RELEASE_URL" ||
    fail "could not fetch $RELEASE_URL"
  deploy "$archive" "$RELEASE_VERSION" "$RELEASE_SHA256"
}

case ${1:-} in
  fetch) fetch ;;
  status) current_version ;;
  '') fail "usage: chitlaq-deploy ARCHIVE VERSION SHA256 | fetch | status" ;;
  *) deploy "${1:?}" "${2:?no version}" "${3:?no SHA-256 sum}" ;;
esac
