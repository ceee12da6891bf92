#!/bin/bash
# restic on this machine's copies of files, wherever they are: chitlaq-restic snapshots, chitlaq-restic restore latest …
set -euo pipefail
set -a
source /etc/chitlaq/restic.env
source /etc/chitlaq/rendered/restic.env
exec restic "$@"
