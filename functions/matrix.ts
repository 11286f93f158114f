import { hash } from "node:crypto";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { Config } from "../lib/config/config.ts";
import type { MatrixTransactions } from "../lib/ledger/matrix-transactions.ts";
import { readLimited } from "../lib/http/read-limited.ts";
import { agentUsers, senderUser } from "../lib/matrix/ids.ts";
import { createIngest, type IngestDeps } from "../lib/matrix/ingest.ts";
import { isSecret } from "../lib/same-secret.ts";

/** What the function is made of. */
export interface MatrixFunctionDeps extends IngestDeps {
  readonly config: () => Config;
  readonly transactions: MatrixTransactions;
  /** Hears whose devices have something to fetch, where the homeserver's flags make it say so. */
  readonly wake: (users: readonly string[]) => void;
}

/** A transaction holds at most 100 events, 100 ephemeral and 100 to-device messages of up to 64 KiB each. */
const maxBody = 20 * 1024 * 1024;

/**
 * The application service API (spec: Application Service API v1), legacy paths included. Answers 200 to a transaction
 * only after its events are committed; the homeserver repeats anything else, in order, for ever.
 */
export function createMatrixFunction(deps: MatrixFunctionDeps): Hono {
  const { config, log } = deps;
  const app = new Hono();
  const transaction = createTransactionHandler(deps);

  for (const prefix of ["/_matrix/app/v1", ""]) {
    for (const path of ["/transactions/*", "/users/*", "/rooms/*", "/thirdparty/*", "/ping"])
      if (prefix !== "" || !["/thirdparty/*", "/ping"].includes(path)) app.use(prefix + path, authenticate(config));
    app.put(`${prefix}/transactions/:txnId`, transaction);
    app.get(`${prefix}/users/:userId`, (c) => {
      const asked = c.req.param("userId");
      const known = asked === senderUser(config()) || agentUsers(config()).includes(asked);
      return known ? c.json({}) : failure(c, 404, "M_NOT_FOUND", "no such agent");
    });
    app.get(`${prefix}/rooms/:alias`, (c) => failure(c, 404, "M_NOT_FOUND", "no such room"));
  }
  app.get("/_matrix/app/v1/thirdparty/protocol/:protocol", (c) => failure(c, 404, "M_NOT_FOUND", "no such protocol"));
  for (const kind of ["user", "location"]) {
    app.get(`/_matrix/app/v1/thirdparty/${kind}`, (c) => c.json([]));
    app.get(`/_matrix/app/v1/thirdparty/${kind}/:protocol`, (c) => c.json([]));
  }
  app.post("/_matrix/app/v1/ping", (c) => c.json({}));
  app.all("/_matrix/app/*", (c) => failure(c, 404, "M_UNRECOGNIZED", "no such endpoint"));
  app.onError((thrown, c) => {
    log.error({ err: thrown }, "matrix: a request failed");
    return failure(c, 500, "M_UNKNOWN", "not committed; repeat it");
  });
  return app;
}

/** Runs before the body is read (CVE-2026-32980) and asks the config anew each time (CVE-2026-45005). */
function authenticate(config: () => Config): MiddlewareHandler {
  return async (c, next) => {
    const { matrix } = config();
    if (!matrix) return failure(c, 404, "M_UNRECOGNIZED", "Matrix is not configured");
    const given = tokenOf(c);
    if (given === undefined) return failure(c, 401, "M_MISSING_TOKEN", "the homeserver's token is missing");
    if (!isSecret(given, matrix.hsToken, matrix.previousHsToken))
      return failure(c, 403, "M_FORBIDDEN", "the homeserver's token is wrong");
    await next();
  };
}

/** The header; the query of old homeservers only where there is none, so that a wrong header is never overruled. */
function tokenOf(c: Context): string | undefined {
  const header = c.req.header("authorization");
  if (header === undefined) return c.req.query("access_token") || undefined;
  return /^Bearer +(\S+)$/i.exec(header)?.[1] ?? "";
}

/**
 * Event ids make repeats harmless, so the ledger of transactions only saves their work and stays off the hot path: it
 * is asked where this process has seen the transaction id before or has seen none, and written after the answer.
 */
function createTransactionHandler({ config, transactions, wake, log, ...deps }: MatrixFunctionDeps) {
  const ingest = createIngest({ ...deps, log });
  const recent = new RecentIds();
  return async (c: Context): Promise<Response> => {
    const txnId = c.req.param("txnId") ?? "";
    const bytes = await readLimited(c.req.raw, maxBody);
    if (!bytes) return failure(c, 413, "M_TOO_LARGE", `a transaction has at most ${maxBody} bytes`);
    const body = transactionOf(bytes);
    if (!body) return failure(c, 400, "M_BAD_JSON", "a transaction is a JSON object with a list of events");
    const { events } = body;
    const woken = wokenBy(body, agentUsers(config()));
    // Not a word of them is used: they are fetched, and a repeated transaction would not hold them (docs/decisions, keys are pulled).
    if (woken.length > 0) wake(woken);
    if (events.length === 0) return c.json({});
    const digest = hash("sha256", bytes, "buffer");
    const recordable = /^[\x21-\x7e]{1,255}$/.test(txnId);
    if (recordable && !recent.isFresh(txnId) && (await transactions.seen(txnId, digest))) return c.json({});
    const committed = await ingest(config(), events, digest.toString("hex"));
    if (committed && recordable)
      transactions.record(txnId, digest).catch((thrown: unknown) => {
        log.warn({ err: thrown, txnId }, "matrix: a transaction was committed but not recorded; a repeat is harmless");
      });
    return c.json({});
  };
}

/** Transaction ids of this process's life, the last ones. The very first is never fresh: it may repeat an earlier life's. */
class RecentIds {
  readonly #ids = new Set<string>();

  isFresh(id: string): boolean {
    const fresh = this.#ids.size > 0 && !this.#ids.has(id);
    this.#ids.add(id);
    if (this.#ids.size > 1_000) for (const oldest of [...this.#ids].slice(0, 100)) this.#ids.delete(oldest);
    return fresh;
  }
}

/** A transaction's body. */
type Transaction = { readonly events: readonly unknown[] } & Readonly<Record<string, unknown>>;

function transactionOf(bytes: Uint8Array): Transaction | undefined {
  try {
    const body: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
    if (typeof body !== "object" || body === null || !("events" in body)) return undefined;
    return Array.isArray(body.events) ? (body as Transaction) : undefined;
  } catch {
    return undefined;
  }
}

/** Our users that a transaction's extensions speak of (MSC2409, MSC3202). */
function wokenBy(body: Transaction, users: readonly string[]): readonly string[] {
  const messages = body["de.sorunome.msc2409.to_device"];
  const lists = body["org.matrix.msc3202.device_lists"];
  const changed = typeof lists === "object" && lists !== null && "changed" in lists ? lists.changed : undefined;
  // Whose device lists have changed concerns all who share a room with them: everybody looks.
  if (Array.isArray(changed) && changed.length > 0) return users;
  if (!Array.isArray(messages)) return [];
  const named = new Set(messages.map((message: { to_user_id?: unknown } | null) => message?.to_user_id));
  return users.filter((user) => named.has(user));
}

const failure = (c: Context, status: 400 | 401 | 403 | 404 | 413 | 500, errcode: string, error: string): Response =>
  c.json({ errcode, error }, status);
