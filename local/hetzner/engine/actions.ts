/**
 * Actions: everything that takes time. Each one is a durable record with the name and arguments of its job, so that a
 * new process goes on with what a killed one had begun. A job has a slow part (`run`, calls to the machine driver,
 * repeatable) and a state change (`apply`, in one transaction with the action's success).
 */
import type { Collection } from "../../shared/collection.ts";
import { conflict, locked, refused } from "../http/errors.ts";
import type { ResourceRef } from "../records.ts";
import type { Cloud } from "./cloud.ts";
import {
  type ActionError,
  type ActionRecord,
  type ActionRequest,
  type AnyJob,
  describeFailure,
  type JobHandler,
} from "./jobs.ts";
import { Tally } from "./tally.ts";

type Waiter = { readonly promise: Promise<void>; readonly resolve: () => void };

export class ActionEngine {
  readonly records: Collection<ActionRecord>;
  readonly #cloud: Cloud;
  readonly #jobs: ReadonlyMap<string, AnyJob>;
  readonly #locks = new Tally();
  readonly #changes = new Tally();
  readonly #touching = new Tally();
  readonly #waiters = new Map<number, Waiter>();
  readonly #working = new Set<Promise<void>>();
  #begun: ActionRecord[] = [];
  /** Grows at a reset or close: older work then leaves without a trace. */
  #generation = 0;

