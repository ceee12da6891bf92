#!/bin/sh
# Every file of api-1 in stack phase2, with where it goes, whose it is and what a change of it makes necessary.
# Unpacks into the directory it is given; chitlaq-apply installs from there.
set -eu
dir=$1
put() {
  mkdir -p "$dir/files${6%/*}"
  cat >"$dir/files$6"
  chmod "$2" "$dir/files$6"
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$dir/manifest.tsv"
}

put main 0644 root root none /etc/apt/apt.conf.d/60chitlaq <<'END-OF-FILE'
// Security fixes only, every night, and no reboot by itself: reboots are planned one machine at a time.
#clear Unattended-Upgrade::Origins-Pattern;
Unattended-Upgrade::Origins-Pattern {
  "origin=Debian,codename=${distro_codename},label=Debian-Security";
  "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";
};
Unattended-Upgrade::Automatic-Reboot "false";
Unattended-Upgrade::MinimalSteps "true";
Dpkg::Options { "--force-confdef"; "--force-confold"; };
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
END-OF-FILE

put main 0644 root root restart:chitlaq-app.service /etc/chitlaq/app.env <<'END-OF-FILE'
# What the application is told by the plan; what goes with its secrets stands in
# /etc/chitlaq/rendered/app.env.
NODE_ENV=production
HOST='10.0.2.11'
PORT='8080'
DATABASE_HOST='127.0.0.1'
DATABASE_PORT='6432'
DATABASE_NAME=chitlaq
DATABASE_SSLMODE=verify-full
DATABASE_SSLROOTCERT=/etc/chitlaq/secrets/ca.crt
DATABASE_POOL_SIZE='64'
REDIS_USERNAME=app
# Without Sentinels the address is fixed; with them the primary's address is asked for.
REDIS_HOST='10.0.4.11'
REDIS_PORT='6379'
REDIS_SENTINELS=''
REDIS_MASTER_NAME=''
MAX_WEBSOCKETS='10000'
END-OF-FILE

put main 0644 root root none /etc/chitlaq/health.tsv <<'END-OF-FILE'
packet-filter	nft list table inet chitlaq
node-exporter	curl -fsS -o /dev/null http://10.0.2.11:9100/metrics
database-door	echo 'show stat' | nc -N -U /run/haproxy/admin.sock | awk -F, '$1 == "primary" && $2 == "BACKEND" && $18 == "UP" { up = 1 } END { exit !up }'
app	[ ! -e /opt/chitlaq/current ] || curl -fsS -o /dev/null http://10.0.2.11:8080/readyz
END-OF-FILE

put early 0644 root root none /etc/chitlaq/machine.env <<'END-OF-FILE'
# What scripts need to know about this machine.
MACHINE='api-1'
ROLE='api'
STACK='phase2'
PHASE='2'
PRIVATE_IP='10.0.2.11'
# "no": reached and let out through the gateway.
PUBLIC='no'
NETWORK_RANGE='10.0.0.0/16'
NETWORK_GATEWAY='10.0.0.1'
END-OF-FILE

put early 0644 root root none /etc/chitlaq/packages <<'END-OF-FILE'
chrony
curl
haproxy
jq
netcat-openbsd
nftables
nodejs
openssl
prometheus-node-exporter
unattended-upgrades
END-OF-FILE

put main 0644 root root none /etc/chitlaq/release.env <<'END-OF-FILE'
# The release this machine fetches by itself; empty when the archive is brought to it.
RELEASE_URL=''
RELEASE_SHA256=''
RELEASE_VERSION=''
APP_URL='http://10.0.2.11:8080'
END-OF-FILE

put main 0644 root root none /etc/chitlaq/secrets.tsv <<'END-OF-FILE'
app-session-secret	0600	root	root
ca.crt	0644	root	root
postgres-app-password	0600	root	root
valkey-app-password	0600	root	root
END-OF-FILE

put main 0644 root root none /etc/chitlaq/units.tsv <<'END-OF-FILE'
boot	nftables.service	none
boot	chrony.service	none
boot	prometheus-node-exporter.service	none
boot	unattended-upgrades.service	none
boot	apt-daily-upgrade.timer	none
boot	chitlaq-activate.path	none
boot	chitlaq-network-watch.service	none
boot	chitlaq-metrics.timer	none
secrets	haproxy.service	reload
secrets	chitlaq-app.service	restart
END-OF-FILE

put main 0644 root root restart:chrony.service /etc/chrony/conf.d/chitlaq.conf <<'END-OF-FILE'
# Hetzner's own servers (docs.hetzner.com/robot/dedicated-server/operating-systems/ntp) beside Debian's pool.
server ntp1.hetzner.de iburst
server ntp2.hetzner.com iburst
server ntp3.hetzner.net iburst
END-OF-FILE

put main 0644 root root restart:prometheus-node-exporter.service /etc/default/prometheus-node-exporter <<'END-OF-FILE'
ARGS='--web.listen-address=10.0.2.11:9100 --collector.textfile.directory=/var/lib/prometheus/node-exporter'
END-OF-FILE

