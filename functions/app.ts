/** The two HTTP surfaces. Nothing listens here: tests call `app.request()`. */
import { Hono } from "hono";
import { ClawError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { OpsApp } from "./ops.ts";

/** What messaging gets in by: the webhook and the application service, nothing else. */
export function createPublicApp(functions: {
  readonly telegram: Hono;
  readonly matrix: Hono;
  readonly log: Log;
}): Hono {
  return withErrors(new Hono().route("/", functions.telegram).route("/", functions.matrix), functions.log);
}

/** What only the operator reaches. */
export function createPrivateApp(functions: {
  readonly health: Hono;
  readonly about: Hono;
  readonly jobs: Hono;
  readonly ops: OpsApp;
  readonly log: Log;
}): Hono {
  const { health, about, jobs, ops } = functions;
  const app = new Hono().route("/", health).route("/", about).route("/", jobs).route("/ops", ops);
  return withErrors(app, functions.log);
}

/** One renderer for what a function throws; a body tells no more than a ClawError's code. */
function withErrors(app: Hono, log: Log): Hono {
  app.onError((thrown, context) => {
    const known = thrown instanceof ClawError ? thrown : undefined;
    log.error({ err: thrown, method: context.req.method, path: context.req.path }, "request failed");
    return context.json({ error: known?.code ?? "internal" }, (known?.status ?? 500) as 500);
  });
  app.notFound((context) => context.json({ error: "not_found" }, 404));
  return app;
}
