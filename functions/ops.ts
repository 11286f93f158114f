/**
 * The ops page on the private listener: what the agents do, for whoever logged in by `claw ops link` or shows
 * `listen.token`. Reads the ledgers; what it changes stands in ops/acts.ts.
 */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { deleteCookie, setCookie } from "hono/cookie";
import { createMiddleware } from "hono/factory";
import type { ConversationDeps } from "../lib/conversation/deps.ts";
import { ClawError } from "../lib/errors.ts";
import { endSession, useLink } from "../lib/ledger/ops-sessions.ts";
import type { HealthDeps } from "./health.ts";
import { answerAsOperator, rerunJob } from "./ops/acts.ts";
import { answerAsset } from "./ops/assets.ts";
import { Attempts } from "./ops/attempts.ts";
import { formOf } from "./ops/form.ts";
import { securityHeaders } from "./ops/headers.ts";
import { isOwnHost } from "./ops/hosts.ts";
import * as pages from "./ops/pages.ts";
import { linkField, loginPage } from "./ops/views/login.ts";
import { comesFromHere, isMeant, sessionCookie, type Visitor, visitorOf } from "./ops/visitor.ts";

export interface OpsDeps {
  readonly deps: Pick<ConversationDeps, "config" | "sql" | "keyring" | "wake" | "log">;
  /** As /readyz looks at them. */
  readonly parts: HealthDeps["parts"];
}

/** The page as an app, to be mounted at /ops. */
export type OpsApp = Hono<{ Variables: { visitor: Visitor } }>;

const mostBody = 4_096;
const mostAttempts = 10;
const attemptsMs = 60_000;

export function createOpsFunction({ deps, parts }: OpsDeps): OpsApp {
  const { config, sql, log } = deps;
  const from = { deps, parts };
  const attempts = new Attempts(mostAttempts, attemptsMs);
  const app: OpsApp = new Hono();

  app.use(securityHeaders);
  app.use(async (context, next) => {
    const host = context.req.header("host") ?? "";
    if (isOwnHost(config(), host)) return next();
    return context.html(pages.problemPage("Not here", strangeHost), 421);
  });
  app.use(bodyLimit({ maxSize: mostBody, onError: (context) => context.html(tooLong, 413) }));
  app.get("/assets/:name", (context) => answerAsset(context, context.req.param("name")));

  app.get("/login", (context) => context.html(loginPage(context.req.query(linkField))));
  app.post("/login", async (context) => {
    const who = addressOf(context);
    if (!attempts.allows(who)) {
      context.header("retry-after", String(attemptsMs / 1000));
      return context.html(loginPage(undefined, "Too many attempts. Wait a minute."), 429);
    }
    const { [linkField]: link } = await formOf(context);
    const { ops } = config();
    const session =
      comesFromHere(context, config()) && typeof link === "string"
        ? await useLink(sql, link, ops.session_hours)
        : undefined;
    if (session === undefined) {
      attempts.failed(who);
      log.warn({ from: who }, "a login to the ops page was refused");
      return context.html(loginPage(undefined, "This link was used before, or is too old. Make a new one."), 401);
    }
    setCookie(context, sessionCookie, session, { ...cookieOf(ops.url), maxAge: Math.round(ops.session_hours * 3_600) });
    log.info({ from: who }, "logged in to the ops page");
    return context.redirect("/ops", 303);
  });

  app.use(
    createMiddleware<{ Variables: { visitor: Visitor } }>(async (context, next) => {
      const visitor = await visitorOf(context, config(), sql);
      if (!visitor) return context.html(loginPage(undefined), 401);
      if (!isSafe(context) && !(await isMeant(context, config(), visitor)))
        return context.html(pages.problemPage("Not done", notMeant, visitor), 403);
      context.set("visitor", visitor);
      return next();
    }),
  );

  app.get("/", async (context) =>
    pages.sendPage(context, await pages.overviewPage(from, context.var.visitor, context.req.query())),
  );
  app.get("/runs", async (context) =>
    pages.sendPage(context, await pages.runsPage(from, context.var.visitor, context.req.query())),
  );
  app.get("/runs/:id", async (context) => {
    const { visitor } = context.var;
    const page = await pages.runPage(from, visitor, context.req.param("id"));
    return page
      ? pages.sendPage(context, page)
      : context.html(pages.problemPage("Not found", "There is no such run.", visitor), 404);
  });
  app.get("/costs", async (context) =>
    pages.sendPage(context, await pages.costsPage(from, context.var.visitor, context.req.query())),
  );
  app.get("/drift", async (context) =>
    pages.sendPage(context, await pages.driftPage(from, context.var.visitor, context.req.query())),
  );
  app.get("/agents", (context) => pages.sendPage(context, pages.agentsPage(from, context.var.visitor)));

  app.post("/approvals/:code", async (context) => {
    // Timers hold the token, to ask for jobs: a person decides.
    const { visitor } = context.var;
    if (visitor.by !== "session") return context.html(pages.problemPage("Not done", notAPerson, visitor), 403);
    const question = context.req.param("code");
    await answerAsOperator(deps, question, (await formOf(context))["answer"]);
    return context.redirect(overviewWith({ question }), 303);
  });
  app.post("/jobs/:name", async (context) => {
    const job = context.req.param("name");
    await rerunJob(deps, job);
    return context.redirect(overviewWith({ job }), 303);
  });
  app.post("/logout", async (context) => {
    const { visitor } = context.var;
    if (visitor.by === "session") await endSession(sql, visitor.session);
    deleteCookie(context, sessionCookie, cookieOf(config().ops.url));
    return context.redirect("/ops/login", 303);
  });
  app.all("*", (context) =>
    context.html(pages.problemPage("Not found", "There is no such page.", context.var.visitor), 404),
  );
  app.onError((thrown, context) => {
    const known = thrown instanceof ClawError && thrown.status < 500 ? thrown : undefined;
    if (!known) log.error({ err: thrown, method: context.req.method, path: context.req.path }, "request failed");
    const problem = known?.message ?? "It failed: the gateway's log says why.";
    return context.html(pages.problemPage("Not done", problem, context.var.visitor), (known?.status ?? 500) as 500);
  });
  return app;
}

/** The overview says what came of an act, by what the ledger has of it. */
const overviewWith = (act: Record<string, string>): string => `/ops?${new URLSearchParams(act).toString()}`;

const strangeHost =
  "The page does not answer under this name: set ops.url in the config to the address that you open it by, and reload the gateway.";
const notMeant = "The browser did not say that a page of yours sent this: open the page anew, and try again.";

const notAPerson = "Questions are answered by somebody who logged in: run claw ops link.";
const tooLong = pages.problemPage("Not done", "This is more than any form here sends.");

const isSafe = (context: Context): boolean => ["GET", "HEAD"].includes(context.req.method);

/** Secure where the browser comes by https; `claw ops link` prints the same address. */
const cookieOf = (url: string | undefined) =>
  ({ path: "/ops", httpOnly: true, sameSite: "Strict", secure: url?.startsWith("https:") ?? false }) as const;

/** Whose attempts are counted together. */
const addressOf = (context: Context): string =>
  (context.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined)?.incoming?.socket
    ?.remoteAddress ?? "unknown";