put main 0644 root root reload:haproxy.service /etc/haproxy/haproxy.cfg <<'END-OF-FILE'
# The way to the database: asks every member's Patroni who leads, and sends connections to the pool of that one. A member
# that stops leading loses its connections at once, so that no client goes on writing to it.
global
  log /dev/log local0 notice
  user haproxy
  group haproxy
  maxconn 1000
  stats socket /run/haproxy/admin.sock mode 660 level admin

defaults
  mode tcp
  log global
  option dontlognull
  option clitcpka
  option srvtcpka
  timeout connect 2s
  timeout client 1h
  timeout server 1h
  timeout check 2s

listen primary
  bind 127.0.0.1:6432
  option httpchk
  http-check send meth OPTIONS uri /primary
  http-check expect status 200
  default-server inter 500ms fastinter 250ms downinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions check port 8008 check-ssl verify required ca-file /etc/chitlaq/secrets/ca.crt
  server db-1 10.0.3.11:6432
  server db-2 10.0.3.12:6432
END-OF-FILE

put early 0644 root root none /etc/hosts <<'END-OF-FILE'
127.0.0.1 localhost
127.0.1.1 chitlaq-phase2-api-1
::1 localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters

10.0.1.11 lb-1 chitlaq-phase2-lb-1
10.0.2.11 api-1 chitlaq-phase2-api-1
10.0.2.12 api-2 chitlaq-phase2-api-2
10.0.3.11 db-1 chitlaq-phase2-db-1
10.0.3.12 db-2 chitlaq-phase2-db-2
10.0.4.11 redis-1 chitlaq-phase2-redis-1
END-OF-FILE

put early 0644 root root sysctl /etc/modules-load.d/chitlaq.conf <<'END-OF-FILE'
# Settings of a module that is not there yet would be refused at boot.
nf_conntrack
END-OF-FILE

put main 0755 root root nftables /etc/nftables.conf <<'END-OF-FILE'
#!/usr/sbin/nft -f
# Explained in ops/common/nftables.conf.tmpl.

table inet chitlaq
delete table inet chitlaq

table inet chitlaq {
  chain unfollowed-in {
    type filter hook prerouting priority raw; policy accept;
    iifname "lo" notrack
  }

  chain unfollowed-out {
    type filter hook output priority raw; policy accept;
    oifname "lo" notrack
  }

  chain input {
    type filter hook input priority filter; policy drop;

    ct state established,related accept
    ct state invalid drop
    iifname "lo" accept

    icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, mld-listener-query } accept

    udp sport 67 udp dport 68 accept
    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept

    ip saddr { 10.0.1.11, 10.0.2.12, 10.0.3.11, 10.0.3.12, 10.0.4.11 } icmp type echo-request accept comment "ping and path MTU discovery"
    ip saddr { 10.0.1.11 } tcp dport 22 accept comment "SSH through the jump host"
    ip saddr { 10.0.1.11 } tcp dport 9100 accept comment "machine metrics, read through the gateway"
    ip saddr { 10.0.1.11 } tcp dport 8080 accept comment "requests to the application"
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
  }

  chain output {
    type filter hook output priority filter; policy accept;

    ip daddr 169.254.169.254 meta skuid != 0 reject with icmp type admin-prohibited
  }
}

include "/etc/nftables.d/*.nft"
END-OF-FILE

put early 0644 root root none /etc/resolv.conf <<'END-OF-FILE'
# Hetzner's resolvers; a machine without a public address gets none by DHCP.
nameserver 185.12.64.1
nameserver 185.12.64.2
options timeout:2 attempts:3
END-OF-FILE

put main 0644 root root reload:ssh.service /etc/ssh/sshd_config.d/10-chitlaq.conf <<'END-OF-FILE'
# Keys only. root has no password to guess, and operators log in as root with theirs.
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
X11Forwarding no
AllowAgentForwarding no
# The jump host tunnels; nobody else does.
AllowTcpForwarding no
ClientAliveInterval 30
ClientAliveCountMax 4
LoginGraceTime 30
MaxAuthTries 4
# Several files are carried over one connection, and the jump host serves every machine.
MaxStartups 30:30:100
ListenAddress 10.0.2.11
END-OF-FILE

put early 0644 root root sysctl /etc/sysctl.d/60-chitlaq.conf <<'END-OF-FILE'
# Services bind the private address before it has arrived; see chitlaq-network.service.
net.ipv4.ip_nonlocal_bind = 1
# A burst of new connections waits in the queue instead of being refused.
net.core.somaxconn = 4096
net.ipv4.tcp_max_syn_backlog = 4096
# A dead peer is noticed within about two minutes, not two hours.
net.ipv4.tcp_keepalive_time = 60
net.ipv4.tcp_keepalive_intvl = 10
net.ipv4.tcp_keepalive_probes = 6
# Forged packets: neither redirects nor source routes.
net.ipv4.conf.all.accept_redirects = 0
net.ipv4.conf.default.accept_redirects = 0
net.ipv6.conf.all.accept_redirects = 0
net.ipv6.conf.default.accept_redirects = 0
net.ipv4.conf.all.send_redirects = 0
net.ipv4.conf.default.send_redirects = 0
# Valkey and PostgreSQL fork with most of the memory in use; swapping them out is worse than refusing.
vm.overcommit_memory = 1
vm.swappiness = 1
kernel.panic = 10
END-OF-FILE

