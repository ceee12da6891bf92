#!/bin/sh
# Builds a Debian root directory for the machines of the local cloud, once.
#   build-root.sh TARGET SUITE PACKAGES UNITS
# TARGET    directory to make; nothing happens when it exists already
# PACKAGES  comma-separated packages beyond Debian's required and important ones
# UNITS     space-separated units to disable after the installation
# Callers serialise builds of one TARGET with flock(1).
set -eu

target=$1 suite=$2 packages=$3 units=$4
[ -e "$target" ] && exit 0

partial="$target.partial"
rm -rf --one-file-system "$partial"
trap 'rm -rf --one-file-system "$partial"' EXIT
trap 'exit 130' INT TERM

# The lists and the cache of apt stay in the root: the `apt-get update` that cloud-init runs before its package step then
# finds nothing new and parses nothing. Recommended packages are left out here, and not by machines: stock Debian installs
# them.
# dhcpcd-base is "important" in trixie and would take the interfaces from dhclient, which Hetzner's images use.
# Hooks are run by mmdebstrap's own shell: "$1" there is the new root.
# shellcheck disable=SC2016
mmdebstrap --quiet --mode=root --variant=important --format=directory \
  --aptopt='Acquire::Languages "none"' \
  --aptopt='APT::Install-Recommends "false"' \
  --skip=cleanup/apt/lists --skip=cleanup/apt/cache \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='force-unsafe-io' \
  --include="$packages" \
  --setup-hook='mkdir -p "$1/etc/postgresql-common" && echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"' \
  --customize-hook='chroot "$1" apt-get purge -y -q dhcpcd-base' \
  --customize-hook="UNITS='$units'"'; export UNITS; for unit in $UNITS; do chroot "$1" systemctl disable --quiet "$unit"; done' \
  --customize-hook='printf "%s\\n" "Acquire::Languages \"none\";" > "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
  --customize-hook='chroot "$1" apt-get clean && chroot "$1" apt-cache gencaches' \
  --customize-hook='rm -f "$1"/etc/ssh/ssh_host_*_key "$1"/etc/ssh/ssh_host_*_key.pub "$1/etc/hostname"' \
  --customize-hook='ln -sfn /run/resolvconf/resolv.conf "$1/etc/resolv.conf"' \
  --customize-hook=': > "$1/etc/machine-id"' \
  --customize-hook='touch -r "$1/usr" "$1/etc/.updated" "$1/var/.updated"' \
  "$suite" "$partial" \
  "deb http://deb.debian.org/debian $suite main" \
  "deb http://deb.debian.org/debian $suite-updates main" \
  "deb http://deb.debian.org/debian-security $suite-security main"

mv "$partial" "$target"
