/** A service of a load balancer. The id is `<load balancer>__<listen port>`. */

import { compact, inputsView, type JsonView } from "../../core/json.ts";
import { flag, list, number, NUMBER, object, oneOf, set, STRING, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { at, type HcloudResource, splitId, unlessCode } from "../common.ts";
import { loadBalancerAction } from "./loadBalancer.ts";

const PROTOCOLS = ["tcp", "http", "https"];

/** Port the API would choose; none for tcp. */
const defaultPort = (protocol: string): number | undefined =>
  protocol === "http" ? 80 : protocol === "https" ? 443 : undefined;

const listenPort = (view: JsonView): number => {
  const port = view.at("listenPort").present
    ? view.at("listenPort").number()
    : defaultPort(view.at("protocol").string());
  if (port === undefined) {
    throw new Error("listenPort: missing, it is required for protocol tcp");
  }
  return port;
};

const httpBody = (http: JsonView): Properties =>
  compact({
    sticky_sessions: http.at("stickySessions").value,
    cookie_name: http.at("cookieName").value,
    cookie_lifetime: http.at("cookieLifetime").value,
    certificates: http.at("certificates").value,
    redirect_http: http.at("redirectHttp").value,
    timeout_idle: http.at("timeoutIdle").value,
  });

const checkBody = (check: JsonView): Properties =>
  compact({
    protocol: check.at("protocol").value,
    port: check.at("port").value,
    interval: check.at("interval").value,
    timeout: check.at("timeout").value,
    retries: check.at("retries").value,
    http: check.at("http").present
      ? compact({
          domain: check.at("http", "domain").value,
          path: check.at("http", "path").value,
          response: check.at("http", "response").value,
          tls: check.at("http", "tls").value,
          status_codes: check.at("http", "statusCodes").value,
        })
      : undefined,
  });

const body = (inputs: Properties): Properties => {
  const view = inputsView(inputs);
  return compact({
    protocol: view.at("protocol").string(),
    listen_port: listenPort(view),
    destination_port: inputs.destinationPort,
    proxyprotocol: inputs.proxyprotocol,
    http: view.at("http").present ? httpBody(view.at("http")) : undefined,
    health_check: view.at("healthCheck").present ? checkBody(view.at("healthCheck")) : undefined,
  });
};

const httpState = (http: JsonView): Properties =>
  compact({
    stickySessions: http.at("sticky_sessions").booleanOr(false),
    cookieName: http.at("cookie_name").stringOr(""),
    cookieLifetime: http.at("cookie_lifetime").numberOr(0),
    certificates: http
      .at("certificates")
      .list()
      .map((id) => id.number()),
    redirectHttp: http.at("redirect_http").booleanOr(false),
    timeoutIdle: http.at("timeout_idle").present ? http.at("timeout_idle").number() : undefined,
  });

const checkState = (check: JsonView): Properties =>
  compact({
    protocol: check.at("protocol").string(),
    port: check.at("port").number(),
    interval: check.at("interval").number(),
    timeout: check.at("timeout").number(),
    retries: check.at("retries").numberOr(0),
    http: check.at("http").present
      ? {
          domain: check.at("http", "domain").stringOr(""),
          path: check.at("http", "path").stringOr(""),
          response: check.at("http", "response").stringOr(""),
          tls: check.at("http", "tls").booleanOr(false),
          statusCodes: check
            .at("http", "status_codes")
            .list()
            .map((code) => code.string()),
        }
      : undefined,
  });

const find = async (api: HcloudApi, id: string): Promise<{ balancer: string; live: JsonView } | undefined> => {
  const parts = splitId(id, "__");
  const found =
    parts === undefined ? undefined : (await api.find(at("/load_balancers", parts[0])))?.at("load_balancer");
  const live = found
    ?.at("services")
    .list()
    .find((service) => String(service.at("listen_port").number()) === parts?.[1]);
  return parts === undefined || live === undefined ? undefined : { balancer: parts[0], live };
};

export const loadBalancerService: HcloudResource = {
  token: "hcloud:index/loadBalancerService:LoadBalancerService",
  properties: {
    loadBalancerId: text("required", { replace: true }),
    protocol: oneOf("required", PROTOCOLS, { replace: true }),
    listenPort: number("optionalComputed", { replace: true }),
    destinationPort: number("optionalComputed"),
    proxyprotocol: flag("optionalComputed"),
    http: object("optionalComputed", {
      stickySessions: flag("optionalComputed"),
      cookieName: text("optionalComputed"),
      cookieLifetime: number("optionalComputed"),
      certificates: set("optional", NUMBER),
      redirectHttp: flag("optionalComputed"),
      timeoutIdle: number("optionalComputed"),
    }),
    healthCheck: object("optionalComputed", {
      protocol: oneOf("required", PROTOCOLS),
      port: number("required"),
      interval: number("required"),
      timeout: number("required"),
      retries: number("optionalComputed"),
      http: object("optionalComputed", {
        domain: text("optional"),
        path: text("optional"),
        response: text("optional"),
        tls: flag("optional"),
        statusCodes: list("optional", STRING, { keptWhenOmitted: true }),
      }),
    }),
  },
  contradictions: (inputs) =>
    inputs.protocol === "tcp" && inputs.listenPort === undefined
      ? [{ property: "listenPort", reason: "listenPort: missing, it is required for protocol tcp" }]
      : [],
  create: async (api, inputs, created) => {
    const view = inputsView(inputs);
    const balancer = view.at("loadBalancerId").string();
    // Another service on the port may just be leaving.
    await api.retrying(["service_error"], () => loadBalancerAction(api, balancer, "add_service", body(inputs)));
    created(`${balancer}__${listenPort(view)}`);
  },
  read: async (api, id) => {
    const found = await find(api, id);
    if (found === undefined) {
      return undefined;
    }
    const { live } = found;
    const protocol = live.at("protocol").string();
    return {
      loadBalancerId: found.balancer,
      protocol,
      listenPort: live.at("listen_port").number(),
      destinationPort: live.at("destination_port").number(),
      proxyprotocol: live.at("proxyprotocol").booleanOr(false),
      ...(protocol === "tcp" ? {} : { http: httpState(live.at("http")) }),
      healthCheck: checkState(live.at("health_check")),
    };
  },
  update: async (api, { inputs }) => {
    await loadBalancerAction(api, inputsView(inputs).at("loadBalancerId").string(), "update_service", body(inputs));
  },
  remove: async (api, id) => {
    const found = await find(api, id);
    if (found !== undefined) {
      const port = { listen_port: found.live.at("listen_port").number() };
      await unlessCode(["not_found"], () => loadBalancerAction(api, found.balancer, "delete_service", port));
    }
  },
};
