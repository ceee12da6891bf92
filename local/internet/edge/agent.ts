// Helper process in the internet's namespace: the edge in front of all zones of the Cloudflare API.
//   agent.ts ADDRESS
// It serves visitors on ADDRESS and asks origins from there, as Cloudflare does from its published ranges.
import { serveConfigurations } from "../../machines/agents/link.ts";
import type { EdgeConfig } from "./config.ts";
import { Edge } from "./edge.ts";
import { dialFrom } from "./origin.ts";

const address = process.argv[2] ?? "";
const edge = new Edge({ log: (line) => void process.stderr.write(`${line}\n`), dial: dialFrom(address) });
const listening = edge.listen(address, { https: 443, http: 80 });

serveConfigurations<EdgeConfig>(async (config) => {
  await listening;
  edge.configure(config);
});
