#!/bin/bash
# Gets the pinned k3s, checks it against the release's own list of sums, and settles what is known on the machine alone:
# the name of the private interface, and whether a server starts the cluster or joins it.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/k3s.env

settings=/etc/rancher/k3s/config.yaml.d
release="https://github.com/k3s-io/k3s/releases/download/${K3S_VERSION/+/%2B}"

installed_version() { /usr/local/bin/k3s --version 2>/dev/null | awk 'NR == 1 { print $3 }'; }

install_k3s() {
  local work binary suffix
  case $(uname -m) in
    x86_64) binary=k3s suffix=amd64 ;;
    aarch64) binary=k3s-arm64 suffix=arm64 ;;
    *) fail "k3s is not released for $(uname -m)" ;;
  esac
  work=$(mktemp -d /var/lib/chitlaq/k3s.XXXXXX)
  # shellcheck disable=SC2064 # the directory of now
  trap "rm -rf '$work'" EXIT
  log "fetching k3s $K3S_VERSION"
  curl -fsSL --proto '=https' --retry 10 --retry-all-errors --retry-delay 5 -m 600 \
    -o "$work/$binary" "$release/$binary" -o "$work/sums" "$release/sha256sum-$suffix.txt"
  # The list names images too; only the binary was fetched.
  grep -E "^[0-9a-f]{64}  $binary\$" "$work/sums" >"$work/sum" || fail "the release's list has no sum for $binary"
  (cd "$work" && sha256sum --check --quiet sum) || fail "$binary is not the released one"
  install -m 0755 "$work/$binary" /usr/local/bin/k3s.new
  mv -fT /usr/local/bin/k3s.new /usr/local/bin/k3s
  ln -sfn k3s /usr/local/bin/kubectl
  ln -sfn k3s /usr/local/bin/crictl
  # A running k3s goes on with the old binary until it is restarted, one machine at a time.
}

[[ $(installed_version) == "$K3S_VERSION" ]] || install_k3s

printf 'flannel-iface: %s\n' "$(private_interface "$PRIVATE_IP")" | put_file "$settings/10-interface.yaml" 0600 root root

running_server() {
  local server
  for server in $OTHER_SERVERS; do
    if [[ $(curl -fsk -m 3 "https://$server:6443/ping") == pong ]]; then
      printf '%s' "$server"
      return
    fi
  done
}

if [[ $K3S_KIND == server ]]; then
  for name in k3s-server-token k3s-agent-token; do
    [[ $(secret "$name") =~ ^[A-Za-z0-9]{32,}$ ]] || fail "$name: 32 or more letters and digits, and nothing else"
  done
  put_file /etc/chitlaq/rendered/k3s.env 0600 root root <<EOT
AWS_ACCESS_KEY_ID=$(secret s3-access-key)
AWS_SECRET_ACCESS_KEY=$(secret s3-secret-key)
EOT
  # The first server starts the cluster once. Rebuilt beside servers that run, it joins them like any other: a second
  # start would be a second cluster.
  if [[ ! -d /var/lib/rancher/k3s/server/db ]]; then
    peer=$(running_server)
    if [[ -n $peer ]]; then
      printf 'server: https://%s:6443\n' "$peer"
    elif [[ $FIRST == yes ]]; then
      printf 'cluster-init: true\n'
    else
      printf 'server: https://%s:6443\n' "${OTHER_SERVERS%% *}"
    fi | put_file "$settings/20-join.yaml" 0600 root root
  fi
fi
