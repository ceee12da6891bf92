/**
 * Phase 2 with a Redis replica while its stateless parts and Redis fail, seen by visitors at the load balancer. Requests
 * that fail are counted; the edge in front would try some of them again.
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createProgress } from "../../cli/progress.ts";
import { secretsRotate } from "../../cli/secrets/verbs.ts";
import { type Person, registerPerson } from "./person.ts";
import { startProbe } from "./probe.ts";
import { openStage, type Stage, skip, waitFor } from "./stage.ts";

/** From the last answer with a session to the first one after it. */
const redisLimitSeconds = 8;
const trials = 2;
/** How long visitors come while an application machine is away. */
const outageSeconds = 8;
/** From the moment a machine hangs until nobody is sent there: two questions of two seconds and what lies between. */
const noticedSeconds = 10;
/** Requests that are sent while one hangs and that is known. */
const hangRounds = 30;
/** How long visitors come while one is drained, and after it is back. */
const drainedSeconds = 5;
/** This many sessions answered in a row after the failover: the gap is over and not only interrupted. */
const calmAnswers = 20;

const sentinel =
  "VALKEYCLI_AUTH=$(cat /etc/chitlaq/secrets/valkey-sentinel-password) REDISCLI_AUTH=$(cat /etc/chitlaq/secrets/valkey-sentinel-password) valkey-cli --no-auth-warning -p 26379";

/** Name of the server that the Sentinels call the primary. */
async function redisPrimary(stage: Stage, asked: string): Promise<string> {
  const [name] = (await stage.sh(asked, `${sentinel} SENTINEL MASTERS | head -n 2 | tail -n 1`)).split("\n");
  const address = (await stage.sh(asked, `${sentinel} SENTINEL GET-MASTER-ADDR-BY-NAME ${name} | head -n 1`)).trim();
  const { machines } = await stage.plan();
  const found = machines.find(({ privateIp }) => privateIp === address);
  assert.ok(found !== undefined, `${address} is no machine's address`);
  return found.name;
}

/** Several at once, so that a request that hangs does not hide others that fail; below the limit of 20 a second per client. */
const startProbes = (stage: Stage, path: string) => Array.from({ length: 4 }, () => startProbe(stage, path, 250));

async function totals(probes: ReturnType<typeof startProbes>) {
  const seen = await Promise.all(probes.map((probe) => probe.stop()));
  return {
    requests: seen.reduce((sum, { requests }) => sum + requests, 0),
    failed: seen.reduce((sum, { failed }) => sum + failed, 0),
    failures: seen.flatMap(({ failures }) => failures),
    longest: Math.max(...seen.map(({ longestGapSeconds }) => longestGapSeconds)),
  };
}

/** Posts and reads, one after the other; counts the rounds and tells what failed. */
function startPosting(stage: Stage, person: Person) {
  let ended = false;
  stage.after(() => {
    ended = true;
  });
  let posts = 0;
  const failures: string[] = [];
  const work = (async () => {
    while (!ended) {
      try {
        await person.read(await person.post(`post ${posts}`));
        posts += 1;
      } catch (error) {
        failures.push(String(error));
      }
      await sleep(250);
    }
  })();
  return async () => {
    ended = true;
    await work;
    return { posts, failures };
  };
}

type Logged = { readonly time: string; readonly upstream: string };

/** Requests that nginx logged within these moments, and how many of them the machine answered. */
async function answeredBy(stage: Stage, machine: string, from: number, until: number) {
  const lines = (await stage.sh("lb-1", "cat /var/log/nginx/access.log")).split("\n");
  const requests = lines
    .map((line) => JSON.parse(line) as Logged)
    // Times are noted in whole seconds.
    .filter(({ time }) => Date.parse(time) >= from && Date.parse(time) + 1000 <= until);
  const answered = requests.filter(({ upstream }) => upstream === machine);
  return { all: requests.length, answered: answered.length };
}

