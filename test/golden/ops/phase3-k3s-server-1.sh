#!/bin/sh
# Every file of k3s-server-1 in stack phase3, with where it goes, whose it is and what a change of it makes necessary.
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

put main 0644 root root none /etc/chitlaq/health.tsv <<'END-OF-FILE'
packet-filter	nft list table inet chitlaq
node-exporter	curl -fsS -o /dev/null http://10.0.2.191:9100/metrics
k3s	k3s kubectl get --raw /readyz
END-OF-FILE

put main 0644 root root none /etc/chitlaq/k3s.env <<'END-OF-FILE'
K3S_VERSION='v1.36.4+k3s1'
K3S_KIND='server'
PRIVATE_IP='10.0.2.191'
# Servers through which a member without data joins; empty on agents.
OTHER_SERVERS='10.0.2.192 10.0.2.193'
FIRST='yes'
END-OF-FILE

put early 0644 root root none /etc/chitlaq/machine.env <<'END-OF-FILE'
# What scripts need to know about this machine.
MACHINE='k3s-server-1'
ROLE='k3s-server'
STACK='phase3'
PHASE='3'
PRIVATE_IP='10.0.2.191'
# "no": reached and let out through the gateway.
PUBLIC='no'
NETWORK_RANGE='10.0.0.0/16'
NETWORK_GATEWAY='10.0.0.1'
END-OF-FILE

put early 0644 root root none /etc/chitlaq/packages <<'END-OF-FILE'
apparmor
chrony
curl
jq
netcat-openbsd
nftables
openssl
prometheus-node-exporter
unattended-upgrades
END-OF-FILE

put main 0644 root root none /etc/chitlaq/secrets.tsv <<'END-OF-FILE'
k3s-agent-token	0600	root	root
k3s-server-token	0600	root	root
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
secrets	k3s.service	none
END-OF-FILE

put main 0644 root root restart:chrony.service /etc/chrony/conf.d/chitlaq.conf <<'END-OF-FILE'
# Hetzner's own servers (docs.hetzner.com/robot/dedicated-server/operating-systems/ntp) beside Debian's pool.
server ntp1.hetzner.de iburst
server ntp2.hetzner.com iburst
server ntp3.hetzner.net iburst
END-OF-FILE

put main 0644 root root restart:prometheus-node-exporter.service /etc/default/prometheus-node-exporter <<'END-OF-FILE'
ARGS='--web.listen-address=10.0.2.191:9100 --collector.textfile.directory=/var/lib/prometheus/node-exporter'
END-OF-FILE

put early 0644 root root none /etc/hosts <<'END-OF-FILE'
127.0.0.1 localhost
127.0.1.1 chitlaq-phase3-k3s-server-1
::1 localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters

10.0.1.11 lb-1 chitlaq-phase3-lb-1
10.0.1.12 lb-2 chitlaq-phase3-lb-2
10.0.2.191 k3s-server-1 chitlaq-phase3-k3s-server-1
10.0.2.192 k3s-server-2 chitlaq-phase3-k3s-server-2
10.0.2.193 k3s-server-3 chitlaq-phase3-k3s-server-3
10.0.2.101 k3s-agent-1 chitlaq-phase3-k3s-agent-1
10.0.2.102 k3s-agent-2 chitlaq-phase3-k3s-agent-2
10.0.3.11 db-1 chitlaq-phase3-db-1
10.0.3.12 db-2 chitlaq-phase3-db-2
10.0.3.13 db-3 chitlaq-phase3-db-3
10.0.4.11 redis-1 chitlaq-phase3-redis-1
10.0.4.12 redis-2 chitlaq-phase3-redis-2
10.0.4.13 redis-3 chitlaq-phase3-redis-3
END-OF-FILE

put main 0644 root root none /etc/modules-load.d/chitlaq-k3s.conf <<'END-OF-FILE'
# Pod network and its packet filter.
br_netfilter
overlay
vxlan
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
  }

  chain unfollowed-out {
    type filter hook output priority raw; policy accept;
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

    ip saddr { 10.0.1.11, 10.0.1.12, 10.0.2.192, 10.0.2.193, 10.0.2.101, 10.0.2.102, 10.0.3.11, 10.0.3.12, 10.0.3.13, 10.0.4.11, 10.0.4.12, 10.0.4.13 } icmp type echo-request accept comment "ping and path MTU discovery"
    ip saddr { 10.0.1.11, 10.0.1.12 } tcp dport 22 accept comment "SSH through the jump host"
    ip saddr { 10.0.1.11, 10.0.1.12 } tcp dport 9100 accept comment "machine metrics, read through the gateway"
    ip saddr { 10.0.1.11, 10.0.1.12 } tcp dport 30080 accept comment "requests to the ingress controller"
    ip saddr { 10.0.2.192, 10.0.2.193, 10.0.2.101, 10.0.2.102 } tcp dport 10250 accept comment "kubelet: logs, exec, metrics"
    ip saddr { 10.0.2.192, 10.0.2.193, 10.0.2.101, 10.0.2.102 } tcp dport 6443 accept comment "Kubernetes API"
    ip saddr { 10.0.1.11, 10.0.1.12 } tcp dport 6443 accept comment "Kubernetes API, tunnelled by operators"
    ip saddr { 10.0.2.192, 10.0.2.193 } tcp dport 2379 accept comment "etcd of the k3s servers"
    ip saddr { 10.0.2.192, 10.0.2.193 } tcp dport 2380 accept comment "etcd of the k3s servers"
    ip saddr { 10.0.2.192, 10.0.2.193, 10.0.2.101, 10.0.2.102 } udp dport 8472 accept comment "pod network (flannel VXLAN)"
    iifname { "cni0", "flannel.1" } ip saddr 10.42.0.0/16 accept comment "pods of this machine"
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
    ip saddr 10.42.0.0/16 ip daddr 169.254.169.254 drop
  }

  chain output {
    type filter hook output priority filter; policy accept;

    ip daddr 169.254.169.254 meta skuid != 0 reject with icmp type admin-prohibited
  }
}

include "/etc/nftables.d/*.nft"
END-OF-FILE

put main 0600 root root none /etc/rancher/k3s/admission.yaml <<'END-OF-FILE'
# Pods are held to the restricted profile everywhere except where the cluster's own parts live.
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: PodSecurity
    configuration:
      apiVersion: pod-security.admission.config.k8s.io/v1
      kind: PodSecurityConfiguration
      defaults:
        enforce: restricted
        enforce-version: latest
        audit: restricted
        audit-version: latest
        warn: restricted
        warn-version: latest
      exemptions:
        usernames: []
        runtimeClasses: []
        namespaces:
          - kube-system
  # A program that floods the cluster with events must not fill etcd.
  - name: EventRateLimit
    configuration:
      apiVersion: eventratelimit.admission.k8s.io/v1alpha1
      kind: Configuration
      limits:
        - type: Server
          qps: 200
          burst: 1000
        - type: Namespace
          qps: 50
          burst: 200
          cacheSize: 100
END-OF-FILE

put main 0600 root root none /etc/rancher/k3s/audit.yaml <<'END-OF-FILE'
# Who did what, without the contents: a Secret must not be written into a log.
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages:
  - RequestReceived
rules:
  - level: None
    users: ["system:kube-proxy", "system:apiserver", "system:kube-scheduler", "system:kube-controller-manager"]
    verbs: ["get", "list", "watch"]
  - level: None
    nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version", "/metrics"]
  - level: None
    resources:
      - group: coordination.k8s.io
        resources: ["leases"]
      - group: ""
        resources: ["events"]
  - level: Metadata
END-OF-FILE

