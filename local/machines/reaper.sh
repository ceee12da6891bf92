#!/bin/sh
# Waits until the process that runs the machines is gone, however it ended, and clears what it left. That process holds
# the other end of standard input.
#   reaper.sh ENVIRONMENT FOLDER OWNER
set -u
cat > /dev/null
exec sh "$(dirname "$0")/clear.sh" "$1" "$2" "$3"