put early 0644 root root sysctl /etc/sysctl.d/62-chitlaq-conntrack.conf <<'END-OF-FILE'
# The kernel's own limit is 65,536 up to 4 GB, and a finished connection stays for two minutes: 546 new ones a second and
# packets are dropped. A minus: where the kernel keeps such a setting to itself, the rest still holds.
-net.netfilter.nf_conntrack_max = 1048576
-net.netfilter.nf_conntrack_tcp_timeout_time_wait = 10
END-OF-FILE

put main 0644 root root restart:systemd-journald.service /etc/systemd/journald.conf.d/chitlaq.conf <<'END-OF-FILE'
[Journal]
Storage=persistent
SystemMaxUse=1G
SystemKeepFree=2G
MaxRetentionSec=30day
ForwardToSyslog=no
END-OF-FILE

put main 0644 root root units /etc/systemd/system/apt-daily-upgrade.timer.d/chitlaq.conf <<'END-OF-FILE'
# No two machines upgrade at the same time: a bad package meets one of them first, and clusters of several roles (the votes
# of etcd) keep their majority.
[Timer]
OnCalendar=
OnCalendar=*-*-* 03:30 UTC
RandomizedDelaySec=20m
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-activate.path <<'END-OF-FILE'
[Unit]
Description=Watch for delivered secrets

[Path]
PathChanged=/etc/chitlaq/secrets
Unit=chitlaq-activate.service

[Install]
WantedBy=multi-user.target
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-activate.service <<'END-OF-FILE'
[Unit]
Description=Start this machine's services once their secrets are complete
After=chitlaq-network.service
Wants=chitlaq-network.service
ConditionPathExists=/var/lib/chitlaq/converged
# Each delivered file is an event of its own; the last one completes the set.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/chitlaq-activate
TimeoutStartSec=900

[Install]
WantedBy=multi-user.target
END-OF-FILE

put main 0644 root root restart:chitlaq-app.service /etc/systemd/system/chitlaq-app.service <<'END-OF-FILE'
[Unit]
Description=ChitLaq application
After=network.target chitlaq-network.service haproxy.service
Wants=network.target
ConditionPathExists=/opt/chitlaq/current/start
StartLimitIntervalSec=0

[Service]
User=chitlaq
Group=chitlaq
WorkingDirectory=/opt/chitlaq/current
EnvironmentFile=/etc/chitlaq/app.env
EnvironmentFile=/etc/chitlaq/rendered/app.env
EnvironmentFile=/opt/chitlaq/current/release.env
ExecStart=/opt/chitlaq/current/start
Restart=always
RestartSec=2
# On TERM the application refuses new connections, finishes its requests and tells WebSockets to come back elsewhere.
KillMode=mixed
TimeoutStopSec=30
MemoryMax=infinity
LimitNOFILE=262144

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077

[Install]
WantedBy=multi-user.target
END-OF-FILE

put early 0644 root root units /etc/systemd/system/chitlaq-converge.service <<'END-OF-FILE'
[Unit]
Description=Finish setting up this machine
Documentation=file:/var/lib/chitlaq/fileset/manifest.tsv
After=network-online.target chitlaq-network.service
Wants=network-online.target
# The first boot runs it from user-data; this unit repeats it when that failed or a reboot came in the middle.
ConditionPathExists=!/var/lib/chitlaq/converged

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/chitlaq-converge
TimeoutStartSec=1800
Restart=on-failure
RestartSec=30

[Install]
WantedBy=multi-user.target
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-metrics.service <<'END-OF-FILE'
[Unit]
Description=Hand the machine's own checks to node-exporter
ConditionPathExists=/usr/local/lib/chitlaq/metrics

[Service]
Type=oneshot
ExecStart=/usr/local/lib/chitlaq/metrics
TimeoutStartSec=240
LogLevelMax=notice
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-metrics.timer <<'END-OF-FILE'
[Unit]
Description=Hand the machine's own checks to node-exporter

[Timer]
OnCalendar=*:0/5
RandomizedDelaySec=60

[Install]
WantedBy=timers.target
END-OF-FILE

put main 0644 root root restart:chitlaq-network-watch.service /etc/systemd/system/chitlaq-network-watch.service <<'END-OF-FILE'
[Unit]
Description=Way out again after the network was detached and attached
After=chitlaq-network.service
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/local/lib/chitlaq/network watch
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
END-OF-FILE

put early 0644 root root units /etc/systemd/system/chitlaq-network.service <<'END-OF-FILE'
[Unit]
Description=Private address and way out
After=network.target
Wants=network-online.target
Before=ssh.service chitlaq-activate.service
ConditionPathExists=/etc/chitlaq/machine.env

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/chitlaq/network
TimeoutStartSec=330

[Install]
WantedBy=multi-user.target
END-OF-FILE

put main 0644 root root restart:haproxy.service /etc/systemd/system/haproxy.service.d/chitlaq.conf <<'END-OF-FILE'
[Unit]
After=chitlaq-network.service
StartLimitIntervalSec=0