  constructor(cloud: Cloud, jobs: readonly AnyJob[]) {
    this.#cloud = cloud;
    this.#jobs = new Map(jobs.map((job) => [job.kind, job]));
    if (this.#jobs.size !== jobs.length) throw new Error("two jobs have the same kind");
    this.records = cloud.store.collection<ActionRecord>("hetzner.actions");
  }

  /** Starts an action; only inside `cloud.change`, which launches it when the change is committed. */
  begin(request: ActionRequest): ActionRecord {
    const { store, clock, settings } = this.#cloud;
    const record = this.records.put({
      id: store.nextId("action", 1_500_000_001),
      command: request.command,
      status: "running",
      started: clock.stamp(),
      startedAt: clock.now(),
      finished: null,
      resources: request.resources,
      error: null,
      locks: request.locks ?? [],
      changes: request.changes ?? [],
      job: request.job ?? null,
      delay: request.hidden === true ? 0 : settings.delayOf(request.command),
      after: (request.after ?? []).map((action) => action.id),
      behind: request.behind ?? [],
      applied: false,
      hidden: request.hidden ?? false,
    });
    this.#begun.push(record);
    this.#track(record);
    return record;
  }

  /** Launches what a committed change has begun. */
  launchBegun(): void {
    const begun = this.#begun;
    this.#begun = [];
    for (const record of begun) this.#launch(record);
  }

  /** Forgets what a rolled-back change has begun. */
  discardBegun(): void {
    for (const record of this.#begun) this.#untrack(record);
    this.#begun = [];
  }

  /** Goes on with the actions a former process left running. */
  resume(): void {
    const running = this.records.all().filter((record) => record.status === "running");
    for (const record of running) this.#track(record);
    for (const record of running) this.#launch(record);
  }

  isLocked(resource: ResourceRef): boolean {
    return this.#locks.of(resource).length > 0;
  }

  assertUnlocked(resource: ResourceRef): void {
    if (this.isLocked(resource)) throw locked(resource);
  }

  assertUnchanging(resource: ResourceRef): void {
    if (this.#changes.of(resource).length > 0) throw conflict(resource);
  }

  /** Running actions that name the resource. */
  runningOn(resource: ResourceRef): readonly number[] {
    return this.#touching.of(resource);
  }

  /** Resolves when the action is over, at once if it is. */
  finished(id: number): Promise<void> {
    return this.#waiters.get(id)?.promise ?? Promise.resolve();
  }

  /** For requests that answer without an action: waits for the hidden one and turns its failure into an answer. */
  async finishedOrThrow(id: number): Promise<void> {
    await this.finished(id);
    const error = this.records.get(id)?.error;
    if (error != null) throw refused("service_error", error.message);
  }

  /** Resolves when no driver call is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#working);
  }

  /** Abandons all work: driver calls under way run on, but nothing follows from them in this process. */
  abandon(): void {
    this.#generation += 1;
    this.#locks.clear();
    this.#changes.clear();
    this.#touching.clear();
    for (const waiter of this.#waiters.values()) waiter.resolve();
    this.#waiters.clear();
  }

  #track(record: ActionRecord): void {
    this.#locks.add(record.locks, record.id);
    // An action that still waits for others does not change anything yet.
    if (record.after.length + record.behind.length === 0) this.#changes.add(record.changes, record.id);
    this.#touching.add(record.resources, record.id);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.set(record.id, { promise, resolve });
  }

  #untrack(record: ActionRecord): void {
    this.#locks.remove(record.locks, record.id);
    this.#changes.remove(record.changes, record.id);
    this.#touching.remove(record.resources, record.id);
    this.#waiters.get(record.id)?.resolve();
    this.#waiters.delete(record.id);
  }

  #launch(record: ActionRecord): void {
    this.#execute(record).catch((error: unknown) => {
      this.#cloud.local.log(`action ${record.id} ${record.command}: ${String(error)}`);
    });
  }

  async #execute(record: ActionRecord): Promise<void> {
    const generation = this.#generation;
    const abandoned = (): boolean => generation !== this.#generation;
    await Promise.all([...record.after, ...record.behind].map((id) => this.finished(id)));
    if (abandoned()) return;
    this.#changes.add(record.changes, record.id);
    const failedFirst = record.after.map((id) => this.records.get(id)).find((before) => before?.status === "error");
    if (failedFirst !== undefined) {
      this.#fail(record, { code: "action_failed", message: `${failedFirst.command} failed` });
      return;
    }
    await this.#cloud.clock.sleep(record.delay);
    if (abandoned()) return;
    const error = await this.#work(record, abandoned);
    if (!abandoned() && error !== null) this.#fail(record, error);
  }

  /** Null when the action succeeded or was abandoned. */
  async #work(record: ActionRecord, abandoned: () => boolean): Promise<ActionError | null> {
    const fault = this.#cloud.local.faults.strikeCloud(
      "action_failure",
      ({ command }) => command === "*" || command === record.command,
    );
    if (fault !== undefined) return { code: fault.code, message: fault.message };
    const handler = this.#handlerOf(record);
    const args = (record.job?.args ?? {}) as never;
    try {
      if (!record.applied && handler.run !== undefined) await this.#watch(handler.run(this.#cloud, args));
      if (abandoned()) return null;
      if (handler.sync !== true) {
        this.#succeed(record, () => handler.apply?.(this.#cloud, args));
        return null;
      }
      if (!record.applied) {
        this.#cloud.change(() => {
          handler.apply?.(this.#cloud, args);
          this.records.put({ ...record, applied: true });
        });
      }
      await this.#watch(this.#cloud.network.sync());
      if (!abandoned()) this.#succeed(record, () => undefined);
      return null;
    } catch (error) {
      return describeFailure(error);
    }
  }

  #handlerOf(record: ActionRecord): JobHandler<never> {
    if (record.job === null) return {};
    const job = this.#jobs.get(record.job.kind);
    if (job === undefined) throw new Error(`no job ${record.job.kind}`);
    return job.handler;
  }

  #succeed(record: ActionRecord, apply: () => void): void {
    this.#cloud.change(() => {
      apply();
      this.records.put({ ...record, status: "success", finished: this.#cloud.clock.stamp(), applied: true });
    });
    this.#untrack(record);
  }

  #fail(record: ActionRecord, error: ActionError): void {
    this.#cloud.local.log(`action ${record.id} ${record.command} failed: ${error.message}`);
    this.#cloud.change(() => {
      this.#handlerOf(record).failed?.(this.#cloud, (record.job?.args ?? {}) as never);
      this.records.put({ ...record, status: "error", finished: this.#cloud.clock.stamp(), error });
    });
    this.#untrack(record);
  }

  async #watch(work: Promise<void>): Promise<void> {
    this.#working.add(work);
    try {
      await work;
    } finally {
      this.#working.delete(work);
    }
  }
}
