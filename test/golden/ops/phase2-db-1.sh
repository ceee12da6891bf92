#!/bin/sh
# Every file of db-1 in stack phase2, with where it goes, whose it is and what a change of it makes necessary.
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

put main 0644 root root none /etc/chitlaq/backup.env <<'END-OF-FILE'
# "yes": the machine holds PostgreSQL.
DATABASE='yes'
RETENTION_DAYS='30'
STATUS_DIRECTORY=/var/lib/chitlaq/backup
END-OF-FILE

put main 0644 root root none /etc/chitlaq/database.env <<'END-OF-FILE'
DATA_MOUNT='/var/lib/postgresql'
DATA_DIRECTORY='/var/lib/postgresql/17/main'
# "yes": Patroni runs PostgreSQL; "no": Debian's postgresql@17-main does.
PATRONI='yes'
PATRONI_URL='https://10.0.3.11:8008'
END-OF-FILE

put main 0644 root root restart:etcd.service /etc/chitlaq/etcd.env <<'END-OF-FILE'
# etcd member db-1: the cluster's memory of who leads.
ETCD_NAME=db-1
ETCD_DATA_DIR=/var/lib/etcd/chitlaq
ETCD_LISTEN_PEER_URLS=https://10.0.3.11:2380
ETCD_LISTEN_CLIENT_URLS=https://10.0.3.11:2379,https://127.0.0.1:2379
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.0.3.11:2380
ETCD_ADVERTISE_CLIENT_URLS=https://10.0.3.11:2379
ETCD_INITIAL_CLUSTER=db-1=https://10.0.3.11:2380,db-2=https://10.0.3.12:2380,redis-1=https://10.0.4.11:2380
ETCD_INITIAL_CLUSTER_TOKEN=chitlaq-phase2
# Members and clients prove themselves with a certificate of the stack.
ETCD_CERT_FILE=/etc/chitlaq/secrets/machine.crt
ETCD_KEY_FILE=/etc/chitlaq/secrets/machine.key
ETCD_TRUSTED_CA_FILE=/etc/chitlaq/secrets/ca.crt
ETCD_CLIENT_CERT_AUTH=true
ETCD_PEER_CERT_FILE=/etc/chitlaq/secrets/machine.crt
ETCD_PEER_KEY_FILE=/etc/chitlaq/secrets/machine.key
ETCD_PEER_TRUSTED_CA_FILE=/etc/chitlaq/secrets/ca.crt
ETCD_PEER_CLIENT_CERT_AUTH=true
# Not raised: a new etcd leader gives every lease its full time again plus one election time-out, which a failover waits for.
ETCD_HEARTBEAT_INTERVAL=100
ETCD_ELECTION_TIMEOUT=1000
# Patroni writes its lease every two seconds; without compaction the history grows for ever.
ETCD_AUTO_COMPACTION_MODE=periodic
ETCD_AUTO_COMPACTION_RETENTION=1h
ETCD_QUOTA_BACKEND_BYTES=1073741824
END-OF-FILE

put main 0644 root root none /etc/chitlaq/health.tsv <<'END-OF-FILE'
packet-filter	nft list table inet chitlaq
node-exporter	curl -fsS -o /dev/null http://10.0.3.11:9100/metrics
etcd	etcdctl --endpoints=https://10.0.3.11:2379 --cacert=/etc/chitlaq/secrets/ca.crt --cert=/etc/chitlaq/secrets/machine.crt --key=/etc/chitlaq/secrets/machine.key endpoint health
patroni	curl -fsS -o /dev/null --cacert /etc/chitlaq/secrets/ca.crt https://10.0.3.11:8008/health
volume	mountpoint -q /var/lib/postgresql
postgresql	runuser -u postgres -- psql -XAtqc 'SELECT 1' -h /var/run/postgresql postgres
pgbouncer	runuser -u postgres -- psql -XAtqc 'SHOW VERSION' -h /var/run/postgresql -p 6432 -U pgbouncer pgbouncer
END-OF-FILE

put early 0644 root root none /etc/chitlaq/machine.env <<'END-OF-FILE'
# What scripts need to know about this machine.
MACHINE='db-1'
ROLE='database'
STACK='phase2'
PHASE='2'
PRIVATE_IP='10.0.3.11'
# "no": reached and let out through the gateway.
PUBLIC='no'
NETWORK_RANGE='10.0.0.0/16'
NETWORK_GATEWAY='10.0.0.1'
END-OF-FILE

put early 0644 root root none /etc/chitlaq/packages <<'END-OF-FILE'
ca-certificates
chrony
curl
e2fsprogs
etcd-client
etcd-server
jq
netcat-openbsd
nftables
openssl
patroni
pgbackrest
pgbouncer
postgresql-17
prometheus-node-exporter
python3-etcd
python3-psycopg2
restic
unattended-upgrades
END-OF-FILE

put main 0644 root root restart:chitlaq-database.service /etc/chitlaq/patroni-dcs.json <<'END-OF-FILE'
{
  "ttl": 20,
  "loop_wait": 2,
  "retry_timeout": 5,
  "primary_start_timeout": 15,
  "maximum_lag_on_failover": 1048576,
  "synchronous_mode": true,
  "synchronous_mode_strict": false,
  "synchronous_node_count": 1,
  "failsafe_mode": true,
  "postgresql": {
    "use_pg_rewind": true,
    "use_slots": true,
    "parameters": {
      "max_connections": 84,
      "max_worker_processes": 8,
      "max_wal_senders": 10,
      "max_replication_slots": 10,
      "max_prepared_transactions": 0,
      "max_locks_per_transaction": 64,
      "track_commit_timestamp": "on",
      "wal_level": "replica",
      "wal_log_hints": "on",
      "hot_standby": "on"
    }
  }
}
END-OF-FILE

put main 0640 root postgres reload:pgbouncer.service /etc/chitlaq/pgbouncer/hba.conf <<'END-OF-FILE'
# Who may use the pool. The console (database pgbouncer) is for the system user postgres on the socket, as user pgbouncer.
# Names are those of /etc/chitlaq/rendered/pgbouncer-users.txt, one per password of the application.
hostssl chitlaq all 10.0.2.0/24 scram-sha-256
END-OF-FILE

put main 0640 root postgres none /etc/chitlaq/postgresql/restore_hba.conf <<'END-OF-FILE'
# The restored copy has no listening address; its socket is in a directory only postgres can enter.
local all postgres peer
END-OF-FILE

put main 0644 root root none /etc/chitlaq/restic.env <<'END-OF-FILE'
RESTIC_REPOSITORY='s3:https://fsn1.your-objectstorage.com/chitlaq-backups/phase2/files/db-1'
RESTIC_PASSWORD_FILE=/etc/chitlaq/secrets/restic-password
RESTIC_CACHE_DIR=/var/cache/restic
AWS_DEFAULT_REGION='fsn1'
RETENTION_DAYS='30'
BACKUP_PATHS='/etc'
END-OF-FILE

put main 0644 root root none /etc/chitlaq/secrets.tsv <<'END-OF-FILE'
backup-cipher-passphrase	0600	root	root
ca.crt	0644	root	root
machine.crt	0644	root	root
machine.key	0640	root	chitlaq-tls
postgres-app-password	0600	root	root
postgres-replication-password	0600	root	root
postgres-rewind-password	0600	root	root
postgres-superuser-password	0600	root	root
restic-password	0600	root	root
s3-access-key	0600	root	root
s3-secret-key	0600	root	root
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
secrets	etcd.service	none
off	postgresql.service	none
secrets	patroni.service	reload
secrets	chitlaq-hand-over.service	none
secrets	chitlaq-etcd-yield.timer	none
boot	chitlaq-volume.service	none
secrets	pgbouncer.service	reload
secrets	chitlaq-database.service	restart
secrets	chitlaq-heartbeat.timer	none
secrets	chitlaq-restic.timer	none
secrets	chitlaq-backup-full.timer	none
secrets	chitlaq-backup-diff.timer	none
secrets	chitlaq-backup-verify.timer	none
END-OF-FILE

