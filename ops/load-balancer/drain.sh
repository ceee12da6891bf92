#!/bin/bash
# Takes this machine out of service without losing a request, and back.
#   chitlaq-drain on      refuse new connections, finish what runs, stop
#   chitlaq-drain off     start again and wait until healthy
#   chitlaq-drain status  serving or drained
# Connections are refused, never dropped: a refusal is answered by the next machine at once.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/machine.env

case $ROLE in
  load-balancer | server) unit=nginx.service ;;
  api) unit=chitlaq-app.service ;;
  *) fail "a $ROLE machine is not drained; use patronictl switchover or the Sentinels" ;;
esac

case ${1:-} in
  on)
    systemctl stop "$unit"
    log "$unit has finished and stopped; a reboot starts it again"
    ;;
  off)
    systemctl start "$unit"
    /usr/local/sbin/chitlaq-health 60
    ;;
  status) if systemctl is-active --quiet "$unit"; then echo serving; else echo drained; fi ;;
  *) fail "usage: chitlaq-drain on|off|status" ;;
esac
