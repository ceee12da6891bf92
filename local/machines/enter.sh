#!/bin/sh
# Becomes COMMAND inside control groups, so that a machine's limits hold for it and cleaning up finds it.
#   enter.sh CGROUP... -- COMMAND [ARGUMENT...]
set -eu
while [ "$1" != -- ]; do
  echo $$ > "$1/cgroup.procs"
  shift
done
shift
exec "$@"
