/**
 * Which member restarts PostgreSQL for new settings, and what it does about its lead first. Patroni and PostgreSQL are
 * stand-ins that answer from files; `test/machines/resize.test.ts` has real ones.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileSet } from "../../ops/render/machine.ts";
import { renderUserData } from "../../ops/render/user-data.ts";
import { planOf } from "../support/platform.ts";
import { debianRoot, tryIn } from "./support/root.ts";

const members = (leader: string, follower: string | null): string =>
  JSON.stringify([
    { Cluster: "chitlaq", Member: leader, Role: "Leader", State: "running" },
    ...(follower === null ? [] : [{ Cluster: "chitlaq", Member: follower, Role: "Sync Standby", State: "streaming" }]),
  ]);

/** Runs the script as db-1 where `before` is the cluster; `/root/asked` has what it asked Patroni for. */
const settingsOf = (before: string): string => `
    mkdir -p /root/stub /etc/patroni /etc/chitlaq
    cp /root/fileset/files/etc/chitlaq/{machine,database}.env /etc/chitlaq/
    touch /etc/patroni/config.yml
    echo '${before}' > /root/members
    echo 1 > /root/pending
    : > /root/asked
    cat > /root/stub/runuser <<'STUB'
#!/bin/bash
case "$*" in
  *pending_restart*) cat /root/pending ;;
  *psql*) echo 1 ;;
  *" list "*) cat /root/members ;;
  *" switchover "*) echo switchover >> /root/asked; echo '${members("db-2", "db-1")}' > /root/members ;;
  *" restart "*) echo "restart \${*: -2:1}" >> /root/asked; echo 0 > /root/pending ;;
esac
STUB
    chmod +x /root/stub/runuser
    PATH=/root/stub:$PATH /root/fileset/files/usr/local/lib/chitlaq/database-settings`;

const checks: Readonly<Record<string, string>> = {
  "a leader that is followed hands over and restarts as a standby": `
    ${settingsOf(members("db-1", "db-2"))}
    test "$(cat /root/asked | tr '\\n' ' ')" = 'switchover restart db-1 '`,
  "a standby restarts and leaves the lead where it is": `
    ${settingsOf(members("db-2", "db-1"))}
    test "$(cat /root/asked)" = 'restart db-1'`,
  "a leader that nobody follows restarts": `
    ${settingsOf(members("db-1", null))}
    test "$(cat /root/asked)" = 'restart db-1'`,
};

test("settings that need a restart of PostgreSQL come into force", async (t) => {
  const base = debianRoot();
  if ("missing" in base) return t.skip(base.missing);
  const plan = planOf(2);
  const trial = { fileSet: fileSet(plan, "db-1"), userData: renderUserData(plan, "db-1"), checks };
  const verdicts = await tryIn(base.root, trial);
  for (const name of Object.keys(checks)) {
    await t.test(name, () => {
      const verdict = verdicts.get(name);
      assert.equal(verdict?.status, 0, verdict?.output);
    });
  }
  return undefined;
});
