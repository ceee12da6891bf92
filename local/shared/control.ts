/** `/_local`: steering and looking into the local cloud. Both APIs mount it, each behind its own token. */
import { Hono } from "hono";
import { z } from "zod";
import { bearerMatches } from "./auth.ts";
import { type LocalContext, resetContext } from "./context.ts";
import { type FaultInput, faultInput } from "./faults.ts";

const clockInput = z.union([
  z.strictObject({ advanceSeconds: z.number().positive() }),
  z.strictObject({ frozen: z.boolean() }),
  z.strictObject({ reset: z.literal(true) }),
]);

export class ControlError extends Error {
  override name = "ControlError";
}

/** Parses a control request's JSON body or throws a {@link ControlError} that names every fault. */
export async function controlBody<T>(request: { json(): Promise<unknown> }, schema: z.ZodType<T>): Promise<T> {
  const body: unknown = await request.json().catch(() => undefined);
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new ControlError(z.prettifyError(parsed.error));
  return parsed.data;
}

// Names of stored fields that hold secrets, in both APIs' records.
const secretField = /^(userData|rootPassword|privateKey|secret|token|password)$/;

/** A copy for eyes and logs: secrets show only that they are there. */
export function redacted(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, field: unknown) =>
      secretField.test(key) && typeof field === "string" && field !== "" ? `[${field.length} characters]` : field,
    ),
  ) as unknown;
}

/** `own` holds the routes that only this API adds. */
export function createControlApp(local: LocalContext, token: string, own?: Hono): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    if (bearerMatches(context.req.header("authorization"), token)) return next();
    return context.json({ error: "the control API takes the same token as the API on this port" }, 401);
  });
  app.onError((error, context) => {
    if (error instanceof ControlError) return context.json({ error: error.message }, 422);
    local.log(`control: ${error.stack ?? error.message}`);
    return context.json({ error: error.message }, 500);
  });

  app.get("/clock", (context) => context.json(local.clock.state()));
  app.post("/clock", async (context) => {
    const change = await controlBody(context.req, clockInput);
    if ("advanceSeconds" in change) local.clock.advance(change.advanceSeconds * 1000);
    else if ("reset" in change) local.clock.reset();
    else if (change.frozen) local.clock.freeze();
    else local.clock.resume();
    return context.json(local.clock.state());
  });

  app.get("/faults", (context) => context.json({ faults: local.faults.list() }));
  app.post("/faults", async (context) => {
    const input: FaultInput = await controlBody(context.req, faultInput);
    return context.json({ fault: local.faults.add(input) }, 201);
  });
  app.delete("/faults", (context) => {
    local.faults.clear();
    return context.body(null, 204);
  });
  app.delete("/faults/:id", (context) =>
    local.faults.remove(Number(context.req.param("id")))
      ? context.body(null, 204)
      : context.json({ error: `no fault ${context.req.param("id")}` }, 404),
  );

  app.get("/unhandled", (context) => context.json({ unhandled: local.observer.unhandled() }));
  app.get("/requests", (context) =>
    context.json({ count: local.observer.requestCount(), requests: local.observer.requests() }),
  );
  app.get("/state", (context) => context.json(redacted(local.store.dump())));
  app.post("/reset", async (context) => {
    await resetContext(local);
    return context.body(null, 204);
  });
  if (own !== undefined) app.route("/", own);
  app.all("*", (context) => context.json({ error: `no control route ${context.req.method} ${context.req.path}` }, 404));
  return app;
}
