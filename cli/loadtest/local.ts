/** The way into a local cloud: its users come from addresses of its internet and meet its edge, as anybody would. */
import { openInternetClient } from "../../local/internet/client.ts";
import { addInternetHost, removeInternetHost } from "../../local/machines/internet.ts";
import { Fault } from "../errors.ts";
import { machineTargets } from "../local/machines.ts";
import { stackConfigDir } from "../local/project.ts";
import { stackPlan } from "../stack-plan.ts";
import { localTransport, type Transport } from "./transport.ts";

export type LocalWay = { readonly transport: Transport; readonly phase: 1 | 2 | 3; close(): Promise<void> };

/** A client address is limited to 20 calls a second and 20 log-ins a minute; users at home have one each. */
const usersPerAddress = 10;
const callsPerAddress = 8;
/** TEST-NET-2 (RFC 5737): nobody's. */
const addressAt = (index: number): string => `198.51.100.${index + 1}`;
const mostAddresses = 254;

export const addressesFor = (users: number, rate: number): readonly string[] => {
  const wanted = Math.max(Math.ceil(users / usersPerAddress), Math.ceil(rate / callsPerAddress));
  return Array.from({ length: Math.min(users, mostAddresses, wanted) }, (_, index) => addressAt(index));
};

/** @throws Fault when the stack does not run on a local cloud with machines: a real platform is only tested by its URL. */
export async function localWay(
  stack: string,
  instanceName: string | undefined,
  load: { readonly users: number; readonly rate: number },
): Promise<LocalWay> {
  const [{ instance, environment } = { instance: undefined, environment: undefined }] = await machineTargets(
    instanceName ?? stack,
  );
  if (instance === undefined) throw new Fault(`No local cloud runs ${stack}.`);
  const { edge, phase } = await stackPlan(stack, stackConfigDir(instance));
  const host = edge.records.some(({ fqdn }) => fqdn === `api.${edge.zone}`) ? `api.${edge.zone}` : edge.zone;
  const internet = await openInternetClient(instance.cloudDir);
  if (internet.lookup(host) === undefined) {
    throw new Fault(`${host}: not in the internet of the local cloud ${instance.name}`, [
      `bring the stack up: ./chitlaq local up ${stack} --machines`,
    ]);
  }
  const addresses = addressesFor(load.users, load.rate);
  const clients = { addresses, names: [] };
  await addInternetHost(environment, clients);
  const transport = localTransport(`https://${host}`, (name, from) => internet.connectTls(name, from), addresses);
  return { transport, phase, close: () => removeInternetHost(environment, clients) };
}
