#!/bin/bash
# Before a shutdown takes the services down, the lead goes to a standby, which may itself be back only since a moment ago:
# machines are shut down one after the other for another type or a reboot.
set -euo pipefail

# The unit stops for other reasons too.
[[ $(systemctl is-system-running) == stopping ]] || exit 0
exec "$(dirname "$0")/hand-over" 40
