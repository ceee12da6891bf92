/** Actions and their jobs as data, and the registry's way to define a job. */
import type { ResourceRef } from "../records.ts";
import type { Cloud } from "./cloud.ts";

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JobArguments = { readonly [key: string]: Json };
export type JobCall = { readonly kind: string; readonly args: JobArguments };

export type JobHandler<A extends JobArguments> = {
  /** Machine work. Repeated from the start when the process was killed during it. */
  readonly run?: (cloud: Cloud, args: A) => Promise<void>;
  /** The change of state that the action stands for. */
  readonly apply?: (cloud: Cloud, args: A) => void;
  /** The state after `run` (or a predecessor) failed. */
  readonly failed?: (cloud: Cloud, args: A) => void;
  /** Brings the packet network up to date before the action counts as done. */
  readonly sync?: boolean;
};

export type Job<A extends JobArguments> = {
  readonly kind: string;
  readonly handler: JobHandler<A>;
  readonly call: (args: A) => JobCall;
};

// Jobs of different argument types live in one registry; `call` is the only way to make arguments for a kind.
export type AnyJob = Job<never>;

export function defineJob<A extends JobArguments>(kind: string, handler: JobHandler<A>): Job<A> {
  return { kind, handler, call: (args) => ({ kind, args }) };
}

export type ActionError = { readonly code: string; readonly message: string };

/** Thrown by a job to end its action with a code of its own. */
export class ActionFailure extends Error {
  override name = "ActionFailure";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export function describeFailure(error: unknown): ActionError {
  if (error instanceof ActionFailure) return { code: error.code, message: error.message };
  return { code: "action_failed", message: error instanceof Error ? error.message : String(error) };
}

export type ActionRecord = {
  readonly id: number;
  readonly command: string;
  readonly status: "running" | "success" | "error";
  readonly started: string;
  readonly startedAt: number;
  readonly finished: string | null;
  readonly resources: readonly ResourceRef[];
  readonly error: ActionError | null;
  /** Resources that answer 423 while the action runs. */
  readonly locks: readonly ResourceRef[];
  /** Resources whose own changes answer 409 while the action runs. */
  readonly changes: readonly ResourceRef[];
  readonly job: JobCall | null;
  readonly delay: number;
  /** Actions that must have succeeded first. */
  readonly after: readonly number[];
  /** Actions that must be over first, however they ended. */
  readonly behind: readonly number[];
  /** `apply` is done; only the network is missing. */
  readonly applied: boolean;
  /** Work of a request that answers without an action; never shown. */
  readonly hidden: boolean;
};

export type ActionRequest = {
  readonly command: string;
  readonly resources: readonly ResourceRef[];
  readonly locks?: readonly ResourceRef[];
  readonly changes?: readonly ResourceRef[];
  readonly job?: JobCall;
  readonly after?: readonly ActionRecord[];
  readonly behind?: readonly number[];
  readonly hidden?: boolean;
};
