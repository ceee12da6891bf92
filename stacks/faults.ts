import * as pulumi from "@pulumi/pulumi";
import { ConfigError } from "../config/faults.ts";
import { MissingPriceError } from "../cost/prices/errors.ts";
import { PlanError } from "../plan/errors.ts";
import { DeliveryError } from "./delivery.ts";

const faultsOfTheStackFile = [ConfigError, PlanError, MissingPriceError, DeliveryError];

/**
 * Runs what decides about the stack. Faults of the stack's file are shown by the engine as they are, all at once and
 * without a stack trace; anything else is a fault of the program and keeps its trace.
 */
export const reportFaults = <T>(decide: () => T): T => {
  try {
    return decide();
  } catch (error) {
    const known = faultsOfTheStackFile.some((kind) => error instanceof kind);
    throw known && error instanceof Error ? new pulumi.RunError(error.message) : error;
  }
};