put main 0644 root root restart:chrony.service /etc/chrony/conf.d/chitlaq.conf <<'END-OF-FILE'
# Hetzner's own servers (docs.hetzner.com/robot/dedicated-server/operating-systems/ntp) beside Debian's pool.
server ntp1.hetzner.de iburst
server ntp2.hetzner.com iburst
server ntp3.hetzner.net iburst
END-OF-FILE

put main 0644 root root restart:prometheus-node-exporter.service /etc/default/prometheus-node-exporter <<'END-OF-FILE'
ARGS='--web.listen-address=10.0.3.11:9100 --collector.textfile.directory=/var/lib/prometheus/node-exporter'
END-OF-FILE

put early 0644 root root none /etc/hosts <<'END-OF-FILE'
127.0.0.1 localhost
127.0.1.1 chitlaq-phase2-db-1
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

    ip saddr { 10.0.1.11, 10.0.2.11, 10.0.2.12, 10.0.3.12, 10.0.4.11 } icmp type echo-request accept comment "ping and path MTU discovery"
    ip saddr { 10.0.1.11 } tcp dport 22 accept comment "SSH through the jump host"
    ip saddr { 10.0.1.11 } tcp dport 9100 accept comment "machine metrics, read through the gateway"
    ip saddr { 10.0.2.11, 10.0.2.12 } tcp dport 6432 accept comment "queries, through PgBouncer"
    ip saddr { 10.0.2.11, 10.0.2.12 } tcp dport 8008 accept comment "asking which member is the primary"
    ip saddr { 10.0.3.12 } tcp dport 5432 accept comment "streaming replication and rewind"
    ip saddr { 10.0.3.12 } tcp dport 8008 accept comment "Patroni members asking each other"
    ip saddr { 10.0.3.12 } tcp dport 2379 accept comment "etcd of the database members"
    ip saddr { 10.0.4.11 } tcp dport 2379 accept comment "the third etcd vote stands beside Redis"
    ip saddr { 10.0.3.12 } tcp dport 2380 accept comment "etcd of the database members"
    ip saddr { 10.0.4.11 } tcp dport 2380 accept comment "the third etcd vote stands beside Redis"
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

put main 0640 root postgres reload:patroni.service /etc/patroni/config.yml <<'END-OF-FILE'
scope: chitlaq
namespace: /chitlaq/
name: db-1

restapi:
  listen: 10.0.3.11:8008
  connect_address: 10.0.3.11:8008
  certfile: /etc/chitlaq/secrets/machine.crt
  keyfile: /etc/chitlaq/secrets/machine.key
  cafile: /etc/chitlaq/secrets/ca.crt
  # Anybody let in by the packet filter may ask who leads; only a certificate of the stack may change anything.
  verify_client: optional

ctl:
  certfile: /etc/chitlaq/secrets/machine.crt
  keyfile: /etc/chitlaq/secrets/machine.key
  cacert: /etc/chitlaq/secrets/ca.crt

etcd3:
  hosts:
    - 10.0.3.11:2379
    - 10.0.3.12:2379
    - 10.0.4.11:2379
  protocol: https
  cacert: /etc/chitlaq/secrets/ca.crt
  cert: /etc/chitlaq/secrets/machine.crt
  key: /etc/chitlaq/secrets/machine.key

bootstrap:
  # Read once, by the member that creates the cluster; later changes go through chitlaq-database.service.
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    primary_start_timeout: 15
    maximum_lag_on_failover: 1048576
    synchronous_mode: true
    synchronous_mode_strict: false
    synchronous_node_count: 1
    failsafe_mode: true
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        max_connections: 84
        max_worker_processes: 8
        max_wal_senders: 10
        max_replication_slots: 10
        max_prepared_transactions: 0
        max_locks_per_transaction: 64
        track_commit_timestamp: "on"
        wal_level: replica
        wal_log_hints: "on"
        hot_standby: "on"
  initdb:
    - encoding: UTF8
    - locale: C.UTF-8
    - data-checksums
    - auth-local: peer
    - auth-host: scram-sha-256
  post_bootstrap: /usr/local/lib/chitlaq/database-roles

postgresql:
  listen: 10.0.3.11,127.0.0.1:5432
  connect_address: 10.0.3.11:5432
  data_dir: /var/lib/postgresql/17/main
  bin_dir: /usr/lib/postgresql/17/bin
  pgpass: /run/postgresql/pgpass
  use_unix_socket: true
  use_unix_socket_repl: true
  # Passwords stand in the second file of /etc/chitlaq/patroni, which chitlaq-activate writes.
  authentication:
    superuser:
      username: postgres
      sslmode: verify-ca
      sslrootcert: /etc/chitlaq/secrets/ca.crt
    replication:
      username: replicator
      sslmode: verify-ca
      sslrootcert: /etc/chitlaq/secrets/ca.crt
    rewind:
      username: rewinder
      sslmode: verify-ca
      sslrootcert: /etc/chitlaq/secrets/ca.crt
  parameters:
    shared_buffers: 8192MB
    effective_cache_size: 24576MB
    maintenance_work_mem: 2048MB
    work_mem: 89MB
    wal_buffers: 16MB
    min_wal_size: 1024MB
    max_wal_size: 4096MB
    max_parallel_workers: 8
    max_parallel_workers_per_gather: 4
    huge_pages: try
    random_page_cost: 1.1
    effective_io_concurrency: 200
    jit: "off"
    checkpoint_timeout: 15min
    checkpoint_completion_target: 0.9
    wal_compression: zstd
    archive_mode: "on"
    archive_command: /usr/local/lib/chitlaq/pgbackrest-push "%p"
    wal_retrieve_retry_interval: 1s
    archive_timeout: 60s
    max_slot_wal_keep_size: 8GB
    wal_sender_timeout: 10s
    wal_receiver_timeout: 10s
    hot_standby_feedback: "on"
    password_encryption: scram-sha-256
    ssl: "on"
    ssl_cert_file: /etc/chitlaq/secrets/machine.crt
    ssl_key_file: /etc/chitlaq/secrets/machine.key
    ssl_ca_file: /etc/chitlaq/secrets/ca.crt
    ssl_min_protocol_version: TLSv1.2
    unix_socket_directories: /var/run/postgresql
    tcp_keepalives_idle: 30
    tcp_keepalives_interval: 5
    tcp_keepalives_count: 3
    client_connection_check_interval: 10s
    idle_in_transaction_session_timeout: 60s
    autovacuum_vacuum_scale_factor: 0.05
    autovacuum_analyze_scale_factor: 0.02
    autovacuum_vacuum_cost_limit: 1000
    shared_preload_libraries: pg_stat_statements
    pg_stat_statements.track_utility: "off"
    track_io_timing: "on"
    logging_collector: "on"
    log_directory: /var/log/postgresql
    log_filename: postgresql-%a.log
    log_truncate_on_rotation: "on"
    log_rotation_age: 1d
    log_rotation_size: 0
    log_line_prefix: "%m [%p] %q%u@%d %h "
    log_timezone: UTC
    timezone: UTC
    log_min_duration_statement: 500ms
    log_checkpoints: "on"
    log_lock_waits: "on"
    log_temp_files: 10MB
    log_autovacuum_min_duration: 1s
  pg_hba:
    - local all postgres peer
    - local chitlaq chitlaq peer map=pooler
    - local all all scram-sha-256
    - local replication replicator scram-sha-256
    - host replication replicator 127.0.0.1/32 scram-sha-256
    - hostssl replication replicator 10.0.3.11/32 scram-sha-256
    - hostssl postgres rewinder 10.0.3.11/32 scram-sha-256
    - hostssl replication replicator 10.0.3.12/32 scram-sha-256
    - hostssl postgres rewinder 10.0.3.12/32 scram-sha-256
  pg_ident:
    - pooler postgres chitlaq
  recovery_conf:
    restore_command: /usr/local/lib/chitlaq/archive-get %f "%p"
  create_replica_methods:
    - basebackup
  basebackup:
    - checkpoint: fast
  # A former primary whose history went another way is made a copy of the new one without anybody's help.
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverged_timelines: true

