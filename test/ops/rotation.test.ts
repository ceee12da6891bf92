/**
 * New passwords for servers that run, on Debian's own PostgreSQL, PgBouncer and Valkey. What several machines do in turn
 * is seen in test/machines/service.test.ts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileSet } from "../../ops/render/machine.ts";
import { renderUserData } from "../../ops/render/user-data.ts";
import { planOf } from "../support/platform.ts";
import { debianRoot, tryIn } from "./support/root.ts";

/** Phase 1 has all of them on loopback. Stands for systemd: starts nothing and passes on what is asked of these. */
const servers = `
    ip link set lo up
    mkdir -p /root/stub
    cat > /root/stub/systemctl <<'EOT'
#!/bin/bash
case "$*" in
  'start chitlaq-activate.service') [[ ! -e /root/broken ]] && /usr/local/lib/chitlaq/activate.d/20-database && /usr/local/lib/chitlaq/activate.d/40-redis ;;
  'is-active --quiet pgbouncer.service') pgrep -x pgbouncer >/dev/null ;;
  'is-active --quiet valkey-server.service') pgrep -x valkey-server >/dev/null ;;
  'reload pgbouncer.service') pkill -HUP -x pgbouncer ;;
  *restart*) echo "$*" >>/root/restarts ;;
esac
EOT
    chmod +x /root/stub/systemctl
    export PATH=/root/stub:/usr/lib/postgresql/17/bin:$PATH
    : > /root/restarts
    touch /var/lib/chitlaq/converged
    soon() { for _ in $(seq 100); do "$@" && return; sleep 0.1; done; echo "waited in vain for $*"; return 1; }

    refused() { if "$@"; then echo "taken: $*"; return 1; fi; }
    password() { printf '%s' "$1$1$1$1" | sha256sum | cut -c 1-32; }
    deliver() {
      jq -n --arg word "$(password "$1")" '[$ARGS.positional[] | {key: ., value: $word}] | from_entries' --args \
        postgres-app-password valkey-app-password valkey-replica-password valkey-admin-password | chitlaq-secrets install >/dev/null
    }
    # As the application does, with what is in its environment.
    database() {
      PGPASSWORD=$(password "$1") psql -XAtq -c 'SELECT current_user' \
        "host=127.0.0.1 port=6432 dbname=chitlaq sslmode=require user=\${2:-$(. /usr/local/lib/chitlaq/lib.sh && login_name "$(password "$1")")}" 2>/dev/null
    }
    redis() { REDISCLI_AUTH=$(password "$1") VALKEYCLI_AUTH=$(password "$1") valkey-cli --no-auth-warning --user "\${2:-app}" PING 2>/dev/null | grep -qx PONG; }

    deliver first
    install -d -o postgres /root/data /var/log/postgresql && chmod 711 /root
    runuser -u postgres -- initdb -D /root/data --auth=peer >/dev/null
    runuser -u postgres -- pg_ctl -D /root/data -s -w start -l /root/data/log -o "-c config_file=/root/data/postgresql.conf \
      -c hba_file=/etc/chitlaq/postgresql/pg_hba.conf -c ident_file=/etc/chitlaq/postgresql/pg_ident.conf -c unix_socket_directories=/var/run/postgresql"
    runuser -u postgres -- /usr/local/lib/chitlaq/database-roles >/dev/null
    runuser -u postgres -- pgbouncer -q -d /etc/pgbouncer/pgbouncer.ini
    runuser -u valkey -- valkey-server --include /etc/chitlaq/valkey.conf --supervised no --daemonize yes >/dev/null
    soon test "$(database first)" = chitlaq
    soon redis first`;

const checks: Readonly<Record<string, string>> = {
  "former passwords are good beside the new ones until they are retired, on servers that are not restarted": `${servers}
    mkfifo /root/words
    PGPASSWORD=$(password first) psql -XAtq "host=127.0.0.1 port=6432 dbname=chitlaq sslmode=require user=chitlaq" </root/words >/root/open &
    exec 7>/root/words
    REDISCLI_AUTH=$(password first) VALKEYCLI_AUTH=$(password first) valkey-cli --no-auth-warning --user app SUBSCRIBE news >/root/heard &
    soon grep -q news /root/heard

    deliver second
    for word in first second; do
      soon test "$(database $word)" = chitlaq
      redis $word && redis $word admin && redis $word replica
    done
    test "$(database second chitlaq)" = chitlaq
    refused database third && refused redis third

    chitlaq-secrets retire
    soon test "$(database second)" = chitlaq
    refused database first && refused database first chitlaq && refused redis first && refused redis first admin && refused redis first replica
    redis second && redis second admin
    test ! -e /etc/chitlaq/former
    # Who was let in before goes on.
    echo 'SELECT 6 * 7;' >&7
    soon grep -qx 42 /root/open
    REDISCLI_AUTH=$(password second) VALKEYCLI_AUTH=$(password second) valkey-cli --no-auth-warning --user app PUBLISH news heard >/dev/null
    soon grep -qx heard /root/heard
    chitlaq-secrets retire
    test ! -s /root/restarts`,
  "after updates that broke off every former password is good, and a retirement that did is made up for": `${servers}
    deliver second
    deliver third
    deliver third
    for word in first second third; do
      soon test "$(database $word)" = chitlaq
      redis $word
    done
    test "$(stat -c '%a %U' /etc/chitlaq/former /etc/chitlaq/former/* | sort -u | tr '\\n' ' ')" = '600 root 700 root '
    touch /root/broken
    if chitlaq-secrets retire; then exit 1; fi
    rm /root/broken
    redis first
    chitlaq-secrets retire | grep -v "$(password third)"
    refused redis first && refused redis second && redis third`,
  "a server that knows none of the administrator's passwords learns the new ones by starting anew": `${servers}
    REDISCLI_AUTH=$(password first) VALKEYCLI_AUTH=$(password first) valkey-cli --no-auth-warning --user admin ACL SETUSER admin resetpass >/dev/null
    deliver second
    grep -q valkey-server /root/restarts`,
};

test("passwords change under servers that run", async (t) => {
  const base = debianRoot();
  if ("missing" in base) return t.skip(base.missing);
  const plan = planOf(1);
  for (const [name, check] of Object.entries(checks)) {
    await t.test(name, async () => {
      const trial = {
        fileSet: fileSet(plan, "server-1"),
        userData: renderUserData(plan, "server-1"),
        checks: { check },
      };
      const verdict = (await tryIn(base.root, trial)).get("check");
      assert.equal(verdict?.status, 0, verdict?.output);
    });
  }
  return undefined;
});
