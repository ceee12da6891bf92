/** Firewalls and their attachment to servers and label selectors. */

import { compact, inputsView, type JsonView } from "../../core/json.ts";
import { fields, NUMBER, number, oneOf, STRING, set, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import {
  at,
  bodyOf,
  type HcloudResource,
  labelsProperty,
  nameProperty,
  simpleResource,
  unlessCode,
} from "../common.ts";
import { ADDRESS } from "./addresses.ts";

const RULE = fields({
  direction: oneOf("required", ["in", "out"]),
  protocol: oneOf("required", ["tcp", "udp", "icmp", "esp", "gre"]),
  port: text("optional"),
  sourceIps: { presence: "optional", shape: { kind: "set", element: ADDRESS } },
  destinationIps: { presence: "optional", shape: { kind: "set", element: ADDRESS } },
  description: text("optional"),
});

const texts = (view: JsonView): readonly string[] => view.list().map((item) => item.string());

const ruleBody = (rule: JsonView): Properties => ({
  direction: rule.at("direction").string(),
  protocol: rule.at("protocol").string(),
  ...compact({
    port: rule.at("port").value,
    source_ips: rule.at("sourceIps").value,
    destination_ips: rule.at("destinationIps").value,
    description: rule.at("description").value,
  }),
});

const ruleState = (rule: JsonView): Properties => ({
  direction: rule.at("direction").string(),
  protocol: rule.at("protocol").string(),
  sourceIps: texts(rule.at("source_ips")),
  destinationIps: texts(rule.at("destination_ips")),
  ...(rule.at("port").present ? { port: rule.at("port").string() } : {}),
  ...(rule.at("description").present ? { description: rule.at("description").string() } : {}),
});

const rulesBody = (inputs: Properties): readonly Properties[] => inputsView(inputs).at("rules").list().map(ruleBody);

type Target = { readonly server: number } | { readonly selector: string };

const targetBody = (target: Target): Properties =>
  "server" in target
    ? { type: "server", server: { id: target.server } }
    : { type: "label_selector", label_selector: { selector: target.selector } };

const liveTargets = (firewall: JsonView): readonly Target[] =>
  firewall
    .at("applied_to")
    .list()
    .map((applied) =>
      applied.at("type").string() === "server"
        ? { server: applied.at("server", "id").number() }
        : { selector: applied.at("label_selector", "selector").string() },
    );

const sameTarget = (left: Target, right: Target): boolean =>
  "server" in left
    ? "server" in right && left.server === right.server
    : "selector" in right && left.selector === right.selector;

const without = (targets: readonly Target[], others: readonly Target[]): readonly Target[] =>
  targets.filter((target) => !others.some((other) => sameTarget(target, other)));

const apply = async (api: HcloudApi, id: string, targets: readonly Target[]): Promise<void> => {
  if (targets.length > 0) {
    await unlessCode(["firewall_already_applied"], () =>
      api.act(`${at("/firewalls", id)}/actions/apply_to_resources`, { apply_to: targets.map(targetBody) }),
    );
  }
};

const withdraw = async (api: HcloudApi, id: string, targets: readonly Target[]): Promise<void> => {
  if (targets.length > 0) {
    await unlessCode(["firewall_already_removed", "not_found"], () =>
      api.act(`${at("/firewalls", id)}/actions/remove_from_resources`, { remove_from: targets.map(targetBody) }),
    );
  }
};

/** Makes the firewall apply to exactly the wanted targets. */
const converge = async (api: HcloudApi, id: string, wanted: readonly Target[]): Promise<void> => {
  const live = liveTargets((await api.get(at("/firewalls", id))).at("firewall"));
  await withdraw(api, id, without(live, wanted));
  await apply(api, id, without(wanted, live));
};

const applyTos = (inputs: Properties): readonly Target[] =>
  inputsView(inputs)
    .at("applyTos")
    .list()
    .map((target) =>
      target.at("server").present
        ? { server: target.at("server").number() }
        : { selector: target.at("labelSelector").string() },
    );

export const firewall: HcloudResource = simpleResource({
  token: "hcloud:index/firewall:Firewall",
  path: "/firewalls",
  key: "firewall",
  properties: {
    name: nameProperty,
    labels: labelsProperty,
    rules: set("optional", RULE),
    applyTos: set("optionalComputed", fields({ server: number("optional"), labelSelector: text("optional") })),
  },
  contradictions: (inputs) =>
    inputsView(inputs)
      .at("applyTos")
      .list()
      .flatMap((target, index) =>
        target.at("server").present === target.at("labelSelector").present
          ? [{ property: `applyTos[${index}]`, reason: `applyTos[${index}]: give either server or labelSelector` }]
          : [],
      ),
  createBody: (inputs) => ({
    ...bodyOf(inputs, { name: "name", labels: "labels" }),
    rules: rulesBody(inputs),
    ...(applyTos(inputs).length > 0 ? { apply_to: applyTos(inputs).map(targetBody) } : {}),
  }),
  updateFields: { name: "name", labels: "labels" },
  state: (live) => ({
    name: live.at("name").string(),
    labels: live.at("labels").object(),
    rules: live.at("rules").list().map(ruleState),
    applyTos: liveTargets(live).map((target) =>
      "server" in target ? { server: target.server } : { labelSelector: target.selector },
    ),
  }),
  update: async (api, { id, inputs, changed }) => {
    if (changed("rules")) {
      await api.act(`${at("/firewalls", id)}/actions/set_rules`, { rules: rulesBody(inputs) });
    }
    if (changed("applyTos")) {
      await converge(api, id, applyTos(inputs));
    }
  },
  // Servers that were deleted a moment ago may still hold the firewall.
  remove: (api, id) => api.retrying(["conflict", "resource_in_use"], () => api.remove(at("/firewalls", id)), 10),
});

const attachmentTargets = (inputs: Properties): readonly Target[] => {
  const view = inputsView(inputs);
  return [
    ...view
      .at("serverIds")
      .list()
      .map((id) => ({ server: id.number() })),
    ...view
      .at("labelSelectors")
      .list()
      .map((selector) => ({ selector: selector.string() })),
  ];
};

const attachmentFirewall = (inputs: Properties): string => String(inputsView(inputs).at("firewallId").number());

/** There is one attachment per firewall: its id is the firewall's. */
export const firewallAttachment: HcloudResource = {
  token: "hcloud:index/firewallAttachment:FirewallAttachment",
  properties: {
    firewallId: number("required", { replace: true }),
    serverIds: set("optional", NUMBER),
    labelSelectors: set("optional", STRING),
  },
  contradictions: (inputs) =>
    inputs.serverIds === undefined && inputs.labelSelectors === undefined
      ? [{ property: "serverIds", reason: "serverIds: give at least one of serverIds, labelSelectors" }]
      : [],
  create: async (api, inputs, created) => {
    const id = attachmentFirewall(inputs);
    created(id);
    await apply(api, id, attachmentTargets(inputs));
  },
  read: async (api, id) => {
    const found = (await api.find(at("/firewalls", id)))?.at("firewall");
    if (found === undefined) {
      return undefined;
    }
    const targets = liveTargets(found);
    return {
      firewallId: Number(id),
      serverIds: targets.flatMap((target) => ("server" in target ? [target.server] : [])),
      labelSelectors: targets.flatMap((target) => ("selector" in target ? [target.selector] : [])),
    };
  },
  update: (api, { id, inputs }) => converge(api, id, attachmentTargets(inputs)),
  remove: (api, id, state) => withdraw(api, id, attachmentTargets(state)),
};