[Service]
RuntimeDirectory=haproxy
RestartSec=2
LimitNOFILE=65536
END-OF-FILE

put main 0644 root root restart:prometheus-node-exporter.service /etc/systemd/system/prometheus-node-exporter.service.d/chitlaq.conf <<'END-OF-FILE'
[Unit]
After=chitlaq-network.service

[Service]
Restart=always
RestartSec=5
END-OF-FILE

put main 0644 root root none /etc/sysusers.d/chitlaq.conf <<'END-OF-FILE'
#Type Name ID GECOS Home
g chitlaq-tls - - -
u chitlaq - "ChitLaq application" /opt/chitlaq
END-OF-FILE

put main 0644 root root none /etc/tmpfiles.d/chitlaq.conf <<'END-OF-FILE'
#Type Path Mode User Group Age
d /etc/chitlaq 0755 root root -
# Services read their own secrets by name and cannot list the others.
d /etc/chitlaq/secrets 0711 root root -
d /etc/chitlaq/rendered 0711 root root -
d /var/lib/chitlaq 0755 root root -
d /var/lib/prometheus/node-exporter 0755 root root -
d /etc/nftables.d 0755 root root -
d /root/.ssh 0700 root root -
d /opt/chitlaq 0755 root root -
END-OF-FILE

put main 0600 root root none /root/.ssh/authorized_keys <<'END-OF-FILE'
# Operators and the delivery of files and secrets; kept by chitlaq-apply.
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAImSK2P7uy2RyJTxzChHbiRqRUhGHq33UCLUveDimqx
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/activate.d/60-app <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/app/activate.sh.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh

plain_secrets postgres-app-password valkey-app-password valkey-sentinel-password app-session-secret

{
  printf 'DATABASE_USER=%s\n' "$(login_name "$(secret postgres-app-password)")"
  printf 'DATABASE_PASSWORD=%s\n' "$(secret postgres-app-password)"
  printf 'REDIS_PASSWORD=%s\n' "$(secret valkey-app-password)"
  printf 'SESSION_SECRET=%s\n' "$(secret app-session-secret)"
  if [[ -e /etc/chitlaq/secrets/valkey-sentinel-password ]]; then
    printf 'REDIS_SENTINEL_PASSWORD=%s\n' "$(secret valkey-sentinel-password)"
  fi
} | put_file /etc/chitlaq/rendered/app.env 0600 root root

/usr/local/sbin/chitlaq-deploy fetch
END-OF-FILE

put early 0644 root root none /usr/local/lib/chitlaq/lib.sh <<'END-OF-FILE'
# shellcheck shell=bash
# Explained in ops/common/lib.sh.

export SYSTEMCTL_SKIP_SYSV=1

log() { printf '%s: %s\n' "${0##*/}" "$*"; }

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

wait_for() {
  local limit=$1 what=$2
  shift 2
  local end=$((SECONDS + limit))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "waited ${limit} s for ${what}"
    sleep 0.5
  done
}

private_interface() {
  ip -4 -oneline address show to "$1/32" | awk '{ print $2; exit }'
}

has_private_interface() { [[ -n $(private_interface "$1") ]]; }

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

secret() { printf '%s' "$(<"/etc/chitlaq/secrets/$1")"; }

accepted() {
  printf '%s\n' "$(secret "$1")"
  [[ ! -e /etc/chitlaq/former/$1 ]] || cat "/etc/chitlaq/former/$1"
}

sha256() { sha256sum | cut -d ' ' -f 1; }

plain_secrets() {
  local name
  for name in "$@"; do
    [[ -e /etc/chitlaq/secrets/$name ]] || continue
    [[ $(secret "$name") =~ ^[A-Za-z0-9]{20,}$ ]] || fail "$name: 20 or more letters and digits, and nothing else"
  done
}

login_name() { printf 'chitlaq-%s' "$(printf '%s' "$1" | sha256 | cut -c 1-8)"; }
END-OF-FILE

put late 0755 root root none /usr/local/lib/chitlaq/metrics <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/common/metrics.sh.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

tools=$(dirname "$0")/../../sbin

succeeds() { if "$@" >/dev/null 2>&1; then echo 1; else echo 0; fi; }

health=$("$tools/chitlaq-health" || true)
{
  echo '# TYPE chitlaq_health gauge'
  jq -r 'to_entries[] | "chitlaq_health{check=\"\(.key)\"} \(if .value == "ok" then 1 else 0 end)"' <<<"$health"
  echo '# TYPE chitlaq_reboot_required gauge'
  echo "chitlaq_reboot_required $(succeeds test -e /run/reboot-required)"
  if [[ -x $tools/chitlaq-backup-status ]]; then
    echo '# TYPE chitlaq_backup_healthy gauge'
    echo "chitlaq_backup_healthy $(succeeds timeout 60 "$tools/chitlaq-backup-status")"
  fi
  echo '# TYPE chitlaq_checked_timestamp_seconds gauge'
  echo "chitlaq_checked_timestamp_seconds $(date +%s)"
} | put_file /var/lib/prometheus/node-exporter/chitlaq.prom 0644 root root
END-OF-FILE