# A machine has no watchdog device unless softdog is loaded, which nothing does: the lease alone decides.
watchdog:
  mode: "off"

tags:
  nofailover: false
  noloadbalance: false
  clonefrom: false
  nosync: false
END-OF-FILE

put main 0640 root postgres none /etc/pgbackrest/pgbackrest.conf <<'END-OF-FILE'
[global]
repo1-type=s3
repo1-s3-endpoint=fsn1.your-objectstorage.com
repo1-s3-region=fsn1
repo1-s3-bucket=chitlaq-backups
# One name and one certificate for all buckets.
repo1-s3-uri-style=path
repo1-path=/phase2/database
repo1-cipher-type=aes-256-cbc
# Small files travel together and only changed blocks travel again.
repo1-bundle=y
repo1-block=y
repo1-retention-full-type=time
repo1-retention-full=30
archive-async=y
spool-path=/var/lib/postgresql/17/spool
compress-type=zst
process-max=4
start-fast=y
log-level-console=warn
log-level-file=info
log-path=/var/log/pgbackrest

[global:archive-push]
process-max=2
# See archive-push.
archive-timeout=15

[chitlaq]
pg1-path=/var/lib/postgresql/17/main
pg1-socket-path=/var/run/postgresql
END-OF-FILE

put main 0640 root postgres reload:pgbouncer.service /etc/pgbouncer/pgbouncer.ini <<'END-OF-FILE'
[databases]
chitlaq = host=/var/run/postgresql port=5432 dbname=chitlaq user=chitlaq

[pgbouncer]
listen_addr = 10.0.3.11
listen_port = 6432
unix_socket_dir = /var/run/postgresql

auth_type = hba
auth_hba_file = /etc/chitlaq/pgbouncer/hba.conf
auth_file = /etc/chitlaq/rendered/pgbouncer-users.txt

client_tls_sslmode = require
client_tls_ca_file = /etc/chitlaq/secrets/ca.crt
client_tls_cert_file = /etc/chitlaq/secrets/machine.crt
client_tls_key_file = /etc/chitlaq/secrets/machine.key
client_tls_protocols = secure

; A server connection belongs to a client for one transaction, so few of them serve many clients.
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 32
; Clients prepare by protocol; PgBouncer keeps the statement and prepares it on whichever connection it hands out.
max_prepared_statements = 200
; Longer waits end in an error the application can answer, instead of a queue that never empties.
query_wait_timeout = 15
server_lifetime = 1800
server_idle_timeout = 300
; After a failover the first attempts meet a server that is not up yet.
server_login_retry = 1
server_connect_timeout = 5
tcp_keepidle = 30
tcp_keepintvl = 5
tcp_keepcnt = 3
; Drivers send it although it has no effect here.
ignore_startup_parameters = extra_float_digits

log_connections = 0
log_disconnections = 0
pidfile = /run/postgresql/pgbouncer.pid
END-OF-FILE

put early 0644 root root none /etc/postgresql-common/createcluster.conf <<'END-OF-FILE'
# The cluster lives on the data volume and is made when that is mounted, not when the package is installed.
create_main_cluster = false
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
ListenAddress 10.0.3.11
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
OnCalendar=*-*-* 04:30 UTC
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

put main 0644 root root units /etc/systemd/system/chitlaq-backup-diff.timer <<'END-OF-FILE'
[Unit]
Description=Database backup (diff)

[Timer]
Unit=chitlaq-backup@diff.service
OnCalendar=Mon..Sat *-*-* 02:00:00 UTC
RandomizedDelaySec=10m
Persistent=true

[Install]
WantedBy=timers.target
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-backup-full.timer <<'END-OF-FILE'
[Unit]
Description=Database backup (full)

[Timer]
Unit=chitlaq-backup@full.service
OnCalendar=Sun *-*-* 02:00:00 UTC
RandomizedDelaySec=10m
Persistent=true

[Install]
WantedBy=timers.target
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-backup-verify.service <<'END-OF-FILE'
[Unit]
Description=Check and restore the newest database backup
After=network-online.target
Wants=network-online.target
ConditionPathExists=/etc/pgbackrest/conf.d/secrets.conf

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/chitlaq-backup-verify
TimeoutStartSec=6h
Nice=15
IOSchedulingClass=idle
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-backup-verify.timer <<'END-OF-FILE'
[Unit]
Description=Database backup (verify)

[Timer]
Unit=chitlaq-backup-verify.service
OnCalendar=Thu *-*-* 04:00:00 UTC
RandomizedDelaySec=10m
Persistent=true

[Install]
WantedBy=timers.target
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-backup@.service <<'END-OF-FILE'
[Unit]
Description=Database backup (%i)
After=network-online.target chitlaq-database.service
Wants=network-online.target
ConditionPathExists=/etc/pgbackrest/conf.d/secrets.conf

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/chitlaq-backup %i
TimeoutStartSec=6h
Restart=on-failure
RestartSec=5min
Nice=5
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

put main 0644 root root units /etc/systemd/system/chitlaq-database.service <<'END-OF-FILE'
[Unit]
Description=Role, cluster settings and first backup of the database
After=patroni.service postgresql@17-main.service pgbouncer.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/usr/local/lib/chitlaq/database
Restart=on-failure
RestartSec=15
TimeoutStartSec=3600

[Install]
WantedBy=multi-user.target
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-etcd-yield.service <<'END-OF-FILE'
[Unit]
Description=Keep etcd's leader away from PostgreSQL's
After=etcd.service patroni.service
ConditionPathExists=/var/lib/chitlaq/activated

[Service]
Type=oneshot
ExecStart=/usr/local/lib/chitlaq/etcd-yield
TimeoutStartSec=30
# Three runs a minute are no news.
LogLevelMax=notice
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-etcd-yield.timer <<'END-OF-FILE'
[Unit]
Description=Keep etcd's leader away from PostgreSQL's

[Timer]
OnActiveSec=20s
OnUnitInactiveSec=20s
AccuracySec=1s

[Install]
WantedBy=timers.target
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-hand-over.service <<'END-OF-FILE'
[Unit]
Description=Hand the lead of the database over before a shutdown
# What starts after others stops before them.
After=patroni.service pgbouncer.service etcd.service chitlaq-network.service network.target nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/usr/local/lib/chitlaq/last-turn
# The provider waits for a minute before it pulls the plug.
TimeoutStopSec=50

[Install]
WantedBy=multi-user.target
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-heartbeat.service <<'END-OF-FILE'
[Unit]
Description=Keep the write-ahead log moving
After=patroni.service postgresql@17-main.service
ConditionPathExists=/var/lib/chitlaq/activated

[Service]
Type=oneshot
User=postgres
# A standby reaches consistency and a segment is archived only when something is written; on an idle primary this is it.
ExecStart=-/usr/bin/psql -XAtq -h /var/run/postgresql -c "SELECT pg_logical_emit_message(false, 'chitlaq', '') WHERE NOT pg_is_in_recovery()" postgres
TimeoutStartSec=10
StandardOutput=null
StandardError=null
# Six runs a minute are no news.
LogLevelMax=notice
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-heartbeat.timer <<'END-OF-FILE'
[Unit]
Description=Keep the write-ahead log moving

