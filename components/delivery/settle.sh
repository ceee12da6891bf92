# shellcheck shell=sh
# What the engine runs on the gateway before anything goes through it to new machines: a connection that crosses a packet
# filter just when that is loaded hangs for ever, and the login behind a jump host is tried only once.
# Its arguments are the port that a machine opens at the end of its set-up, and the addresses of the machines. One that
# never gets there is left to its delivery, which repairs it.
set -eu
port=$1
shift
timeout 1800 cloud-init status --wait </dev/null >/dev/null 2>&1 || true
end=$(($(date +%s) + 900))
for address in "$@"; do
  until curl -fs -m 2 -o /dev/null "http://$address:$port/metrics" || [ "$(date +%s)" -ge "$end" ]; do sleep 0.5; done
done