put early 0755 root root none /usr/local/lib/chitlaq/network <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/common/network.sh.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/machine.env

wait_for 300 "the private address $PRIVATE_IP; is the server attached to the network?" \
  has_private_interface "$PRIVATE_IP"

set_up() {
  local interface mtu
  interface=$(private_interface "$PRIVATE_IP")
  [[ -n $interface ]] || return 0
  mtu=$(<"/sys/class/net/$interface/mtu")
  ((mtu <= 1450)) || ip link set dev "$interface" mtu 1450
  if [[ $PUBLIC == no ]]; then
    ip route replace default via "$NETWORK_GATEWAY" dev "$interface" onlink
  fi
}

set_up
log "$PRIVATE_IP on $(private_interface "$PRIVATE_IP")"
if [[ ${1:-} == watch ]]; then
  ip -oneline monitor link address | while read -r _; do set_up || true; done
  fail "the watch ended"
fi
END-OF-FILE

put main 0755 root root none /usr/local/sbin/chitlaq-activate <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/common/activate.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

state=/var/lib/chitlaq
secrets=/etc/chitlaq/secrets

exec 9>"$state/activate.lock"
flock 9

missing=()
while IFS=$'\t' read -r name _; do
  [[ -s $secrets/$name ]] || missing+=("$name")