[Timer]
OnActiveSec=10s
OnUnitInactiveSec=10s
AccuracySec=1s

[Install]
WantedBy=timers.target
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

put main 0644 root root units /etc/systemd/system/chitlaq-restic.service <<'END-OF-FILE'
[Unit]
Description=Daily copy of application and configuration
After=network-online.target chitlaq-network.service
Wants=network-online.target
ConditionPathExists=/etc/chitlaq/rendered/restic.env

[Service]
Type=oneshot
EnvironmentFile=/etc/chitlaq/restic.env
EnvironmentFile=/etc/chitlaq/rendered/restic.env
ExecStart=/usr/local/lib/chitlaq/restic
TimeoutStartSec=3600
Nice=10
IOSchedulingClass=idle
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-restic.timer <<'END-OF-FILE'
[Unit]
Description=Daily copy of application and configuration

[Timer]
# A new machine does not wait for the night.
OnActiveSec=10min
OnCalendar=*-*-* 03:00:00 UTC
RandomizedDelaySec=30m
Persistent=true

[Install]
WantedBy=timers.target
END-OF-FILE

put main 0644 root root units /etc/systemd/system/chitlaq-volume.service <<'END-OF-FILE'
[Unit]
Description=Data volume on /var/lib/postgresql
After=systemd-udevd.service local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/chitlaq/volume /var/lib/postgresql
ExecStop=/usr/bin/umount /var/lib/postgresql
TimeoutStartSec=660

[Install]
WantedBy=multi-user.target
END-OF-FILE

put main 0644 root root restart:etcd.service /etc/systemd/system/etcd.service.d/chitlaq.conf <<'END-OF-FILE'
[Unit]
After=chitlaq-network.service
StartLimitIntervalSec=0

[Service]
EnvironmentFile=/etc/chitlaq/etcd.env
EnvironmentFile=-/var/lib/chitlaq/etcd-state.env
ExecStartPre=+/usr/local/lib/chitlaq/etcd-join
# Ready only with a majority, which boots at its own pace.
TimeoutStartSec=infinity
Restart=always
RestartSec=2
IOSchedulingPriority=0
Nice=-5
END-OF-FILE

put main 0644 root root restart:patroni.service /etc/systemd/system/patroni.service.d/chitlaq.conf <<'END-OF-FILE'
[Unit]
Requires=chitlaq-volume.service
After=chitlaq-volume.service chitlaq-network.service etcd.service
StartLimitIntervalSec=0

[Service]
ExecStartPre=+/usr/local/lib/chitlaq/database-directory
ExecStart=
ExecStart=/usr/bin/patroni /etc/chitlaq/patroni
Restart=always
RestartSec=2
# PostgreSQL may need this long for its last checkpoint.
TimeoutStopSec=120
# Killed last when memory runs out.
OOMScoreAdjust=-900
# The server only: it gives its backends, which use the memory, a score of 0.
Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj
LimitNOFILE=65536
END-OF-FILE

put main 0644 root root restart:pgbouncer.service /etc/systemd/system/pgbouncer.service.d/chitlaq.conf <<'END-OF-FILE'
[Unit]
After=chitlaq-network.service
StartLimitIntervalSec=0

[Service]
Restart=always
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
m etcd chitlaq-tls
m postgres chitlaq-tls
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
d /etc/chitlaq/patroni 0750 root postgres -
d /var/log/postgresql 1775 root postgres -
d /var/lib/chitlaq/backup 0755 root root -
d /etc/pgbackrest/conf.d 0750 root postgres -
d /var/log/pgbackrest 0770 postgres postgres -
END-OF-FILE

put main 0600 root root none /root/.ssh/authorized_keys <<'END-OF-FILE'
# Operators and the delivery of files and secrets; kept by chitlaq-apply.
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAImSK2P7uy2RyJTxzChHbiRqRUhGHq33UCLUveDimqx
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/activate.d/10-backup <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/backup/activate.sh.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/backup.env

for name in s3-access-key s3-secret-key; do
  [[ $(secret "$name") =~ ^[A-Za-z0-9+/=._-]{8,}$ ]] || fail "$name does not look like an object storage key"
done

if [[ $DATABASE == yes ]]; then
  [[ $(secret backup-cipher-passphrase) =~ ^[A-Za-z0-9]{32,}$ ]] ||
    fail "backup-cipher-passphrase: 32 or more letters and digits, and nothing else"
  put_file /etc/pgbackrest/conf.d/secrets.conf 0640 root postgres <<EOT
[global]
repo1-s3-key=$(secret s3-access-key)
repo1-s3-key-secret=$(secret s3-secret-key)
repo1-cipher-pass=$(secret backup-cipher-passphrase)
EOT
fi
put_file /etc/chitlaq/rendered/restic.env 0600 root root <<EOT
AWS_ACCESS_KEY_ID=$(secret s3-access-key)
AWS_SECRET_ACCESS_KEY=$(secret s3-secret-key)
EOT
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/activate.d/15-etcd <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/etcd-activate.sh.
set -euo pipefail

known=/var/lib/chitlaq/etcd-authorities.sum
now=$(sha256sum </etc/chitlaq/secrets/ca.crt)
if [[ -e $known && $(<"$known") != "$now" ]] && systemctl is-active --quiet etcd.service; then
  systemctl --no-block restart etcd.service
fi
printf '%s\n' "$now" >"$known"
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/activate.d/20-database <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/activate.sh.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/database.env

plain_secrets postgres-app-password postgres-superuser-password postgres-replication-password postgres-rewind-password

if [[ $PATRONI == yes ]]; then
  ln -sfn /etc/patroni/config.yml /etc/chitlaq/patroni/config.yml
  put_file /etc/chitlaq/patroni/secrets.yml 0640 root postgres <<EOT
postgresql:
  authentication:
    superuser:
      password: $(secret postgres-superuser-password)
    replication:
      password: $(secret postgres-replication-password)
    rewind:
      password: $(secret postgres-rewind-password)
EOT
fi
users=/etc/chitlaq/rendered/pgbouncer-users.txt
known=$(sha256 2>/dev/null <"$users") || known=
{
  printf '"chitlaq" "%s"\n' "$(secret postgres-app-password)"
  accepted postgres-app-password | while read -r value; do printf '"%s" "%s"\n' "$(login_name "$value")" "$value"; done
} | put_file "$users" 0640 root postgres
if [[ $known != "$(sha256 <"$users")" ]] && systemctl is-active --quiet pgbouncer.service; then
  systemctl reload pgbouncer.service
fi
[[ ! -x /usr/local/lib/chitlaq/database-settings ]] || /usr/local/lib/chitlaq/database-settings
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/archive-get <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/archive-get.sh.
set -euo pipefail

source /etc/chitlaq/database.env

is_promoted() { curl -fs -m 1 -o /dev/null --cacert /etc/chitlaq/secrets/ca.crt "$PATRONI_URL/leader"; }

[[ $1 != *.history ]] || exit 1
if is_promoted; then exit 1; fi
timeout 3 pgbackrest --stanza=chitlaq archive-get "$1" "$2" &
fetch=$!
while kill -0 "$fetch" 2>/dev/null; do
  if is_promoted; then
    kill "$fetch" 2>/dev/null || true
    exit 1
  fi
  sleep 0.1
done
wait "$fetch"
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/database <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/database.sh.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/database.env

as_postgres() { runuser -u postgres -- "$@"; }

accepts_queries() { as_postgres psql -XAtqc 'SELECT 1' -h /var/run/postgresql postgres; }

is_standby() { [[ $(as_postgres psql -XAtqc 'SELECT pg_is_in_recovery()' -h /var/run/postgresql postgres) == t ]]; }

change_passwords() {
  local role name
  cat <<'SQL'
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET synchronous_commit = local;
SQL
  while read -r role name; do
    printf "\\set password '%s'\nALTER ROLE %s PASSWORD :'password';\n" "$(secret "$name")" "$role"
  done <<'EOT'
postgres postgres-superuser-password
replicator postgres-replication-password
rewinder postgres-rewind-password
EOT
}

wait_for 900 "PostgreSQL to accept queries" accepts_queries
if is_standby; then
  log "this member is a standby; the primary does the work"
  exit 0
fi
as_postgres /usr/local/lib/chitlaq/database-roles
if [[ $PATRONI == yes ]]; then
  change_passwords | as_postgres psql -Xq --set=ON_ERROR_STOP=1 -h /var/run/postgresql postgres
  as_postgres patronictl -c /etc/patroni/config.yml edit-config --quiet --force --replace /etc/chitlaq/patroni-dcs.json >/dev/null
fi
/usr/local/sbin/chitlaq-backup ensure
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/database-directory <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/database-directory.sh.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/database.env

mountpoint -q "$DATA_MOUNT" || fail "$DATA_MOUNT is not mounted; see systemctl status chitlaq-volume"
chown postgres:postgres "$DATA_MOUNT"
install -d -o postgres -g postgres -m 0750 "$DATA_MOUNT/17" "$DATA_MOUNT/17/spool"
[[ ! -d $DATA_DIRECTORY ]] || chmod 0700 "$DATA_DIRECTORY"
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/database-roles <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/database-roles.sh.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

connection=${1:-host=/var/run/postgresql dbname=postgres user=postgres}
run_psql() { psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$@"; }

run_psql "$connection" <<'SQL'
SET synchronous_commit = local;
SELECT 'CREATE ROLE chitlaq LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'chitlaq') \gexec
ALTER ROLE chitlaq LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD NULL;
SELECT 'CREATE DATABASE chitlaq OWNER chitlaq' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'chitlaq') \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE chitlaq FROM PUBLIC;
ALTER ROLE chitlaq SET statement_timeout = '15s';
ALTER ROLE chitlaq SET idle_in_transaction_session_timeout = '30s';
SQL
log "role and database chitlaq are in place"
END-OF-FILE

put late 0755 root root none /usr/local/lib/chitlaq/database-settings <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/settings.sh.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/database.env
source /etc/chitlaq/machine.env

query() { runuser -u postgres -- psql -XAtqc "$1" -h /var/run/postgresql postgres; }
patronictl_chitlaq() { runuser -u postgres -- patronictl -c /etc/patroni/config.yml "$@"; }
is_pending() { [[ $(query 'SELECT count(*) FROM pg_settings WHERE pending_restart') != 0 ]]; }
own_state() { jq -r --arg me "$MACHINE" '.[] | select(.Member == $me) | .State' <<<"$1"; }
leads_others() {
  members=$(patronictl_chitlaq list -f json)
  [[ $(jq -r --arg me "$MACHINE" 'any(.[]; .Member == $me and .Role == "Leader") and any(.[]; .Member != $me and .State == "streaming")' <<<"$members") == true ]]
}
is_in_service() {
  query 'SELECT 1' && { [[ $PATRONI == no ]] || own_state "$(patronictl_chitlaq list -f json)" | grep -qxE 'running|streaming'; }
}

query 'SELECT 1' >/dev/null 2>&1 || exit 0

if [[ $PATRONI == yes ]]; then
  [[ -n $(find /etc/patroni/config.yml /etc/chitlaq/patroni-dcs.json -mmin -2) ]] || exit 0
  patronictl_chitlaq edit-config --quiet --force --replace /etc/chitlaq/patroni-dcs.json >/dev/null ||
    log "the shared configuration is left to chitlaq-database"
  for ((tenths = 0; tenths < 80; tenths++)); do
    if is_pending; then break; fi
    sleep 0.1
  done
fi
is_pending || exit 0

if [[ $PATRONI == yes ]]; then
  if leads_others; then "$(dirname "$0")/hand-over" 60; fi
  if leads_others; then
    log "settings wait for a restart of PostgreSQL, which leads"
    exit 0
  fi
  patronictl_chitlaq restart "$(jq -r '.[0].Cluster' <<<"$members")" "$MACHINE" --force >/dev/null
else
  systemctl restart postgresql@17-main.service
fi
wait_for 120 "PostgreSQL to be in service again" is_in_service
log "PostgreSQL has its new settings"
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/etcd-join <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/etcd-join.sh.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/etcd.env

state=/var/lib/chitlaq/etcd-state.env
[[ ! -d $ETCD_DATA_DIR/member ]] || exit 0
install -d -o etcd -g etcd -m 0700 "$ETCD_DATA_DIR"

peers() {
  tr , '\n' <<<"$ETCD_INITIAL_CLUSTER" | grep -v "^$ETCD_NAME=" | sed -e 's/^[^=]*=//' -e "s/:[0-9]*$/:${ETCD_ADVERTISE_CLIENT_URLS##*:}/" | paste -sd,
}

ask() {
  etcdctl --endpoints="$(peers)" --cacert="$ETCD_TRUSTED_CA_FILE" --cert="$ETCD_CERT_FILE" --key="$ETCD_KEY_FILE" \
    --dial-timeout=2s --command-timeout=4s "$@"
}

[[ -n $(peers) ]] || exit 0
established=100

if ! members=$(ask member list --write-out=json 2>/dev/null); then
  newest=$(ask endpoint status --write-out=json 2>/dev/null | jq '[.[].Status.raftAppliedIndex // 0] | max // 0' || true)
  ((${newest:-0} < established)) ||
    fail "the cluster lost its majority; wait for its members, or give its memory up with chitlaq-etcd-reset on each survivor"
  exit 0
fi
mine=$(jq -c --arg url "$ETCD_INITIAL_ADVERTISE_PEER_URLS" '.members[] | select(.peerURLs == [$url])' <<<"$members")

if [[ -n $mine && -z $(jq -r '.name // ""' <<<"$mine") ]]; then
  log "the cluster waits for this member"
  exit 0
fi
if [[ -n $mine ]]; then
  id=$(ask member list | awk -F', ' -v url="$ETCD_INITIAL_ADVERTISE_PEER_URLS" '$4 == url { print $1 }')
  log "replacing member $id, whose data is gone"
  ask member remove "$id"
fi
printf 'ETCD_INITIAL_CLUSTER_STATE=existing\n' >"$state.new"
ask member add "$ETCD_NAME" --peer-urls="$ETCD_INITIAL_ADVERTISE_PEER_URLS"
mv -f "$state.new" "$state"
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/etcd-yield <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/etcd-yield.sh.
set -euo pipefail
source /etc/chitlaq/etcd.env
source /etc/chitlaq/database.env

curl -fs -m 2 -o /dev/null --cacert "$ETCD_TRUSTED_CA_FILE" "$PATRONI_URL/primary" || exit 0

own=${ETCD_ADVERTISE_CLIENT_URLS%%,*}
ask() {
  etcdctl --endpoints="$own" --cacert="$ETCD_TRUSTED_CA_FILE" --cert="$ETCD_CERT_FILE" --key="$ETCD_KEY_FILE" \
    --dial-timeout=2s --command-timeout=4s "$@"
}
members=$(ask endpoint status --cluster --write-out=simple 2>/dev/null || true)
awk -F ', ' -v own="$own" '$1 == own && $5 == "true" { found = 1 } END { exit !found }' <<<"$members" || exit 0
other=$(awk -F ', ' -v own="$own" '$1 != own { print $2; exit }' <<<"$members")
[[ -n $other ]] || exit 0
ask move-leader "$other"
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/hand-over <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/hand-over.sh.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/machine.env

