# shellcheck shell=sh
# What the engine runs at its first look at a machine: prints the host key by which it knows the machine from then on,
# without the comment, which is the host name. cloud-init makes the keys of a new machine, so it comes first.
set -eu
timeout 1800 cloud-init status --wait </dev/null >/dev/null 2>&1 || true
cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub
