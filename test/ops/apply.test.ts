import assert from "node:assert/strict";
import { test } from "node:test";
import { fileSet } from "../../ops/render/machine.ts";
import { renderUserData } from "../../ops/render/user-data.ts";
import { planOf } from "../support/platform.ts";
import { debianRoot, tryIn } from "./support/root.ts";

/** A systemctl that does nothing but write down what it is asked, and fails where `line` says so. */
const systemctl = (line: string): string => `
    mkdir -p /root/stub
    printf '%s\\n' '#!/bin/bash' 'echo "$*" >>/root/asked' ${JSON.stringify(line).replaceAll("$", "\\$")} 'exit 0' > /root/stub/systemctl
    chmod +x /root/stub/systemctl
    : > /root/asked
    export PATH=/root/stub:$PATH`;

/** What later changes do to files of a machine that is set up: `systemctl` acts on nothing in a change of root. */
const checks: Readonly<Record<string, string>> = {
  "a changed file is installed and no other": `
    sed -i 's/worker_connections [0-9]*/worker_connections 77/' /root/fileset/files/etc/nginx/nginx.conf
    chitlaq-apply /root/fileset | grep -v 'Running in' > /root/said
    cat /root/said
    grep -qx 'chitlaq-apply: installed /etc/nginx/nginx.conf' /root/said
    grep -q '1 files changed' /root/said
    grep -q 'worker_connections 77' /etc/nginx/nginx.conf`,
  "a file that its service refuses is put back, with every other file of the same change": `
    cp -r /root/fileset /root/broken
    echo 'no such directive;' >> /root/broken/files/etc/nginx/chitlaq.conf
    echo '# changed too' >> /root/broken/files/etc/hosts
    before=$(cat /etc/nginx/chitlaq.conf /etc/hosts | sha256sum)
    if chitlaq-apply /root/broken; then echo 'the change was taken'; exit 1; fi
    [ "$before" = "$(cat /etc/nginx/chitlaq.conf /etc/hosts | sha256sum)" ] && nginx -t`,
  "a file the next set does not have is removed": `
    test -f /etc/nftables.d/nat.nft
    cp -r /root/fileset /root/smaller
    rm /root/smaller/files/etc/nftables.d/nat.nft
    sed -i '/nat.nft$/d' /root/smaller/manifest.tsv
    chitlaq-apply /root/smaller && test ! -e /etc/nftables.d/nat.nft`,
  "an action that fails is tried again by the next run, and the others are done": `
    ${systemctl(`[ "$1 $2" != 'try-restart chrony.service' ] || [ -e /root/mended ] || exit 1`)}
    cp -r /root/fileset /root/refused
    for file in /etc/chrony/conf.d/chitlaq.conf /etc/nginx/chitlaq.conf /etc/systemd/journald.conf.d/chitlaq.conf; do
      echo '# changed' >> "/root/refused/files$file"
    done
    if chitlaq-apply /root/refused; then echo 'the failure was not told'; exit 1; fi
    grep -qx 'try-reload-or-restart nginx.service' /root/asked
    grep -qx 'try-restart systemd-journald.service' /root/asked
    : > /root/asked
    touch /root/mended
    chitlaq-apply /root/refused early
    test -z "$(grep chrony /root/asked)"
    chitlaq-apply /root/refused | grep '0 files changed'
    test "$(grep '^try-' /root/asked)" = 'try-restart chrony.service'
    : > /root/asked
    chitlaq-apply /root/refused && ! grep try- /root/asked`,
  "what a run that was cut off in the middle had changed takes effect with the next one": `
    ${systemctl("")}
    cp -r /root/fileset /root/halfway
    echo '# halfway' >> /root/halfway/files/etc/chrony/conf.d/chitlaq.conf
    echo '# halfway' >> /root/halfway/files/etc/nginx/chitlaq.conf
    rm -rf /root/halfway/files/etc/ssh/sshd_config.d
    if chitlaq-apply /root/halfway; then exit 1; fi
    test -z "$(grep try- /root/asked)"
    cp -r /root/fileset/files/etc/ssh/sshd_config.d /root/halfway/files/etc/ssh/
    chitlaq-apply /root/halfway
    grep -qx 'try-restart chrony.service' /root/asked && grep -qx 'try-reload-or-restart nginx.service' /root/asked`,
  "a refused change leaves nothing to be done": `
    ${systemctl(`[ "$1" != is-active ] || exit 0`)}
    cp -r /root/fileset /root/broken-too
    echo 'no such directive;' >> /root/broken-too/files/etc/nginx/chitlaq.conf
    if chitlaq-apply /root/broken-too; then exit 1; fi
    test ! -s /var/lib/chitlaq/pending`,
  "a set-up that was cut off inside apt is finished, no service starts meanwhile, and later upgrades may restart": `
    ${systemctl("")}
    mkdir -p /root/deb/DEBIAN /var/lib/chitlaq/fileset
    printf '%s\n' 'Package: halfway' 'Version: 1' 'Architecture: all' 'Maintainer: test <test@example.com>' 'Description: test' > /root/deb/DEBIAN/control
    printf '%s\n' '#!/bin/sh' 'invoke-rc.d --disclose-deny nginx start || echo "$?" >/root/denied' > /root/deb/DEBIAN/postinst
    chmod 0755 /root/deb/DEBIAN/postinst
    dpkg-deb --build /root/deb /root/halfway.deb
    dpkg --unpack /root/halfway.deb
    printf '#!/bin/sh\\n# chitlaq-converge\\nexit 101\\n' > /usr/sbin/policy-rc.d
    chmod 0755 /usr/sbin/policy-rc.d
    printf '%s\n' '#!/bin/sh' 'case "$*" in *install*) ! dpkg --audit | grep halfway ;; esac' > /root/stub/apt-get
    chmod +x /root/stub/apt-get
    cp -r /root/fileset/. /var/lib/chitlaq/fileset
    echo halfway >> /var/lib/chitlaq/fileset/files/etc/chitlaq/packages
    chitlaq-converge
    test ! -e /usr/sbin/policy-rc.d
    test "$(dpkg-query --show --showformat '\${db:Status-Status}' halfway)" = installed
    test "$(cat /root/denied)" = 101`,
  "a ban on service starts that somebody else made stays": `
    ${systemctl("")}
    cp -r /root/fileset/. /var/lib/chitlaq/fileset
    printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
    chitlaq-converge
    rm /usr/sbin/policy-rc.d`,
  "the way out comes back with a network that is detached and attached again": `
    attach() {
      ip link add enp7s0 mtu 1500 type veth peer name router
      ip link set router up
      ip link set enp7s0 up
      ip address add "$PRIVATE_IP/32" dev enp7s0
    }
    way_out() { ip route show default | grep -q "via $NETWORK_GATEWAY dev enp7s0" && [ "$(cat /sys/class/net/enp7s0/mtu)" = 1450 ]; }
    soon() { for _ in $(seq 100); do ! "$@" || return 0; sleep 0.1; done; return 1; }
    sed -i "s/^PUBLIC=.*/PUBLIC='no'/" /etc/chitlaq/machine.env
    . /etc/chitlaq/machine.env
    mount -t sysfs sysfs /sys
    attach
    /usr/local/lib/chitlaq/network watch &
    soon way_out
    ip link delete enp7s0
    test -z "$(ip route show default)"
    attach
    soon way_out
    kill %1`,
  "a second attempt at a delivery hands over for the restarts that the first one left undone": `
    ${systemctl("")}
    cp -r /root/fileset/. /var/lib/chitlaq/fileset
    mkdir -p /root/fileset/files/usr/local/lib/chitlaq
    printf '%s\n' '#!/bin/bash' 'cat >/root/handed-over' 'exit 1' > /root/fileset/files/usr/local/lib/chitlaq/step-aside
    chmod +x /root/fileset/files/usr/local/lib/chitlaq/step-aside
    touch /var/lib/chitlaq/activated
    echo restart:patroni.service > /var/lib/chitlaq/pending
    if echo '{}' | /root/fileset/files/usr/local/sbin/chitlaq-deliver /root/fileset.sh; then exit 1; fi
    rm /root/fileset/files/usr/local/lib/chitlaq/step-aside /var/lib/chitlaq/activated
    : > /var/lib/chitlaq/pending
    grep -qx restart:patroni.service /root/handed-over`,
  "a mode or owner that was changed by hand is set right": `
    chmod 0666 /etc/ssh/sshd_config.d/10-chitlaq.conf && chown nobody /etc/chitlaq/machine.env
    chitlaq-apply /root/fileset
    test "$(stat -c '%a %U' /etc/ssh/sshd_config.d/10-chitlaq.conf /etc/chitlaq/machine.env | tr '\\n' ' ')" = '644 root 644 root '`,
  "secrets of other machines are refused, and no value is printed": `
    touch /var/lib/chitlaq/converged
    if echo '{"postgres-app-password":"geheim"}' | chitlaq-secrets install > /root/said 2>&1; then exit 1; fi
    cat /root/said
    grep -q 'postgres-app-password is not a secret of this machine' /root/said && ! grep -q geheim /root/said`,
  "a delivery that is no object of strings is refused": `
    for input in '[]' '{"origin.key": 1}' '{"origin.key": ""}' 'origin.key=x'; do
      if echo "$input" | chitlaq-secrets install 2>/dev/null; then echo "taken: $input"; exit 1; fi
    done`,
  "a delivered secret gets its owner and mode": `
    rm /etc/chitlaq/secrets/origin.key
    if chitlaq-secrets status > /root/said; then exit 1; fi
    grep -P '^origin.key\\tmissing$' /root/said
    jq -n --rawfile key /etc/chitlaq/secrets/origin.crt '{"origin.key": $key}' | chitlaq-secrets install
    test "$(stat -c '%a %U:%G' /etc/chitlaq/secrets/origin.key)" = '600 root:root'`,
};

test("changes reach a load balancer whole or not at all", async (t) => {
  const base = debianRoot();
  if ("missing" in base) return t.skip(base.missing);
  const plan = planOf(2);
  const trial = { fileSet: fileSet(plan, "lb-1"), userData: renderUserData(plan, "lb-1"), checks };
  const verdicts = await tryIn(base.root, trial);
  for (const name of Object.keys(checks)) {
    await t.test(name, () => {
      const verdict = verdicts.get(name);
      assert.equal(verdict?.status, 0, verdict?.output);
    });
  }
  return undefined;
});