end=$((SECONDS + ${1:-0}))
patronictl_chitlaq() { timeout 10 runuser -u postgres -- patronictl -c /etc/patroni/config.yml "$@"; }

member() { jq -r --arg roles "$1" '[.[] | select((.Role | IN($roles | split(",")[])) and (.State | IN("running", "streaming")))][0].Member // empty' <<<"$members"; }

while :; do
  members=$(patronictl_chitlaq list -f json) || exit 0
  [[ $(member Leader) == "$MACHINE" ]] || exit 0
  candidate=$(member "Sync Standby,Quorum Standby")
  [[ -z $candidate ]] || break
  if ((SECONDS >= end)); then
    log "$MACHINE leads and no standby is in step"
    exit 0
  fi
  sleep 1
done
patronictl_chitlaq switchover --leader "$MACHINE" --candidate "$candidate" --force >/dev/null
no_longer_leads() {
  members=$(patronictl_chitlaq list -f json)
  [[ $(member Leader) == "$candidate" && $(jq -r --arg me "$MACHINE" '.[] | select(.Member == $me).State' <<<"$members") == streaming ]]
}
wait_for 120 "$candidate to lead and $MACHINE to follow" no_longer_leads
log "$candidate leads now"
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/last-turn <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/last-turn.sh.
set -euo pipefail

[[ $(systemctl is-system-running) == stopping ]] || exit 0
exec "$(dirname "$0")/hand-over" 40
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

put main 0755 root root none /usr/local/lib/chitlaq/pgbackrest-push <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/archive-push.sh.
set -euo pipefail

source /etc/chitlaq/database.env

pgbackrest --stanza=chitlaq archive-push "$1" &
for ((tenths = 0; ; tenths++)); do
  code=1 limit=600
  if ! mapfile -t note 2>/dev/null <"$DATA_DIRECTORY/postmaster.pid" || ! kill -0 "${note[0]:-}" 2>/dev/null; then
    limit=30
  elif [[ ${note[7]:-} == stopping* ]]; then
    code=130 limit=5
  fi
  if ((tenths > limit)) || ! kill -0 $! 2>/dev/null; then break; fi
  sleep 0.1
done
if kill $! 2>/dev/null || ! wait $!; then exit "$code"; fi
END-OF-FILE

put late 0755 root root none /usr/local/lib/chitlaq/restic <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/backup/restic.sh.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
source /etc/chitlaq/backup.env
source /etc/chitlaq/restic.env

state=$STATUS_DIRECTORY/files.json
excluded=(/etc/chitlaq/secrets /etc/chitlaq/rendered /etc/chitlaq/patroni /etc/pgbackrest/conf.d
  '/etc/ssh/ssh_host_*' '/etc/shadow*' '/etc/gshadow*' /var/lib/valkey/runtime.conf /var/lib/valkey/sentinel.conf)

note() {
  local known
  known=$(cat "$state" 2>/dev/null || echo '{}')
  jq -c '. + $ARGS.named' "$@" <<<"$known" | put_file "$state" 0644 root root
}
now() { date -u +%FT%TZ; }

finished=no
finish() { [[ $finished == yes ]] || note --arg result failed; }
trap finish EXIT

valkey() {
  VALKEYCLI_AUTH=$(secret valkey-admin-password) REDISCLI_AUTH=$(secret valkey-admin-password) \
    valkey-cli -e --no-auth-warning --user admin -h "$LISTEN" -p "$PORT" "$@"
}
told_by_valkey() { valkey INFO persistence | tr -d '\r' | sed -n "s/^$1://p"; }
valkey_is_done() {
  [[ $(told_by_valkey rdb_bgsave_in_progress) == 0 ]] &&
    [[ $(told_by_valkey rdb_saves) != "$saves" || $(told_by_valkey rdb_last_bgsave_status) != ok ]]
}

if systemctl is-active --quiet valkey-server.service; then
  source /etc/chitlaq/redis.env
  saves=$(told_by_valkey rdb_saves)
  valkey BGSAVE SCHEDULE >/dev/null
  wait_for 1800 "Valkey's snapshot" valkey_is_done
  [[ $(told_by_valkey rdb_last_bgsave_status) == ok ]] || fail "Valkey could not write its snapshot; see journalctl -u valkey-server"
  excluded+=(/var/lib/valkey/appendonlydir '/var/lib/valkey/temp-*')
fi

restic cat config >/dev/null 2>&1 || restic init --quiet
restic unlock --quiet
read -r -a paths <<<"$BACKUP_PATHS"
restic backup --quiet --tag daily "${excluded[@]/#/--exclude=}" "${paths[@]}"
restic forget --quiet --tag daily --keep-daily "$RETENTION_DAYS" --prune
finished=yes
note --arg result ok --arg copied "$(now)"

checked=$(jq -r '.checked // "1970-01-01T00:00:00Z"' "$state")
if (($(date +%s) - $(date -d "$checked" +%s) > 6 * 86400)); then
  if ! restic check --quiet --read-data-subset="$(($(date +%s) / 604800 % 4 + 1))/4"; then
    note --arg check failed
    fail "the copies of files are damaged or cannot be read"
  fi
  note --arg check ok --arg checked "$(now)"
fi
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/step-aside <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/step-aside.sh.
set -euo pipefail

grep -qE 'patroni|postgres|pgbouncer|pgbackrest|database|/etc/chitlaq/packages' || exit 0
exec "$(dirname "$0")/hand-over" 60
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/volume <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/common/volume.sh.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

mountpoint=${1:?usage: volume MOUNTPOINT}
pattern=/dev/disk/by-id/scsi-0HC_Volume_

volumes() { compgen -G "${pattern}*" | grep -v -- '-part[0-9]*$' || true; }

one_volume() { [[ $(volumes | wc -l) -ge 1 ]]; }

if mountpoint -q "$mountpoint"; then
  log "$mountpoint is mounted"
  exit 0
fi
wait_for 600 "a data volume (${pattern}*); is it attached to the server?" one_volume
[[ $(volumes | wc -l) -eq 1 ]] || fail "more than one volume is attached, and none is known as this machine's"
device=$(volumes)

filesystem=$(blkid -p -o value -s TYPE "$device") || [[ $? -eq 2 ]] || fail "cannot read $device"
if [[ -z $filesystem ]]; then
  cmp -s -n 1048576 "$device" /dev/zero || fail "$device has no file system and is not blank; it is left as it is"
  log "formatting the blank volume $device"
  mkfs.ext4 -q -L chitlaq-data -m 1 "$device"
elif [[ $filesystem != ext4 ]]; then
  fail "$device holds $filesystem, not ext4; it is left as it is"
fi

mkdir -p "$mountpoint"
mount -t ext4 -o discard,noatime,errors=remount-ro "$device" "$mountpoint"
resize2fs "$device" >/dev/null 2>&1 || log "could not grow the file system to the volume's size"
log "$device on $mountpoint"
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

put late 0755 root root none /usr/local/sbin/chitlaq-backup <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/backup/backup.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

kind=${1:-}
[[ $kind == full || $kind == diff || $kind == ensure ]] || fail "usage: chitlaq-backup full|diff|ensure"

exec 9>/var/lib/chitlaq/backup.lock
flock --nonblock 9 || {
  log "waiting for the backup or the verification that runs"
  flock 9
}

as_postgres() { runuser -u postgres -- "$@"; }

