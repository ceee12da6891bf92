# shellcheck shell=bash
# Functions every chitlaq script shares; source it as "$(dirname "$0")/../lib/chitlaq/lib.sh".

# Links for System V's init, which nothing here reads, cost a third of a second per unit.
export SYSTEMCTL_SKIP_SYSV=1

log() { printf '%s: %s\n' "${0##*/}" "$*"; }

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# wait_for SECONDS WHAT COMMAND... runs the command until it succeeds, and fails naming WHAT when the time is over.
wait_for() {
  local limit=$1 what=$2
  shift 2
  local end=$((SECONDS + limit))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "waited ${limit} s for ${what}"
    sleep 0.5
  done
}

# private_interface ADDRESS prints the interface that owns it. Names differ between images (enp7s0, eth1, ens10); the
# address does not.
private_interface() {
  ip -4 -oneline address show to "$1/32" | awk '{ print $2; exit }'
}

has_private_interface() { [[ -n $(private_interface "$1") ]]; }

# put_file PATH MODE OWNER GROUP writes standard input there in one step, and only when something differs.
put_file() {
  local path=$1 mode=$2 owner=$3 group=$4 temporary
  mkdir -p "$(dirname "$path")"
  temporary=$(mktemp "$path.XXXXXX")
  chmod 0600 "$temporary"
  cat >"$temporary"
  chown "$owner:$group" "$temporary"
  chmod "$mode" "$temporary"
  if [[ -f $path ]] && cmp -s "$temporary" "$path" &&
    [[ $(stat -c '%a %U %G' "$path") == "$(stat -c '%a %U %G' "$temporary")" ]]; then
    rm -f "$temporary"
  else
    mv -fT "$temporary" "$path"
  fi
}

# secret NAME prints the value of a delivered secret without its final line break.
secret() { printf '%s' "$(<"/etc/chitlaq/secrets/$1")"; }

# accepted NAME prints every value a client may show for it, a line each: today's, and former ones that another machine
# may still hold.
accepted() {
  printf '%s\n' "$(secret "$1")"
  [[ ! -e /etc/chitlaq/former/$1 ]] || cat "/etc/chitlaq/former/$1"
}

# sha256 prints the sum of standard input and nothing else.
sha256() { sha256sum | cut -d ' ' -f 1; }

# plain_secrets NAME... fails when one is not letters and digits: they are written into files of several languages, none
# of which is escaped.
plain_secrets() {
  local name
  for name in "$@"; do
    [[ -e /etc/chitlaq/secrets/$name ]] || continue
    [[ $(secret "$name") =~ ^[A-Za-z0-9]{20,}$ ]] || fail "$name: 20 or more letters and digits, and nothing else"
  done
}

# login_name PASSWORD prints the name under which an application with this password logs in at PgBouncer, which knows one
# password per name: under a name of its own, a new password is good before the former one ends. What the name tells of a
# random password, 32 of its 190 bits, helps nobody.
login_name() { printf 'chitlaq-%s' "$(printf '%s' "$1" | sha256 | cut -c 1-8)"; }