put main 0600 root root none /etc/rancher/k3s/config.yaml <<'END-OF-FILE'
# k3s server. Settings that must be equal on all servers are in this file on all of them.
token-file: /etc/chitlaq/secrets/k3s-server-token
agent-token-file: /etc/chitlaq/secrets/k3s-agent-token
node-name: k3s-server-1
node-ip: 10.0.2.191
advertise-address: 10.0.2.191
tls-san:
  - k3s-server-1
  - 10.0.2.191
  - k3s-server-2
  - 10.0.2.192
  - k3s-server-3
  - 10.0.2.193
cluster-cidr: 10.42.0.0/16
service-cidr: 10.43.0.0/16
flannel-backend: vxlan
# The load balancers are machines of their own; volumes come from the database machines' side, not from a node's disk.
disable:
  - servicelb
  - local-storage
write-kubeconfig-mode: "0600"
secrets-encryption: true
protect-kernel-defaults: true
etcd-expose-metrics: false

etcd-snapshot-schedule-cron: "*/30 * * * *"
etcd-snapshot-retention: 48
etcd-snapshot-compress: true
# Keys come from the unit's environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY).
etcd-s3: true
etcd-s3-endpoint: fsn1.your-objectstorage.com
etcd-s3-region: fsn1
etcd-s3-bucket: chitlaq-backups
etcd-s3-folder: phase3/k3s
etcd-s3-bucket-lookup-type: path

kube-apiserver-arg:
  - enable-admission-plugins=NodeRestriction,EventRateLimit
  - admission-control-config-file=/etc/rancher/k3s/admission.yaml
  - audit-policy-file=/etc/rancher/k3s/audit.yaml
  - audit-log-path=/var/lib/rancher/k3s/server/logs/audit.log
  - audit-log-maxage=30
  - audit-log-maxbackup=10
  - audit-log-maxsize=100
  - service-account-extend-token-expiration=false
kube-controller-manager-arg:
  - terminated-pod-gc-threshold=100
kubelet-arg:
  - streaming-connection-idle-timeout=5m
  - tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
  - system-reserved=cpu=200m,memory=512Mi
  - eviction-hard=memory.available<256Mi,nodefs.available<10%
  - shutdown-grace-period=30s
  - shutdown-grace-period-critical-pods=10s
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
ListenAddress 10.0.2.191
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

put main 0644 root root sysctl /etc/sysctl.d/61-chitlaq-k3s.conf <<'END-OF-FILE'
# What the kubelet demands with protect-kernel-defaults (K3s hardening guide).
vm.panic_on_oom = 0
kernel.panic_on_oops = 1
kernel.keys.root_maxbytes = 25000000
kernel.keys.root_maxkeys = 1000000
# Pods are forwarded.
net.ipv4.ip_forward = 1
# Editors and log readers of many pods.
fs.inotify.max_user_instances = 8192
fs.inotify.max_user_watches = 524288
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
OnCalendar=*-*-* 04:00 UTC
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

put main 0644 root root restart:k3s.service /etc/systemd/system/k3s.service <<'END-OF-FILE'
[Unit]
Description=Lightweight Kubernetes (server)
Documentation=https://docs.k3s.io
After=network-online.target chitlaq-network.service
Wants=network-online.target
ConditionPathExists=/usr/local/bin/k3s
StartLimitIntervalSec=0

[Service]
# Ready only with a majority of servers, which start at their own pace.
Type=notify
TimeoutStartSec=infinity
EnvironmentFile=-/etc/chitlaq/rendered/k3s.env
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s server
# Pods outlive a restart of k3s.
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
Restart=always
RestartSec=5s
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
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
d /etc/rancher/k3s/config.yaml.d 0700 root root -
END-OF-FILE

put main 0600 root root none /root/.ssh/authorized_keys <<'END-OF-FILE'
# Operators and the delivery of files and secrets; kept by chitlaq-apply.
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAImSK2P7uy2RyJTxzChHbiRqRUhGHq33UCLUveDimqx
END-OF-FILE