pgbackrest_chitlaq() {
  local code end=$((SECONDS + 3600))
  while :; do
    code=0
    as_postgres pgbackrest --stanza=chitlaq "$@" || code=$?
    if ((code != 50 || SECONDS > end)); then return "$code"; fi
    sleep 1
  done
}

[[ $(as_postgres psql -XAtqc 'SELECT pg_is_in_recovery()' -h /var/run/postgresql postgres) == f ]] || {
  log "this member is a standby; the primary backs up"
  exit 0
}

code=0
pgbackrest_chitlaq stanza-create || code=$?
case $code in
  0) ;;
  28) fail "the backups are of another cluster; if it was lost and this one is to become it: chitlaq-restore --yes" ;;
  *) fail "pgbackrest stanza-create ended with $code" ;;
esac
if [[ $kind == ensure ]]; then
  [[ $(pgbackrest_chitlaq info --output=json | jq '[.[].backup[]?] | length') == 0 ]] || exit 0
  kind=full
fi
pgbackrest_chitlaq --type="$kind" backup
log "$kind backup done"
END-OF-FILE

put late 0755 root root none /usr/local/sbin/chitlaq-backup-status <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/backup/status.sh.
set -euo pipefail
source /etc/chitlaq/backup.env

as_postgres() { runuser -u postgres -- "$@"; }

max_backup_age=93600
max_archive_age=900
max_verify_age=777600

now=$(date +%s)
files=$(cat "$STATUS_DIRECTORY/files.json" 2>/dev/null || echo null)