/** Whoever changes it logs everybody out. */
const keptSecret = "app-session-secret";

const applicationLogin = "cat /etc/chitlaq/app.env /etc/chitlaq/rendered/app.env";

/** Tries the application's logins as its environment on standard input has them, by its own drivers. */
const logIn = `cat >/run/login && set -a && . /run/login && cd /opt/chitlaq/current && rm /run/login && node --input-type=module -e '
  import { openRedis } from "./src/redis.js";
  import { readSettings } from "./src/settings.js";
  import pg from "pg";
  const { database, redis } = readSettings(process.env);
  const client = new pg.Client(database);
  const user = await client.connect()
    .then(() => client.query("SELECT current_user"))
    .then(({ rows }) => rows[0].current_user, () => "refused");
  const door = openRedis({ ...redis, sentinels: [] }, { warn() {} }, "test");
  const answer = await door.ping().catch(() => "refused");
  console.log(user, answer);
  process.exit(0);
'`;

it("visitors are served while machines come and go", { skip }, async (t) => {
  const stage = await openStage(t, "phase2", { platform: { redis: { replica: true } } });
  await stage.healthy();
  const person = await registerPerson(stage);

  await t.test("an application machine is drained and returns: no request fails", async (u) => {
    const probes = [startProbe(stage, "/healthz", 250), startProbe(stage, "/healthz", 250)];
    const posting = startPosting(stage, person);
    await sleep(2000);
    await stage.sh("api-1", "chitlaq-drain on");
    const drained = Date.now();
    assert.equal(await stage.sh("api-1", "chitlaq-drain status"), "drained");
    assert.ok(await person.isLoggedIn());
    await sleep(drainedSeconds * 1000);
    const returning = Date.now();
    await stage.sh("api-1", "chitlaq-drain off");
    await sleep(drainedSeconds * 1000);
    const { requests, failed, failures } = await totals(probes);
    const written = await posting();
    u.diagnostic(`${failed} of ${requests} requests and ${written.failures.length} of ${written.posts} posts failed`);
    assert.ok(requests > 20 && written.posts > 20);
    assert.deepEqual([...failures, ...written.failures], []);
    // nginx writes its log with some seconds' delay.
    await waitFor("api-1 to answer again", async () => {
      return (await answeredBy(stage, "api-1", returning, Date.now() + 1000)).answered > 0;
    });
    const meanwhile = await answeredBy(stage, "api-1", drained, returning);
    assert.ok(meanwhile.all > 20, `${meanwhile.all} requests logged`);
    assert.equal(meanwhile.answered, 0, "requests a drained machine answered");
  });

  await t.test("an application machine that hangs is left alone, and asked again when it answers", async (u) => {
    const signal = (name: string) => stage.sh("api-1", `systemctl kill -s ${name} chitlaq-app.service`);
    const state = async () => {
      const table = await stage.sh("lb-1", "echo 'show stat' | nc -N -U /run/haproxy/admin.sock");
      return /^ready,api-1,.*?,(UP|DOWN)/m.exec(table)?.[1];
    };
    await waitFor("api-1 to be asked", async () => (await state()) === "UP");
    const waits: number[] = [];
    const timed = async (work: Promise<unknown>) => {
      const sent = performance.now();
      await work;
      waits.push((performance.now() - sent) / 1000);
    };
    const frozen = performance.now();
    await signal("STOP");
    try {
      await waitFor("api-1 to be left alone", async () => (await state()) === "DOWN", 30_000);
      const noticed = (performance.now() - frozen) / 1000;
      for (let round = 0; round < hangRounds; round += 1) {
        await timed(stage.visit("/healthz").then(({ status }) => assert.equal(status, 200)));
        await timed(person.post("while one hangs"));
        await sleep(100);
      }
      const longest = Math.max(...waits);
      u.diagnostic(
        `left alone after ${noticed.toFixed(1)} s; then ${waits.length} requests of ${longest.toFixed(2)} s at most`,
      );
      assert.ok(noticed <= noticedSeconds, `${noticed} s`);
      assert.ok(longest < 1, `a request took ${longest} s`);
    } finally {
      await signal("CONT");
    }
    await waitFor("api-1 to be asked again", async () => (await state()) === "UP", 30_000);
    const returned = Date.now();
    await waitFor("api-1 to answer", async () => {
      await stage.visit("/healthz");
      return (await answeredBy(stage, "api-1", returned, Date.now() + 1000)).answered > 0;
    });
    await stage.healthy(["lb-1", "api-1"]);
  });

  await t.test("an application machine loses power and returns", async (u) => {
    const probes = startProbes(stage, "/healthz");
    await stage.powerLoss("api-2");
    await sleep(outageSeconds * 1000);
    await stage.power("api-2", "on");
    await stage.healthy(["api-2"]);
    const { requests, failed, failures, longest } = await totals(probes);
    u.diagnostic(`${failed} of ${requests} requests failed, ${longest.toFixed(1)} s without an answer at most`);
    // What ran there when the power went cannot be saved; the next requests go elsewhere.
    assert.ok(failed / requests < 0.05, failures.join("\n"));
  });

  for (let trial = 1; trial <= trials; trial += 1) {
    await t.test(`Redis fails over and the sessions are still there (${trial})`, async (u) => {
      const primary = await redisPrimary(stage, "db-1");
      let answered = performance.now();
      let longest = 0;
      let agreed = false;
      const asks = (async () => {
        const end = performance.now() + 60_000;
        for (let calm = 0; calm < calmAnswers && performance.now() < end; ) {
          // The platform takes 20 requests a second from one client.
          await sleep(100);
          const known = await person.isLoggedIn().catch(() => false);
          calm = known && agreed ? calm + 1 : 0;
          if (!known) continue;
          longest = Math.max(longest, performance.now() - answered);
          answered = performance.now();
        }
      })();
      await stage.powerLoss(primary);
      try {
        await waitFor("the Sentinels to agree", async () => (await redisPrimary(stage, "db-1")) !== primary);
        agreed = true;
        await asks;
      } finally {
        await stage.power(primary, "on");
        await stage.healthy();
      }
      u.diagnostic(`${primary} died: ${(longest / 1000).toFixed(1)} s without a session`);
      assert.ok(await person.isLoggedIn(), "the session of before the failure");
      assert.ok(longest / 1000 <= redisLimitSeconds, `${longest / 1000} s`);
    });
  }

  await t.test("every password and certificate changes while visitors are served: no request fails", async (u) => {
    const secrets = await stage.secrets();
    const changed = secrets.wanted
      .filter(({ name, source }) => /^(password|certificate)$/.test(source.kind) && name !== keptSecret)
      .map(({ name }) => name);
    assert.ok(changed.includes("postgres-app-password") && changed.includes("valkey-app-password"));
    const login = await stage.sh("api-1", applicationLogin);
    const probe = startProbe(stage, "/healthz", 250);
    const posting = startPosting(stage, person);
    await secretsRotate(
      secrets,
      changed,
      { loseEncrypted: false },
      createProgress({ quiet: true, stream: process.stderr }),
    );
    await stage.up();
    // The application's database connections of before were idle for 30 s by then.
    await sleep(2000);
    const written = await posting();
    const { requests, failed, failures } = await totals([probe]);
    u.diagnostic(`${failed} of ${requests} requests and ${written.failures.length} of ${written.posts} posts failed`);
    assert.ok(requests > 50 && written.posts > 50);
    assert.deepEqual([...failures, ...written.failures], []);
    assert.ok(await person.isLoggedIn());

    const now = await stage.sh("api-1", applicationLogin);
    assert.equal(await stage.sh("api-1", logIn, { input: now }), "chitlaq PONG");
    assert.equal(await stage.sh("api-1", logIn, { input: login }), "refused refused");
    await stage.healthy();
  });
});
