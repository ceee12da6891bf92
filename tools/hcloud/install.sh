#!/usr/bin/env bash
# Installs the official Hetzner Cloud clients that judge the local cloud: the Debian CLI, the Python client and a tour
# built on the Go client. What cannot be had is named and left out; the tests skip it by name.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$(cd "$here/../.." && pwd)/.cache

missing() {
  printf 'not installed: %s\n' "$1" >&2
}

install_cli() {
  command -v hcloud >/dev/null && return
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    missing 'hcloud-cli (needs root and apt-get)'
    return
  fi
  apt-get install -y --no-install-recommends hcloud-cli >/dev/null 2>&1 ||
    { apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends hcloud-cli >/dev/null 2>&1; } ||
    missing 'hcloud-cli (apt-get failed)'
}

install_python() {
  if ! command -v python3 >/dev/null; then
    missing 'hcloud for Python (no python3)'
    return
  fi
  local environment=$cache/py
  [ -x "$environment/bin/python" ] || python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --requirement "$here/requirements.txt" || missing 'hcloud for Python (pip failed)'
}

install_go() {
  if ! command -v go >/dev/null; then
    missing 'hcloud-tour (no go)'
    return
  fi
  mkdir -p "$cache/bin"
  go -C "$here" build -mod=readonly -trimpath -o "$cache/bin/hcloud-tour" . || missing 'hcloud-tour (go build failed)'
}

install_cli
install_python
install_go