held=null
if [[ $DATABASE == yes ]]; then
  info=$(as_postgres pgbackrest --stanza=chitlaq info --output=json)
  query="SELECT coalesce(extract(epoch FROM last_archived_time)::bigint, 0), failed_count,
    coalesce(extract(epoch FROM last_failed_time)::bigint, 0), pg_is_in_recovery() FROM pg_stat_archiver"
  IFS='|' read -r archived failures failed standby \
    <<<"$(as_postgres psql -XAtqc "$query" -h /var/run/postgresql postgres)"
  verify=$(cat "$STATUS_DIRECTORY/verify.json" 2>/dev/null || echo null)
  held=$(jq -n -c --argjson now "$now" --argjson info "$info" --argjson archived "$archived" --argjson failures "$failures" \
    --argjson failed "$failed" --arg standby "$standby" --argjson verify "$verify" '
    ($info[0].backup // []) as $backups
    | ($backups[-1]) as $last
    | {
        backups: ($backups | length),
        last: (if $last then {
          label: $last.label,
          type: $last.type,
          finished: ($last.timestamp.stop | todate),
          ageSeconds: ($now - $last.timestamp.stop),
          databaseBytes: $last.info.size,
          repositoryBytes: ($last.info.repository.size // $last.info.repository.delta),
          pageErrors: ($last.error == true)
        } else null end),
        archive: (if $standby == "t" then null else {
          ageSeconds: (if $archived == 0 then null else $now - $archived end),
          failures: $failures,
          failing: ($failed > $archived)
        } end),
        verifiedRestore: $verify
      }')
fi

report=$(jq -n -c --argjson now "$now" --argjson files "$files" --argjson database "$held" \
  --argjson maxBackup "$max_backup_age" --argjson maxArchive "$max_archive_age" --argjson maxVerify "$max_verify_age" '
  def age: if . == null then null else $now - fromdate end;
  {
    database: $database,
    files: (if $files == null then null else {
      result: $files.result,
      ageSeconds: ($files.copied | age),
      check: $files.check,
      checkAgeSeconds: ($files.checked | age)
    } end)
  }
  | .problems = [
      (.database | values
       | (if .last == null then "no backup"
          elif .last.ageSeconds > $maxBackup then "the newest backup is too old" else empty end),
         (if .last.pageErrors then "the newest backup has pages with wrong checksums" else empty end),
         (if .archive == null then empty
          elif .archive.failing then "the last log segment was not archived"
          elif .archive.ageSeconds == null or .archive.ageSeconds > $maxArchive then "the archived log is too old" else empty end),
         (.verifiedRestore as $verify
          | if $verify == null then "no restore was ever verified"
            elif $verify.result != "ok" then "the last verification failed"
            elif ($verify.at | age) > $maxVerify then "the last verified restore is too old" else empty end)),
      (.files
       | if . == null or .ageSeconds == null then "no copy of files"
         elif .result != "ok" then "the last copy of files failed"
         elif .ageSeconds > $maxBackup then "the newest copy of files is too old" else empty end),
      (.files | values
       | if .check == "failed" then "the copies of files are damaged"
         elif .ageSeconds != null and (.checkAgeSeconds == null or .checkAgeSeconds > $maxVerify) then "the last check of the copies of files is too old"
         else empty end)
    ]')
printf '%s\n' "$report"
jq -e '.problems | length == 0' >/dev/null <<<"$report"
END-OF-FILE

put late 0755 root root none /usr/local/sbin/chitlaq-backup-verify <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/backup/verify.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/backup.env
source /etc/chitlaq/database.env

exec 9>/var/lib/chitlaq/backup.lock
flock --nonblock 9 || {
  log "waiting for the backup or the verification that runs"
  flock 9
}

scratch=$DATA_MOUNT/restore-test
started=$(date +%s)
as_postgres() { runuser -u postgres -- "$@"; }
bin=/usr/lib/postgresql/17/bin

clean_up() {
  [[ ! -f $scratch/data/postmaster.pid ]] || as_postgres "$bin/pg_ctl" -D "$scratch/data" -m immediate stop >/dev/null || true
  rm -rf --one-file-system "$scratch"
}

record() {
  mkdir -p "$STATUS_DIRECTORY"
  jq -n -c --arg result "$1" --arg at "$(date -u +%FT%TZ)" --argjson seconds "$(($(date +%s) - started))" --arg reached "${2:-}" \
    '{result: $result, at: $at, seconds: $seconds} + (if $reached == "" then {} else {recoveredTo: $reached} end)' \
    | put_file "$STATUS_DIRECTORY/verify.json" 0644 root root
}

verified=no
finish() {
  [[ $verified == yes ]] || record failed
  clean_up
}
trap finish EXIT
clean_up

findings=$(as_postgres pgbackrest --stanza=chitlaq --output=text --verbose verify)
printf '%s\n' "$findings"
grep -q '^ *status: ok' <<<"$findings" || fail "the repository is not whole"
if grep -oE '\bstatus: [a-z -]+' <<<"$findings" | grep -qvxE 'status: (ok|valid|in-progress)'; then
  fail "the repository is not whole"
fi
needed=$(as_postgres pgbackrest --stanza=chitlaq info --output=json | jq '[.[].backup[-1].info.size] | max // 0')
free=$(df --output=avail -B 1 "$DATA_MOUNT" | tail -n 1)
((needed > 0)) || fail "there is no backup to restore"
((free > needed + needed / 4)) || fail "$DATA_MOUNT has $free bytes free, the restore needs $needed"

install -d -o postgres -g postgres -m 0700 "$scratch" "$scratch/data" "$scratch/socket"
as_postgres pgbackrest --stanza=chitlaq --pg1-path="$scratch/data" --archive-mode=off \
  --recovery-option="restore_command=pgbackrest --stanza=chitlaq --pg1-path=$scratch/data --no-archive-async archive-get %f \"%p\"" \
  restore
configuration=$scratch/data/postgresql.conf
[[ $PATRONI == yes ]] || configuration=/etc/postgresql/17/main/postgresql.conf
as_postgres "$bin/pg_ctl" -D "$scratch/data" -w -t 3600 -l "$scratch/log" -o "-c config_file=$configuration \
  -c data_directory=$scratch/data -c external_pid_file= -c listen_addresses= \
  -c unix_socket_directories=$scratch/socket -c hba_file=/etc/chitlaq/postgresql/restore_hba.conf -c ssl=off \
  -c archive_mode=off -c shared_buffers=64MB -c huge_pages=off -c synchronous_standby_names= -c primary_conninfo= \
  -c primary_slot_name= -c shared_preload_libraries= -c log_destination=stderr -c logging_collector=off" start >/dev/null 9>&-
wait_for 3600 "the restored database to finish recovery" \
  as_postgres bash -c "[[ \$(psql -XAtqc 'SELECT pg_is_in_recovery()' -h '$scratch/socket' postgres) == f ]]"
reached=$(as_postgres psql -XAtqc "SELECT to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')" -h "$scratch/socket" postgres)
as_postgres psql -XAtqc 'SELECT count(*) FROM pg_catalog.pg_class' -h "$scratch/socket" chitlaq >/dev/null
record ok "$reached"
verified=yes
log "the newest backup restores and can be read"
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

put main 0755 root root none /usr/local/sbin/chitlaq-etcd-reset <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/database/etcd-reset.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/etcd.env

[[ ${1:-} == --yes ]] || fail "this forgets who leads the database; add --yes when the majority is lost for good"
systemctl stop etcd.service
aside="$ETCD_DATA_DIR.$(date -u +%Y%m%dT%H%M%SZ)"
[[ ! -d $ETCD_DATA_DIR ]] || mv -T "$ETCD_DATA_DIR" "$aside"
rm -f /var/lib/chitlaq/etcd-state.env
systemctl start --no-block etcd.service
log "the old memory is kept in $aside"
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

put late 0755 root root none /usr/local/sbin/chitlaq-rejoin <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/backup/rejoin.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/machine.env
source /etc/chitlaq/database.env

[[ ${1:-} == --yes ]] || fail "this gives up $DATA_DIRECTORY; add --yes"
as_postgres() { runuser -u postgres -- "$@"; }

leader=$(as_postgres patronictl -c /etc/patroni/config.yml list -f json |
  jq -r 'first(.[] | select(.Role == "Leader").Member) // ""')
[[ -n $leader && $leader != "$MACHINE" ]] || fail "no other member leads (leader: ${leader:-none}); restore there first"

systemctl stop chitlaq-database.service patroni.service
[[ ! -f $DATA_DIRECTORY/postmaster.pid ]] ||
  as_postgres /usr/lib/postgresql/17/bin/pg_ctl -D "$DATA_DIRECTORY" -m fast -w stop || true
if [[ -d $DATA_DIRECTORY ]]; then
  rm -rf --one-file-system "$DATA_DIRECTORY.before-rejoin"
  mv -T "$DATA_DIRECTORY" "$DATA_DIRECTORY.before-rejoin"
fi
systemctl start patroni.service
systemctl restart --no-block chitlaq-database.service
log "copying the database of $leader; the former data is in $DATA_DIRECTORY.before-rejoin until you remove it"
END-OF-FILE

put late 0755 root root none /usr/local/sbin/chitlaq-restic <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/backup/restic-command.sh.
set -euo pipefail
set -a
source /etc/chitlaq/restic.env
source /etc/chitlaq/rendered/restic.env
exec restic "$@"
END-OF-FILE

put late 0755 root root none /usr/local/sbin/chitlaq-restore <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/backup/restore.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"
source /etc/chitlaq/machine.env
source /etc/chitlaq/database.env

target='' agreed=no
while [[ $# -gt 0 ]]; do
  case $1 in
    --yes) agreed=yes ;;
    --target)
      target=$(date -u -d "${2:?--target needs a time}" '+%Y-%m-%d %H:%M:%S.%6N+00') || fail "$2 is no time"
      shift
      ;;
    *) fail "usage: chitlaq-restore --yes [--target TIME]" ;;
  esac
  shift
done
[[ $agreed == yes ]] || fail "this replaces $DATA_DIRECTORY; add --yes"

as_postgres() { runuser -u postgres -- "$@"; }
bin=/usr/lib/postgresql/17/bin

others_are_stopped() {
  members=$(as_postgres timeout 30 patronictl -c /etc/patroni/config.yml list -f json 2>/dev/null) &&
    others=$(jq -r --arg self "$MACHINE" \
      '[.[] | select(.Member != $self and (.Role == "Leader" or .State != "stopped")) | .Member] | join(", ")' <<<"$members") &&
    [[ -z $others ]]
}

alone_in_the_cluster() {
  local members='' others='' end=$((SECONDS + 45))
  until others_are_stopped; do
    ((SECONDS < end)) || break
    sleep 1
  done
  [[ -n $members ]] || fail "the cluster's store (etcd) does not answer, so nobody can tell whether another member runs;" \
    "bring its majority back, or when that is lost for good: chitlaq-etcd-reset --yes on the voter that is left"
  [[ -z $others ]] || fail "$others runs; stop it first: systemctl stop patroni.service"
}

[[ -f /etc/pgbackrest/conf.d/secrets.conf ]] || fail "the secrets are not delivered yet; see chitlaq-secrets status"
if [[ $PATRONI == yes ]]; then alone_in_the_cluster; fi
systemctl stop chitlaq-database.service 'chitlaq-backup@*.service'
if [[ $PATRONI == yes ]]; then
  systemctl stop patroni.service
  [[ ! -f $DATA_DIRECTORY/postmaster.pid ]] || as_postgres "$bin/pg_ctl" -D "$DATA_DIRECTORY" -m fast -w stop || true
else
  systemctl stop postgresql@17-main.service
fi
/usr/local/lib/chitlaq/database-directory

if [[ -d $DATA_DIRECTORY ]]; then
  rm -rf --one-file-system "$DATA_DIRECTORY.before-restore"
  mv -T "$DATA_DIRECTORY" "$DATA_DIRECTORY.before-restore"
fi
install -d -o postgres -g postgres -m 0700 "$DATA_DIRECTORY"
arguments=(--stanza=chitlaq)
[[ -z $target ]] || arguments+=(--type=time "--target=$target" --target-action=promote)
as_postgres pgbackrest "${arguments[@]}" restore

if [[ $PATRONI == yes ]]; then
  printf '%s\nYes I am aware\n' chitlaq | as_postgres patronictl -c /etc/patroni/config.yml remove chitlaq >/dev/null ||
    fail "the cluster's store (etcd) did not give up the old cluster; run this again when it answers"
  as_postgres "$bin/pg_ctl" -D "$DATA_DIRECTORY" -w -t 14400 -l /var/log/postgresql/restore.log \
    -o "-c listen_addresses= -c unix_socket_directories=/var/run/postgresql -c archive_mode=off \
    -c hba_file=/etc/chitlaq/postgresql/restore_hba.conf -c ssl=off" start >/dev/null
  recovered() { [[ $(as_postgres psql -XAtqc 'SELECT pg_is_in_recovery()' -h /var/run/postgresql postgres) == f ]]; }
  wait_for 14400 "recovery to end" recovered
  as_postgres "$bin/pg_ctl" -D "$DATA_DIRECTORY" -m fast -w stop >/dev/null
  systemctl start patroni.service
else
  systemctl start postgresql@17-main.service
fi
systemctl restart --no-block chitlaq-database.service
primary() { [[ $(as_postgres psql -XAtqc 'SELECT pg_is_in_recovery()' -h /var/run/postgresql postgres) == f ]]; }
wait_for 14400 "the restored database to accept writes" primary
for history in "$DATA_DIRECTORY"/pg_wal/*.history; do
  [[ ! -f $history ]] || as_postgres pgbackrest --stanza=chitlaq --no-archive-async archive-push "$history"
done
systemctl start --no-block chitlaq-backup@full.service
log "restored; the former data is in $DATA_DIRECTORY.before-restore until you remove it"
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
