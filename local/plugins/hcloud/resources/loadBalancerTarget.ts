/** A target of a load balancer. The ids are those of the Terraform provider; an import uses `<lb>__<type>__<what>`. */

import { createHash } from "node:crypto";
import { compact, inputsView, type JsonView } from "../../core/json.ts";
import { flag, number, oneOf, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { at, type HcloudResource, unlessCode } from "../common.ts";
import { loadBalancerAction } from "./loadBalancer.ts";

const TYPES = ["server", "label_selector", "ip"];

type Target = {
  readonly balancer: string;
  readonly type: string;
  /** Server id, selector or address. */
  readonly what: string;
};

const targetOf = (inputs: Properties): Target => {
  const view = inputsView(inputs);
  const type = view.at("type").string();
  const what =
    type === "server" ? String(view.at("serverId").number()) : view.at(type === "ip" ? "ip" : "labelSelector").string();
  return { balancer: String(view.at("loadBalancerId").number()), type, what };
};

const idOf = ({ balancer, type, what }: Target): string => {
  const digest = createHash("sha256").update(what).digest("hex");
  const kinds: Readonly<Record<string, string>> = {
    server: `lb-srv-tgt-${what}`,
    label_selector: `lb-label-selector-tgt-${digest}`,
    ip: `lb-ip-tgt-${digest}`,
  };
  return `${kinds[type] ?? type}-${balancer}`;
};

/** The target that an id of an import names. */
const fromImportId = (id: string): Target | undefined => {
  const [balancer, type, ...what] = id.split("__");
  return balancer === undefined || type === undefined || !TYPES.includes(type) || what.length === 0
    ? undefined
    : { balancer, type, what: what.join("__") };
};

const requestBody = ({ type, what }: Target): Properties =>
  type === "server"
    ? { type, server: { id: Number(what) } }
    : type === "ip"
      ? { type, ip: { ip: what } }
      : { type, label_selector: { selector: what } };

const isTarget = (live: JsonView, { type, what }: Target): boolean =>
  live.at("type").string() === type &&
  what ===
    (type === "server"
      ? String(live.at("server", "id").number())
      : type === "ip"
        ? live.at("ip", "ip").string()
        : live.at("label_selector", "selector").string());

const balancerOf = async (api: HcloudApi, id: string): Promise<JsonView | undefined> =>
  (await api.find(at("/load_balancers", id)))?.at("load_balancer");

const add = async (api: HcloudApi, target: Target, usePrivateIp: boolean | undefined): Promise<void> => {
  const body = { ...requestBody(target), ...compact({ use_private_ip: usePrivateIp }) };
  await unlessCode(["target_already_defined"], () => loadBalancerAction(api, target.balancer, "add_target", body));
};

const drop = (api: HcloudApi, target: Target): Promise<void> =>
  unlessCode(["load_balancer_target_not_found", "not_found"], () =>
    api.retrying(["conflict", "locked"], () =>
      loadBalancerAction(api, target.balancer, "remove_target", requestBody(target)),
    ),
  );

/** The network attachment may still be on its way when the target is added. */
const waitForNetwork = async (api: HcloudApi, balancer: string): Promise<void> => {
  await api.retrying("any", async () => {
    if ((await balancerOf(api, balancer))?.at("private_net").list().length === 0) {
      throw new Error(`load balancer ${balancer}: no private network; attach it with LoadBalancerNetwork first`);
    }
  });
};

const wantsPrivate = (inputs: Properties): boolean | undefined =>
  inputs.usePrivateIp === undefined ? undefined : inputs.usePrivateIp === true;

export const loadBalancerTarget: HcloudResource = {
  token: "hcloud:index/loadBalancerTarget:LoadBalancerTarget",
  properties: {
    loadBalancerId: number("required", { replace: true }),
    type: oneOf("required", TYPES),
    serverId: number("optional", { replace: true }),
    labelSelector: text("optional", { replace: true }),
    ip: text("optional", { replace: true }),
    usePrivateIp: flag("optionalComputed"),
  },
  contradictions: (inputs) => {
    const wanted = inputs.type === "server" ? "serverId" : inputs.type === "ip" ? "ip" : "labelSelector";
    const given = ["serverId", "labelSelector", "ip"].filter((property) => inputs[property] !== undefined);
    return [
      ...(given.length === 1 && given[0] === wanted
        ? []
        : [
            {
              property: wanted,
              reason: `${wanted}: type ${String(inputs.type)} needs it and none of the other targets`,
            },
          ]),
      ...(inputs.ip !== undefined && inputs.usePrivateIp !== undefined
        ? [{ property: "usePrivateIp", reason: "usePrivateIp: not allowed for type ip; remove it" }]
        : []),
    ];
  },
  create: async (api, inputs, created) => {
    const target = targetOf(inputs);
    if (wantsPrivate(inputs) === true) {
      await waitForNetwork(api, target.balancer);
    }
    await add(api, target, wantsPrivate(inputs));
    created(idOf(target));
  },
  read: async (api, id, known) => {
    const target = known.type === undefined ? fromImportId(id) : targetOf(known);
    const balancer = target === undefined ? undefined : await balancerOf(api, target.balancer);
    const live = balancer
      ?.at("targets")
      .list()
      .find((item) => target !== undefined && isTarget(item, target));
    if (target === undefined || live === undefined) {
      return undefined;
    }
    const { type, what } = target;
    return {
      loadBalancerId: Number(target.balancer),
      type,
      ...(type === "server" ? { serverId: Number(what) } : type === "ip" ? { ip: what } : { labelSelector: what }),
      usePrivateIp: live.at("use_private_ip").booleanOr(false),
    };
  },
  idAfterRead: (_id, live) => idOf(targetOf(live)),
  update: async (api, { inputs, state }) => {
    await drop(api, targetOf({ ...inputs, ...state }));
    await add(api, targetOf(inputs), wantsPrivate(inputs));
  },
  remove: async (api, _id, state) => {
    const target = targetOf(state);
    if ((await balancerOf(api, target.balancer)) !== undefined) {
      await drop(api, target);
    }
  },
};
