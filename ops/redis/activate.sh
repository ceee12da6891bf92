#!/bin/bash
# Users of Valkey and Sentinel. Only hashes of passwords are written, except where one server logs in at another.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/redis.env

plain_secrets valkey-app-password valkey-replica-password valkey-sentinel-password valkey-admin-password

# hashes_of NAME prints, as rules of a user, that each of the accepted passwords opens the door.
hashes_of() {
  local value
  accepted "$1" | while read -r value; do printf '#%s ' "$(printf '%s' "$value" | sha256)"; done
}

# Makes the running server read its users again, as an administrator it knows already: after a change of that password, by
# a former one. The client ends with 0 whatever the server says; only two OKs mean that it knows the users and its own login.
load_users() {
  local admin answer
  while read -r admin; do
    answer=$(printf 'ACL LOAD\nCONFIG SET masterauth %s\n' "$(secret valkey-replica-password)" |
      VALKEYCLI_AUTH=$admin REDISCLI_AUTH=$admin valkey-cli --no-auth-warning --user admin -h "$LISTEN" -p "$PORT" 2>/dev/null) || true
    [[ $answer != $'OK\nOK' ]] || return 0
  done < <(accepted valkey-admin-password)
  return 1
}

if [[ $SERVER == yes ]]; then
  # The application has data and its own connections, no administration; a replica may only replicate; a Sentinel may do
  # what a failover takes (valkey.io/topics/sentinel, "Sentinel and ACL").
  put_file /etc/chitlaq/rendered/valkey-users.acl 0640 root valkey <<EOT
user default off
user app on $(hashes_of valkey-app-password)~* &* +@all -@admin -@dangerous +info +client|setname +client|setinfo
user replica on $(hashes_of valkey-replica-password)+psync +replconf +ping
user sentinel on $(hashes_of valkey-replica-password)allchannels +multi +slaveof +replicaof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill
user admin on $(hashes_of valkey-admin-password)~* &* +@all
EOT
  put_file /etc/chitlaq/rendered/valkey-secret.conf 0640 root valkey <<EOT
masteruser replica
masterauth $(secret valkey-replica-password)
EOT
  if systemctl is-active --quiet valkey-server.service; then
    # A server that knows none of them learns all of them by starting anew.
    load_users || systemctl --no-block restart valkey-server.service
  fi
fi

if [[ $SENTINEL == yes ]]; then
  own=/var/lib/valkey/sentinel.conf
  password=$(secret valkey-replica-password)
  requirepass=$(secret valkey-sentinel-password)
  if [[ ! -e $own ]]; then
    sed "s/ PRIMARY / $FIRST_PRIMARY /" /etc/chitlaq/sentinel.conf | put_file "$own" 0640 valkey valkey
  fi
  quorum=$(awk '$2 == "monitor" { print $NF }' /etc/chitlaq/sentinel.conf)
  # Sentinel keeps every other line up to date by itself.
  {
    grep -vE "^(requirepass|user default|sentinel (auth-user|auth-pass|sentinel-pass|down-after-milliseconds|failover-timeout)) " "$own" |
      sed -E "s/^(sentinel monitor .*) [0-9]+$/\1 $quorum/"
    grep -E '^sentinel (down-after-milliseconds|failover-timeout) ' /etc/chitlaq/sentinel.conf
    printf 'requirepass %s\nsentinel sentinel-pass %s\n' "$requirepass" "$requirepass"
    printf 'sentinel auth-user %s sentinel\nsentinel auth-pass %s %s\n' "$MASTER_NAME" "$MASTER_NAME" "$password"
  } >"$own.new"
  comparable() { grep -v '^user default' "$1" | tr -d '"' | sort; }
  if ! cmp -s <(comparable "$own") <(comparable "$own.new"); then
    systemctl stop valkey-sentinel.service
    put_file "$own" 0640 valkey valkey <"$own.new"
  fi
  rm -f "$own.new"
fi
