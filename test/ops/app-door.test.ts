/**
 * HAProxy between nginx and the application, with Debian's program and the file of phase 2's load balancer, before two small
 * servers on the application machines' addresses in a network namespace of their own. What it does not prove: nginx in front of it and real machines, which
 * `test/machines/service.test.ts` has.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileSet } from "../../ops/render/machine.ts";
import { renderUserData } from "../../ops/render/user-data.ts";
import { planOf } from "../support/platform.ts";
import { debianRoot, tryIn } from "./support/root.ts";

/** Says who it is; `/busy` is too much for the first one. Posts are written down, so that a repeated one is seen. */
const application = `
const { appendFileSync, existsSync } = require("node:fs");
const [, , name, address] = process.argv;
require("node:http").createServer((request, response) => {
  if (request.method === "POST") appendFileSync("/root/posts-" + name, "x");
  const refuses = request.url === "/readyz" ? existsSync("/root/unready-" + name) : request.url === "/busy" && name === "one";
  response.writeHead(refuses ? 503 : 200).end(name);
}).listen(8080, address);`;

const setUp = `
cd /root
trap 'kill -KILL $one $two $(cat /run/haproxy.pid)' EXIT
ip netns exec apps nft delete table ip power 2>/dev/null || true
rm -rf unready-* posts-* answers; mkdir -p /run/haproxy
ip link set lo up
if ! ip netns list | grep -q apps; then
  ip netns add apps
  ip link add wire type veth peer name wire netns apps
  ip address add 10.0.1.11/16 dev wire
  ip link set wire up
  ip -n apps address add 10.0.2.11/16 dev wire
  ip -n apps address add 10.0.2.12/16 dev wire
  ip -n apps link set wire up
fi
cat > application.cjs <<'END'
${application}
END
start_one() { ip netns exec apps node application.cjs one 10.0.2.11 & one=$!; }
start_two() { ip netns exec apps node application.cjs two 10.0.2.12 & two=$!; }
until_true() { for _ in $(seq 400); do ! "$@" || return 0; sleep 0.05; done; echo "never: $*"; haproxy_states; return 1; }
answers_at() { curl -fs -m 1 -o /dev/null "http://$1:8080/healthz"; }
start_one; start_two
until_true answers_at 10.0.2.11; until_true answers_at 10.0.2.12
haproxy -D -p /run/haproxy.pid -f /etc/haproxy/haproxy.cfg
haproxy_states() { echo 'show stat' | nc -N -U /run/haproxy/admin.sock | awk -F, '$1 == "ready" { print $2, $18 }' | tr '\\n' ' '; }
states_are() { [ "$(haproxy_states)" = "api-1 $1 api-2 $2 BACKEND UP " ]; }
# Status, seconds and the machine that answered.
ask() { curl -s -m 14 -o /dev/null --unix-socket /run/haproxy/app.sock -w '%{http_code} %{time_total} %header{x-upstream}\\n' "$@"; }
many() { local n=$1; shift; for _ in $(seq "$n"); do ask "$@"; done; }
crowd() { local n=$1; shift; local asked=(); for _ in $(seq "$n"); do ask "$@" & asked+=($!); done; wait "\${asked[@]}"; }
# "set -e" looks at the last of commands joined by && and not at negated ones, but at every function.
all_answered() { ! awk '$1 != 200' answers | grep .; }
all_at_once() { ! awk '$2 >= 0.5' answers | grep .; }
some_from() { grep -q " $1$" answers; }
none_from() { ! grep " $1$" answers; }
until_true states_are UP UP`;

const checks: Readonly<Record<string, string>> = {
  "both machines answer, and each answer names its machine": `${setUp}
    many 40 http://app/ > answers
    all_answered
    all_at_once
    some_from api-1
    some_from api-2`,
  "a machine that refuses costs nobody time, also not who posts": `${setUp}
    kill -KILL $one
    many 40 -X POST http://app/ > answers
    all_answered
    all_at_once
    test "$(stat -c %s posts-two)" = 40
    until_true states_are DOWN UP
    start_one
    until_true states_are UP UP
    many 40 http://app/ > answers
    some_from api-1`,
  "machines that restart one after the other lose no request, although nobody waits for the balancer in between": `${setUp}
    for _ in $(seq 60); do ask -X POST http://app/; sleep 0.05; done > answers & visitors=$!
    sleep 0.3
    kill -KILL $one
    until_true states_are DOWN UP
    start_one
    until_true answers_at 10.0.2.11
    kill -KILL $two
    until_true states_are UP DOWN
    start_two
    wait $visitors
    test "$(wc -l < answers)" = 60
    all_answered`,
  "a machine that hangs is found out: reads are repeated elsewhere, writes are not, and later ones do not notice": `${setUp}
    kill -STOP $one
    crowd 12 -X POST http://app/ > writes & writing=$!
    crowd 12 http://app/ > answers
    wait $writing
    all_answered
    # Some of each had gone to the machine that hangs.
    awk '$2 > 9' answers | grep ' api-2$'
    grep '^504' writes
    test "$(grep -c '^200' writes)" = "$(stat -c %s posts-two)"
    states_are DOWN UP
    many 40 -X POST http://app/ > answers
    all_answered
    all_at_once
    kill -CONT $one
    until_true states_are UP UP`,
  "a machine that is silent after a power loss delays few, for a second each": `${setUp}
    ip netns exec apps nft add table ip power
    ip netns exec apps nft 'add chain ip power input { type filter hook input priority 0; }'
    ip netns exec apps nft add rule ip power input ip daddr 10.0.2.11 drop
    crowd 12 http://app/ > answers
    crowd 12 -X POST http://app/ >> answers
    all_answered
    ! awk '$2 >= 1.5' answers | grep . || exit 1
    cut_off=$SECONDS
    until_true states_are DOWN UP
    ((SECONDS - cut_off < 5))
    many 40 -X POST http://app/ > answers
    all_answered
    all_at_once
    ip netns exec apps nft delete table ip power
    until_true states_are UP UP`,
  "a machine that says it is not ready is left alone until it says it is": `${setUp}
    touch unready-one
    until_true states_are DOWN UP
    many 40 http://app/ > answers
    all_answered
    none_from api-1
    rm unready-one
    until_true states_are UP UP
    many 40 http://app/ > answers
    some_from api-1`,
  "when none is ready each one answers for itself": `${setUp}
    touch unready-one unready-two
    none_ready() { [ "$(haproxy_states)" = "api-1 DOWN api-2 DOWN BACKEND DOWN " ]; }
    until_true none_ready
    many 40 http://app/ > answers
    all_answered
    some_from api-1
    some_from api-2`,
  "a read that one machine is too busy for is asked of the other, a write is not": `${setUp}
    many 20 http://app/busy > answers
    all_answered
    none_from api-1
    many 40 -X POST http://app/busy > answers
    grep -q '^503 .* api-1$' answers
    test "$(grep -c ' api-1$' answers)" = "$(stat -c %s posts-one)"`,
};

test("HAProxy passes requests to application machines that are ready", async (t) => {
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
