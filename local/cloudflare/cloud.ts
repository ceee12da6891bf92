/** What every endpoint of the emulator works with. */

import { randomBytes } from "node:crypto";
import type { Context } from "hono";
import type { LocalContext } from "../shared/context.ts";
import { noAccess } from "./http/errors.ts";
import { pathId } from "./http/requests.ts";
import { type Account, type Collections, openCollections, type Zone } from "./records.ts";

export type Cloud = {
  readonly local: LocalContext;
  readonly data: Collections;
  /** Time stamp of the API: microseconds and `Z`. */
  readonly stamp: () => string;
};

export const newId = (): string => randomBytes(16).toString("hex");

export const openCloud = (local: LocalContext): Cloud => ({
  local,
  data: openCollections(local.store),
  stamp: () => new Date(local.clock.now()).toISOString().replace(/(\.\d{3})Z$/, "$1000Z"),
});

/** The zone of the path; a foreign or unknown one cannot be told apart by a token. */
export const zoneOf = (cloud: Cloud, context: Context): Zone => {
  const zone = cloud.data.zones.get(pathId(context, "zone"));
  if (zone === undefined) {
    throw noAccess();
  }
  return zone;
};

export const accountOf = (cloud: Cloud, context: Context): Account => {
  const account = cloud.data.accounts.get(pathId(context, "account"));
  if (account === undefined) {
    throw noAccess();
  }
  return account;
};