put main 0755 root root none /usr/local/lib/chitlaq/activate.d/50-k3s <<'END-OF-FILE'
#!/bin/bash
# Explained in ops/k3s/activate.sh.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/k3s.env

settings=/etc/rancher/k3s/config.yaml.d
release="https://github.com/k3s-io/k3s/releases/download/${K3S_VERSION/+/%2B}"

installed_version() { /usr/local/bin/k3s --version 2>/dev/null | awk 'NR == 1 { print $3 }'; }

install_k3s() {
  local work binary suffix
  case $(uname -m) in
    x86_64) binary=k3s suffix=amd64 ;;
    aarch64) binary=k3s-arm64 suffix=arm64 ;;
    *) fail "k3s is not released for $(uname -m)" ;;
  esac
  work=$(mktemp -d /var/lib/chitlaq/k3s.XXXXXX)
  trap "rm -rf '$work'" EXIT
  log "fetching k3s $K3S_VERSION"
  curl -fsSL --proto '=https' --retry 10 --retry-all-errors --retry-delay 5 -m 600 \
    -o "$work/$binary" "$release/$binary" -o "$work/sums" "$release/sha256sum-$suffix.txt"
  grep -E "^[0-9a-f]{64}  $binary\$" "$work/sums" >"$work/sum" || fail "the release's list has no sum for $binary"
  (cd "$work" && sha256sum --check --quiet sum) || fail "$binary is not the released one"
  install -m 0755 "$work/$binary" /usr/local/bin/k3s.new
  mv -fT /usr/local/bin/k3s.new /usr/local/bin/k3s
  ln -sfn k3s /usr/local/bin/kubectl
  ln -sfn k3s /usr/local/bin/crictl
}

[[ $(installed_version) == "$K3S_VERSION" ]] || install_k3s

printf 'flannel-iface: %s\n' "$(private_interface "$PRIVATE_IP")" | put_file "$settings/10-interface.yaml" 0600 root root

running_server() {
  local server
  for server in $OTHER_SERVERS; do
    if [[ $(curl -fsk -m 3 "https://$server:6443/ping") == pong ]]; then
      printf '%s' "$server"
      return
    fi
  done
}

if [[ $K3S_KIND == server ]]; then
  for name in k3s-server-token k3s-agent-token; do
    [[ $(secret "$name") =~ ^[A-Za-z0-9]{32,}$ ]] || fail "$name: 32 or more letters and digits, and nothing else"
  done
  put_file /etc/chitlaq/rendered/k3s.env 0600 root root <<EOT
AWS_ACCESS_KEY_ID=$(secret s3-access-key)
AWS_SECRET_ACCESS_KEY=$(secret s3-secret-key)
EOT
  if [[ ! -d /var/lib/rancher/k3s/server/db ]]; then
    peer=$(running_server)
    if [[ -n $peer ]]; then
      printf 'server: https://%s:6443\n' "$peer"
    elif [[ $FIRST == yes ]]; then
      printf 'cluster-init: true\n'
    else
      printf 'server: https://%s:6443\n' "${OTHER_SERVERS%% *}"
    fi | put_file "$settings/20-join.yaml" 0600 root root
  fi
fi
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

put main 0600 root root none /var/lib/rancher/k3s/server/manifests/chitlaq-traefik.yaml <<'END-OF-FILE'
# Settings of the chart k3s installs by itself.
apiVersion: helm.cattle.io/v1
kind: HelmChartConfig
metadata:
  name: traefik
  namespace: kube-system
spec:
  valuesContent: |
    # The bundled ingress controller on every node, behind one NodePort. The load balancers end TLS and speak to it on the
    # private network, so their word about the client is believed.
    deployment:
      kind: DaemonSet
    service:
      spec:
        type: NodePort
        externalTrafficPolicy: Local
    ports:
      web:
        nodePort: 30080
        forwardedHeaders:
          trustedIPs:
            - 10.0.1.11/32
            - 10.0.1.12/32
      websecure:
        expose:
          default: false
END-OF-FILE
