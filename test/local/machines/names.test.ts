import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, type RecordType } from "dns-packet";
import { answerQuestion, isHostName } from "../../../local/machines/agents/names.ts";

const addressOf = (name: string) => (name === "deb.debian.org" ? "192.0.2.80" : undefined);
const ask = (name: string, type: RecordType = "A") => {
  const reply = answerQuestion(encode({ type: "query", id: 7, questions: [{ type, name }] }), addressOf);
  assert.ok(reply);
  return decode(reply);
};
const codeOf = (flags = 0): number => flags & 15;

test("a known name has an address, in any case; another record of it is an empty answer", () => {
  const { id, answers, flags } = ask("DEB.debian.org");
  assert.equal(id, 7);
  assert.deepEqual(
    answers?.map((record) => "data" in record && record.data),
    ["192.0.2.80"],
  );
  assert.equal(codeOf(flags), 0);
  const other = ask("deb.debian.org", "AAAA");
  assert.deepEqual([other.answers, codeOf(other.flags)], [[], 0]);
});

test("an unknown name does not exist; what is no question gets no answer", () => {
  assert.equal(codeOf(ask("example.com").flags), 3);
  assert.equal(answerQuestion(Buffer.from("nonsense"), addressOf), null);
});

test("a host name leads nowhere but to itself", () => {
  assert.ok(["deb.debian.org", "s3.eu-central-1.example.com", "x-1.y"].every(isHostName));
  assert.ok(!["", "..", "a/../b.c", "localhost", "A.b", "a..b", "/etc/passwd"].some(isHostName));
});
