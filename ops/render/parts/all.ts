import type { Machine, Plan } from "../../../plan/types.ts";
import type { Part } from "../types.ts";
import { appPart, databaseDoorPart } from "./app.ts";
import { backupPart } from "./backup.ts";
import { commonPart } from "./common.ts";
import { gatewayPart } from "./gateway.ts";
import { k3sPart } from "./k3s.ts";
import { appDoorPart, loadBalancerPart } from "./loadBalancer.ts";
import { etcdPart, patroniPart } from "./patroni.ts";
import { postgresPart, singleClusterPart } from "./postgres.ts";
import { redisPart } from "./redis.ts";

/** The parts of one machine, in the order in which its services start. */
export function partsOf(plan: Plan, machine: Machine): readonly Part[] {
  const parts = [
    commonPart(plan, machine),
    gatewayPart(plan, machine),
    etcdPart(plan, machine),
    singleClusterPart(plan, machine),
    patroniPart(plan, machine),
    postgresPart(plan, machine),
    redisPart(plan, machine),
    databaseDoorPart(plan, machine),
    appPart(plan, machine),
    k3sPart(plan, machine),
    appDoorPart(plan, machine),
    loadBalancerPart(plan, machine),
    backupPart(plan, machine),
  ];
  return parts.filter((part) => part !== null);
}
