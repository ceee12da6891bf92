import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freeResourceTypes } from "../../cost/bill.ts";
import { serverTypeCatalogue } from "../../cost/catalogue.ts";
import { costOutput } from "../../cost/estimate.ts";
import { loadPriceBook } from "../../cost/prices/book.ts";
import { captureProgram, planOf, stacks } from "./programs.ts";

const book = loadPriceBook();
const catalogue = serverTypeCatalogue(book);
const free: readonly string[] = freeResourceTypes;

const variants = {
  phase1: [{}, { server: { serverType: "cpx41" }, backups: { provider: false } }],
  phase2: [{}, { redis: { replica: true }, api: { count: 4 }, backups: { provider: true } }],
  phase3: [{}, { loadBalancer: { count: 3 }, k3s: { agents: 0 }, database: { count: 5 } }],
} as const;

describe("conservation of cost", () => {
  for (const stack of stacks) {
    for (const changes of variants[stack]) {
      it(`${stack} ${JSON.stringify(changes)}: what is registered is billed, and what is billed is registered`, async () => {
        const plan = planOf(stack, changes, catalogue);
        const { resources } = await captureProgram(plan);
        const registered = resources
          .filter(({ type }) => !type.startsWith("chitlaq:") && !free.includes(type))
          .map(({ type, name }) => `${type} ${name}`);
        const billed = costOutput(plan, book).lines.flatMap(({ resourceType, resourceName }) =>
          resourceType === null ? [] : [`${resourceType} ${resourceName}`],
        );
        assert.deepEqual(new Set(billed), new Set(registered));
        assert.ok(registered.length > 0);
      });

      it(`${stack} ${JSON.stringify(changes)}: servers and volumes are billed as the type and size that is ordered`, async () => {
        const plan = planOf(stack, changes, catalogue);
        const { resources } = await captureProgram(plan);
        const { lines } = costOutput(plan, book);
        for (const { type, name, inputs } of resources) {
          const line = lines.find((entry) => entry.resourceName === name && entry.unit !== "percent");
          if (type === "hcloud:index/server:Server")
            assert.equal(line?.price.item, `server:${inputs.serverType}`, name);
          if (type === "hcloud:index/volume:Volume") assert.equal(line?.quantity, String(inputs.size), name);
          const backups = lines.some((entry) => entry.resourceName === name && entry.unit === "percent");
          if (type === "hcloud:index/server:Server") assert.equal(backups, inputs.backups, `${name}: backups`);
        }
      });
    }
  }
});
