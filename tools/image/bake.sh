#!/bin/bash
# Makes a stock Debian 13 server the template of a snapshot: installs the packages of all roles, switches their services off,
# takes away what belongs to this one server, and powers off. When something fails, the server stays on.
#   bake.sh install   by cloud-init, as root; packages.txt and units.txt lie beside this file
#   bake.sh finish    after cloud-init has ended
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
names() { sed 's/#.*//' "$here/$1" | awk 'NF { print $1 }'; }

install_packages() {
  local packages units
  mapfile -t packages < <(names packages.txt)
  mapfile -t units < <(names units.txt)
  # Debian would make a cluster with a key of its own, and start services that listen.
  install -d /etc/postgresql-common
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 0755 /usr/sbin/policy-rc.d
  apt-get -qq -o Acquire::Retries=5 -o DPkg::Lock::Timeout=300 --error-on=any update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install "${packages[@]}"
  rm /usr/sbin/policy-rc.d
  systemctl disable --quiet "${units[@]}"
  apt-get -qq clean
}

forget_this_server() {
  # The password that Hetzner gave a server without SSH keys.
  usermod --password '!' root
  chage --lastday "$(date +%F)" --expiredate -1 root
  rm -rf /root/.ssh /root/.bash_history /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
  rm -f /var/lib/systemd/random-seed /var/lib/dhcp/*.leases
  cloud-init clean --logs
  # Empty, not "uninitialized": that would be a first boot, in which systemd enables every service again.
  : >/etc/machine-id
  journalctl --quiet --rotate --vacuum-size=1 || true
  rm -rf "$here"
  sync
}

case "${1:-}" in
  install)
    install_packages
    # cloud-init writes its last file after this script has ended.
    systemd-run --quiet --collect --unit=chitlaq-bake-finish "$here/bake.sh" finish
    ;;
  finish)
    cloud-init status --wait >/dev/null
    forget_this_server
    systemctl poweroff
    ;;
  *)
    echo "usage: bake.sh install|finish" >&2
    exit 2
    ;;
esac
