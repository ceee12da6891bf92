#!/bin/bash
# Mounts the machine's data volume. A server learns the identifier of its volume only when it is attached, after the
# server was made, so the script waits for the one volume there is.
#   volume MOUNTPOINT
# A volume that holds anything is never formatted.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

mountpoint=${1:?usage: volume MOUNTPOINT}
# The name Hetzner's virtual SCSI disks carry in udev.
pattern=/dev/disk/by-id/scsi-0HC_Volume_

volumes() { compgen -G "${pattern}*" | grep -v -- '-part[0-9]*$' || true; }

one_volume() { [[ $(volumes | wc -l) -ge 1 ]]; }

if mountpoint -q "$mountpoint"; then
  log "$mountpoint is mounted"
  exit 0
fi
wait_for 600 "a data volume (${pattern}*); is it attached to the server?" one_volume
[[ $(volumes | wc -l) -eq 1 ]] || fail "more than one volume is attached, and none is known as this machine's"
device=$(volumes)

# 2: blkid found nothing it knows. Zeros to the end of the first MiB mean that nobody else's format is there either.
filesystem=$(blkid -p -o value -s TYPE "$device") || [[ $? -eq 2 ]] || fail "cannot read $device"
if [[ -z $filesystem ]]; then
  cmp -s -n 1048576 "$device" /dev/zero || fail "$device has no file system and is not blank; it is left as it is"
  log "formatting the blank volume $device"
  mkfs.ext4 -q -L chitlaq-data -m 1 "$device"
elif [[ $filesystem != ext4 ]]; then
  fail "$device holds $filesystem, not ext4; it is left as it is"
fi

mkdir -p "$mountpoint"
# Nothing is written on top of an error, whatever the file system's own header says.
mount -t ext4 -o discard,noatime,errors=remount-ro "$device" "$mountpoint"
# A volume grows without asking its file system.
resize2fs "$device" >/dev/null 2>&1 || log "could not grow the file system to the volume's size"
log "$device on $mountpoint"
