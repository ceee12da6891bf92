/** A stand-in may only ever talk to a local emulator: with a real endpoint it would be an untested official plugin. */

import { isIPv4, isIPv6 } from "node:net";
import type { Fault } from "./spec.ts";

/** True for an address or name that cannot leave this machine. */
export const isLoopbackHost = (host: string): boolean => {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (isIPv4(bare)) {
    return bare.startsWith("127.");
  }
  return isIPv6(bare) ? bare === "::1" : bare === "localhost";
};

/** Faults of an API endpoint for a stand-in; none when it is an http(s) URL of this machine. */
export const endpointFaults = (property: string, endpoint: string | undefined, variable: string): readonly Fault[] => {
  const fault = (reason: string): readonly Fault[] => [{ property, reason: `${property}: ${reason}` }];
  if (endpoint === undefined || endpoint === "") {
    return fault(
      `none given, a stand-in plugin needs a loopback URL; set it or ${variable}, or install the official plugin`,
    );
  }
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    return fault(`"${endpoint}" given, an http or https URL is needed`);
  }
  return isLoopbackHost(url.hostname)
    ? []
    : fault(
        `"${endpoint}" given, a stand-in plugin talks to loopback addresses only; install the official plugin for a real API`,
      );
};
