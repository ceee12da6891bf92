#!/bin/sh
# Removes everything that one environment of the local cloud left in the kernel: processes, mounts, loop devices, network
# namespaces, control groups. Disks stay. Idempotent, needs no Node, may run while parts are missing.
#   clear.sh ENVIRONMENT FOLDER [OWNER]
# ENVIRONMENT  id that prefixes every name the environment made
# FOLDER       where its machines' disks and volumes are
# OWNER        pid; clears only what is still registered for this process
set -u

environment=$1 folder=$2 owner=${3:-}
runtime=/run/chitlaq-machines/$environment

mkdir -p /run/chitlaq-machines
exec 9> /run/chitlaq-machines/lock
flock 9
if [ -n "$owner" ] && ! grep -qs "\"pid\": $owner," "$runtime/owner.json"; then exit 0; fi

groups() {
  for group in /sys/fs/cgroup/chitlaq/"$environment" /sys/fs/cgroup/*/chitlaq/"$environment"; do
    [ -d "$group" ] && echo "$group"
  done
}

# Threads of a dying machine start new ones until its first process is gone, so kill until nobody is left.
round=0
while [ "$round" -lt 100 ]; do
  pids=$(groups | while read -r group; do find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null; done | sort -u)
  [ -z "$pids" ] && break
  # shellcheck disable=SC2086
  kill -9 $pids 2>/dev/null
  sleep 0.05
  round=$((round + 1))
done

awk -v folder="$folder/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort -r |
  while read -r mount; do umount "$mount" || umount -l "$mount"; done

# A device goes when the last mount of it is gone, and those of a dead machine go with its namespace, a moment later. Two
# devices of one file would each have their own truth.
loops() {
  losetup --list --noheadings --output NAME,BACK-FILE | awk -v folder="$folder/" 'index($2, folder) == 1 { print $1 }'
}
loops | while read -r device; do losetup --detach "$device"; done
round=0
while [ "$round" -lt 100 ] && [ -n "$(loops)" ]; do
  sleep 0.05
  round=$((round + 1))
done

ip netns list | awk -v prefix="hz-$environment-" 'index($1, prefix) == 1 { print $1 }' |
  while read -r namespace; do ip netns delete "$namespace"; done

groups | while read -r group; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; done

for left in /run/systemd/nspawn/propagate/hz-"$environment"-*; do
  [ -d "$left" ] && rmdir "$left"
done
rm -rf "$runtime"