done </etc/chitlaq/secrets.tsv
if ((${#missing[@]} > 0)); then
  log "waiting for ${#missing[@]} secrets: ${missing[*]}"
  exit 0
fi

while IFS=$'\t' read -r name mode owner group; do
  chown "$owner:$group" "$secrets/$name"
  chmod "$mode" "$secrets/$name"
done </etc/chitlaq/secrets.tsv

before=$(cat "$state/secrets.sum" 2>/dev/null || true)
now=$(cd "$secrets" && cut -f 1 /etc/chitlaq/secrets.tsv | xargs -r sha256sum)
umask 077

for step in /usr/local/lib/chitlaq/activate.d/*; do
  [[ -x $step ]] || continue
  "$step"
done

systemctl daemon-reload
touch "$state/activated"
mapfile -t units < <(awk -F '\t' '$1 == "secrets" { print $2 }' /etc/chitlaq/units.tsv)
systemctl enable --quiet "${units[@]}"
if [[ -n $before && $before != "$now" ]]; then
  while IFS=$'\t' read -r when unit refresh; do
    [[ $when == secrets && $refresh != none ]] || continue
    if systemctl is-active --quiet "$unit"; then systemctl --no-block "$refresh" "$unit"; fi
  done </etc/chitlaq/units.tsv
fi
systemctl --no-block start "${units[@]}"
printf '%s\n' "$now" >"$state/secrets.sum"
log "all secrets are there, services started"
END-OF-FILE

put early 0755 root root none /usr/local/sbin/chitlaq-apply <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/common/apply.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

fileset=${1:?usage: chitlaq-apply FILESET [early]}
only=${2:-all}
state=/var/lib/chitlaq
kept=$state/manifest.tsv
undo=$state/undo
pending=$state/pending
declare -A actions=()
changed=()

mkdir -p "$state"
chmod 0755 "$state"
exec 9>"$state/apply.lock"
flock 9
rm -rf "$undo"
install -d -m 0700 "$undo"
touch "$pending"
cp "$pending" "$undo/pending"

remember() {
  changed+=("$1")
  if [[ -e $1 || -L $1 ]]; then
    mkdir -p "$undo$(dirname "$1")"
    cp -a "$1" "$undo$1"
  fi
}

want() {
  [[ -z ${actions[$1]:-} ]] || return 0
  actions[$1]=1
  grep -qxF -- "$1" "$pending" || printf '%s\n' "$1" >>"$pending"
}

is_current() {
  [[ -f $4 && ! -L $4 ]] && cmp -s "$fileset/files$4" "$4" && [[ $(stat -c '%04a %U %G' "$4") == "$1 $2 $3" ]]
}

install_files() {
  local stage mode owner group action path temporary
  while IFS=$'\t' read -r stage mode owner group action path; do
    [[ $only == all || $stage == early ]] || continue
    is_current "$mode" "$owner" "$group" "$path" && continue
    remember "$path"
    mkdir -p "$(dirname "$path")"
    temporary=$(mktemp "$(dirname "$path")/.chitlaq.XXXXXX")
    cat "$fileset/files$path" >"$temporary"
    chown "$owner:$group" "$temporary"
    chmod "$mode" "$temporary"
    want "$action"
    mv -fT "$temporary" "$path"
    log "installed $path"
  done <"$fileset/manifest.tsv"
}

remove_stale() {
  [[ $only == all && -f $kept ]] || return 0
  local action path
  while IFS=$'\t' read -r _ _ _ _ action path; do
    cut -f 6 "$fileset/manifest.tsv" | grep -qxF -- "$path" && continue
    [[ -e $path ]] || continue
    remember "$path"
    want "$action"
    rm -f "$path"
    log "removed $path"
  done <"$kept"
}

check_unit() {
  systemctl is-active --quiet "$1" || return 0
  case $1 in
    nginx.service) nginx -t -q ;;
    haproxy.service) haproxy -c -q -f /etc/haproxy/haproxy.cfg ;;
    ssh.service) sshd -t ;;
    *) ;;
  esac
}

check() {
  case $1 in
    nftables) nft -c -f /etc/nftables.conf ;;
    reload:* | restart:*) check_unit "${1#*:}" ;;
    *) ;;
  esac
}

put_back() {
  local path
  for path in "${changed[@]}"; do
    rm -f "$path"
    if [[ -e $undo$path || -L $undo$path ]]; then cp -a "$undo$path" "$path"; fi
  done
  cp "$undo/pending" "$pending"
  systemctl daemon-reload
}

is_unit() { systemctl cat "$1" >/dev/null 2>&1; }

act() {
  case $1 in
    none) ;;
    units) ;;
    sysctl) systemctl restart systemd-modules-load.service || true; sysctl -e -q --system >/dev/null 2>&1 || log "some kernel settings were refused" ;;
    nftables) systemctl enable --quiet nftables.service && systemctl reload-or-restart nftables.service ;;
    reload:*) [[ -n ${actions[restart:${1#*:}]:-} ]] || ! is_unit "${1#*:}" || systemctl try-reload-or-restart "${1#*:}" ;;
    restart:*) ! is_unit "${1#*:}" || systemctl try-restart "${1#*:}" ;;
    *) fail "unknown action $1 in the manifest" ;;
  esac
}

done_with() {
  grep -vxF -- "$1" "$pending" >"$pending.new" || true
  mv -f "$pending.new" "$pending"
}

if [[ $only == all ]]; then
  systemd-sysusers "$fileset/files/etc/sysusers.d/chitlaq.conf"
  systemd-tmpfiles --create "$fileset/files/etc/tmpfiles.d/chitlaq.conf"
fi
install_files
remove_stale
if [[ $only == all ]]; then
  while read -r action; do actions[$action]=1; done <"$pending"
fi
systemctl daemon-reload
for action in "${!actions[@]}"; do
  if ! check "$action"; then
    put_back
    fail "the check for $action failed: every file is as it was before"
  fi
done
[[ $only != all ]] || install -m 0644 "$fileset/manifest.tsv" "$kept"
failed=()
for action in "${!actions[@]}"; do
  if act "$action"; then done_with "$action"; else failed+=("$action"); fi
done
((${#failed[@]} == 0)) || fail "failed, and tried again next time: ${failed[*]}"
log "${#changed[@]} files changed"
END-OF-FILE

put early 0755 root root none /usr/local/sbin/chitlaq-converge <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/common/converge.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

state=/var/lib/chitlaq
fileset=$state/fileset

mkdir -p "$state"
exec 7>"$state/converge.lock"
flock 7

if [[ $# -gt 0 ]]; then
  rm -rf "$fileset.new"
  install -d -m 0700 "$fileset.new"
  sh "$1" "$fileset.new"
  [[ -s $fileset.new/manifest.tsv ]] || fail "$1 is no file set: it brought no manifest"
  rm -rf "$fileset"
  mv -T "$fileset.new" "$fileset"
fi

is_installed() {
  [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

policy=/usr/sbin/policy-rc.d
allow_service_starts() {
  if grep -qsx '# chitlaq-converge' "$policy"; then rm -f "$policy"; fi
}
forbid_service_starts() {
  [[ -e $policy ]] || printf '#!/bin/sh\n# chitlaq-converge\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
}
trap allow_service_starts EXIT

install_packages() {
  local missing=() package
  while read -r package; do
    is_installed "$package" || missing+=("$package")
  done <"$fileset/files/etc/chitlaq/packages"
  ((${#missing[@]} > 0)) || return 0
  log "installing ${missing[*]}"
  forbid_service_starts
  wait_for 300 "dpkg to configure what is unpacked; see dpkg --configure -a" \
    env DEBIAN_FRONTEND=noninteractive dpkg --force-confold --configure -a
  wait_for 900 "a package index; is the NAT gateway up and does name resolution work?" \
    apt-get -qq -o Acquire::Retries=0 -o Acquire::http::Timeout=10 --error-on=any update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
    install "${missing[@]}"
}

units_of() {
  local unit
  awk -F '\t' -v when="$1" '$1 == when { print $2 }' "$fileset/files/etc/chitlaq/units.tsv" | while read -r unit; do
    if systemctl cat "$unit" >/dev/null 2>&1; then printf '%s\n' "$unit"; else log "$unit does not exist" >&2; fi
  done
}

set_units() {
  local off boot secrets
  mapfile -t off < <(units_of off)
  mapfile -t boot < <(units_of boot)
  mapfile -t secrets < <(units_of secrets)
  [[ -e $state/activated ]] || off+=("${secrets[@]}")
  ((${#off[@]} == 0)) || systemctl disable --quiet --now "${off[@]}"
  systemctl enable --quiet "${boot[@]}"
  systemctl start --no-block "${boot[@]}"
}

"$fileset/files/usr/local/sbin/chitlaq-apply" "$fileset" early
systemctl enable --quiet chitlaq-network.service chitlaq-converge.service
systemctl start chitlaq-network.service
install_packages
"$fileset/files/usr/local/sbin/chitlaq-apply" "$fileset"
set_units
touch "$state/converged"
systemctl start chitlaq-activate.service
log "done"
END-OF-FILE

put main 0755 root root none /usr/local/sbin/chitlaq-deliver <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/common/deliver.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

fileset=${1:?usage: chitlaq-deliver FILESET.sh [ARCHIVE VERSION SHA256]}
release=("${@:2}")
state=/var/lib/chitlaq
tools=$(dirname "$0")
patience=300

exec 8>"$state/deliver.lock"
flock 8
secrets=$(cat)

well() {
  [[ -e /etc/chitlaq/health.tsv ]] || return 0
  { "$tools/chitlaq-health" || true; } | jq -r 'to_entries[] | select(.value == "ok") | .key'
}

content=$(cat "$fileset" - <<<"$secrets ${release[*]}" | sha256sum)
[[ $(cat "$state/delivered.sum" 2>/dev/null) != "$content" ]] || exit 0
if [[ $(cat "$state/delivery.sum" 2>/dev/null) != "$content" ]]; then
  if [[ -e $state/activated ]]; then well; fi >"$state/delivery.well"
  (umask 077 && printf '%s\n' "$content" >"$state/delivery.sum")
fi

step_aside=$tools/../lib/chitlaq/step-aside
if [[ -x $step_aside && -e $state/activated ]]; then
  {
    diff -rq "$state/fileset/files" "$tools/../../.." || true
    cat "$state/pending" 2>/dev/null || true
  } | "$step_aside"
fi

"$tools/chitlaq-converge" "$fileset" </dev/null
if ((${#release[@]} > 0)); then /usr/local/sbin/chitlaq-deploy "${release[@]}"; fi
/usr/local/sbin/chitlaq-secrets install <<<"$secrets" >/dev/null

fallen() {
  comm -23 <(sort "$state/delivery.well") <(well | sort) | comm -12 - <(cut -f 1 /etc/chitlaq/health.tsv | sort)
}

end=$((SECONDS + patience))
while :; do
  lost=$(fallen)
  [[ -n $lost ]] || break
  ((SECONDS < end)) || fail "worse than before for ${patience} s: ${lost//$'\n'/, }; see chitlaq-health and journalctl"
  sleep 2
done
mv -f "$state/delivery.sum" "$state/delivered.sum"
rm -f "$state/delivery.well"
log "delivered"
END-OF-FILE

put main 0755 root root none /usr/local/sbin/chitlaq-deploy <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/app/deploy.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/release.env

home=/opt/chitlaq
releases=$home/releases
unit=chitlaq-app.service

current_version() { [[ ! -L $home/current ]] || basename "$(readlink "$home/current")"; }

unpack() {
  local archive=$1 version=$2 sha256=$3
  [[ $version =~ ^[A-Za-z0-9._-]{1,40}$ && $version != .* ]] || fail "$version is no version"
  [[ $sha256 =~ ^[0-9a-f]{64}$ ]] || fail "$sha256 is no SHA-256 sum"
  printf '%s  %s\n' "$sha256" "$archive" | sha256sum --check --quiet - || fail "$archive is not the release that was named"
  [[ -f $releases/$version/.sha256 && $(<"$releases/$version/.sha256") == "$sha256" ]] && return
  [[ $(current_version) != "$version" ]] || fail "$version is in service with other contents; give the new one a new version"
  rm -rf "${releases:?}/$version" "$releases/.incoming"
  mkdir -p "$releases/.incoming"
  tar -xzf "$archive" -C "$releases/.incoming" --no-same-owner --no-same-permissions
  [[ -x $releases/.incoming/start ]] || fail "$archive has no executable start at its root"
  printf 'APP_VERSION=%s\n' "$version" >"$releases/.incoming/release.env"
  printf '%s\n' "$sha256" >"$releases/.incoming/.sha256"
  chmod -R u=rwX,go=rX "$releases/.incoming"
  mv -T "$releases/.incoming" "$releases/$version"
}

point_to() {
  ln -sfn "releases/$1" "$home/current.new"
  mv -fT "$home/current.new" "$home/current"
}

is_ready() { curl -fsS -m 5 -o /dev/null "$APP_URL/readyz"; }

becomes_ready() { (wait_for 60 "the application to become ready" is_ready); }

put_into_service() {
  local version=$1 former
  former=$(current_version)
  point_to "$version"
  systemctl is-enabled --quiet "$unit" || {
    log "$version will start with the machine's secrets"
    return
  }
  systemctl restart "$unit"
  becomes_ready && return
  [[ -n $former && $former != "$version" ]] || fail "$version does not become ready and there is nothing to go back to"
  point_to "$former"
  systemctl restart "$unit"
  becomes_ready || fail "$version does not become ready, and neither does $former"
  fail "$version does not become ready; $former is back in service"
}

remove_old() {
  local kept
  kept=$(current_version)
  find "$releases" -mindepth 1 -maxdepth 1 -type d ! -name "$kept" -printf '%T@ %p\n' | sort -rn | tail -n +3 | cut -d ' ' -f 2- |
    xargs -r rm -rf
}

deploy() {
  mkdir -p "$releases"
  exec 8>"$home/deploy.lock"
  flock 8
  unpack "$@"
  if [[ $(current_version) == "$2" ]]; then
    log "$2 is in service already"
    return
  fi
  put_into_service "$2"
  remove_old
  log "$2 is in service"
}

fetch() {
  local archive
  [[ -n $RELEASE_URL ]] || return 0
  [[ $(current_version) != "$RELEASE_VERSION" ]] || return 0
  archive=$(mktemp /var/lib/chitlaq/release.XXXXXX)
  trap "rm -f '$archive'" EXIT
  curl -fsSL --proto '=https,file' --retry 5 --retry-all-errors --retry-delay 5 -m 600 -o "$archive" "$RELEASE_URL" ||
    fail "could not fetch $RELEASE_URL"
  deploy "$archive" "$RELEASE_VERSION" "$RELEASE_SHA256"
}

case ${1:-} in
  fetch) fetch ;;
  status) current_version ;;
  '') fail "usage: chitlaq-deploy ARCHIVE VERSION SHA256 | fetch | status" ;;
  *) deploy "${1:?}" "${2:?no version}" "${3:?no SHA-256 sum}" ;;
esac
END-OF-FILE

put main 0755 root root none /usr/local/sbin/chitlaq-drain <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/load-balancer/drain.sh.
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
END-OF-FILE

put main 0755 root root none /usr/local/sbin/chitlaq-health <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/common/health.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

deadline=$((SECONDS + ${1:-0}))

run_checks() {
  local name command result
  while IFS=$'\t' read -r name command; do
    result=ok
    timeout 10 bash -c "$command" >/dev/null 2>&1 </dev/null || result=failed
    printf '%s\t%s\n' "$name" "$result"
  done </etc/chitlaq/health.tsv
}

while :; do
  results=$(run_checks)
  if ! grep -qP '\tfailed$' <<<"$results"; then
    status=0
    break
  fi
  status=1
  ((SECONDS < deadline)) || break
  sleep 1
done
jq -R -n -c '[inputs | split("\t") | {key: .[0], value: .[1]}] | from_entries' <<<"$results"
exit "$status"
END-OF-FILE

put main 0755 root root none /usr/local/sbin/chitlaq-secrets <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/common/secrets.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

list=/etc/chitlaq/secrets.tsv
directory=/etc/chitlaq/secrets
former=/etc/chitlaq/former

is_wanted() { cut -f 1 "$list" | grep -qxF -- "$1"; }

keep_former() {
  local name=$1 incoming=$2 value
  [[ $name == *-password && -s $directory/$name ]] || return 0
  value=$(secret "$name")
  [[ $value != "$incoming" ]] || return 0
  install -d -m 0700 "$former"
  {
    printf '%s\n' "$value"
    [[ ! -e $former/$name ]] || cat "$former/$name"
  } | awk '!seen[$0]++' | put_file "$former/$name" 0600 root root
}

install_secrets() {
  local incoming name mode owner group
  incoming=$(cat)
  wait_for 1200 "the machine's set-up; see journalctl -u chitlaq-converge and /var/log/cloud-init-output.log" \
    test -e /var/lib/chitlaq/converged
  jq -e 'type == "object" and all(.[]; type == "string" and length > 0)' >/dev/null <<<"$incoming" ||
    fail "standard input is not a JSON object of non-empty strings"
  while read -r name; do
    is_wanted "$name" || fail "$name is not a secret of this machine; see chitlaq-secrets status"
  done < <(jq -r 'keys[]' <<<"$incoming")
  exec 9>/var/lib/chitlaq/activate.lock
  flock 9
  while IFS=$'\t' read -r name mode owner group; do
    jq -e --arg name "$name" 'has($name)' >/dev/null <<<"$incoming" || continue
    keep_former "$name" "$(jq -r --arg name "$name" '.[$name]' <<<"$incoming")"
    jq -rj --arg name "$name" '.[$name]' <<<"$incoming" | put_file "$directory/$name" "$mode" "$owner" "$group"
  done <"$list"
  exec 9>&-
  systemctl start chitlaq-activate.service
  status
}

retire() {
  local ending=$former.ending
  [[ -e $former || -e $ending ]] || return 0
  exec 9>/var/lib/chitlaq/activate.lock
  flock 9
  install -d -m 0700 "$ending"
  rm -rf "$former"
  exec 9>&-
  systemctl start chitlaq-activate.service
  rmdir "$ending"
  log "former passwords are refused from now on"
}

status() {
  local name missing=0
  while IFS=$'\t' read -r name _; do
    if [[ -s $directory/$name ]]; then
      printf '%s\tpresent\n' "$name"
    else
      printf '%s\tmissing\n' "$name"
      missing=1
    fi
  done <"$list"
  return "$missing"
}

case ${1:-} in
  install) install_secrets ;;
  retire) retire ;;
  status) status ;;
  *) fail "usage: chitlaq-secrets install|retire|status" ;;
esac
END-OF-FILE
