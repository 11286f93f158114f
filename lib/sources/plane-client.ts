/** Requests to Plane: its two spellings, its pages, its limit of requests, and its refusals in our words. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { TasksService } from "../config/services.ts";
import { ClawError } from "../errors.ts";
import type { TransportAnswer } from "../http/exchange.ts";
import { pageSchema } from "./plane-wire.ts";
import { mostElements } from "./plain.ts";
import { askService, jsonOf, type Service } from "./service.ts";
import type { Asking } from "./tracker.ts";
import { oneLine } from "../one-line.ts";
import { safeParse } from "../safe-parse.ts";

/** Whose refusal it is: the key's own, the workspace's, a project's. */
export type Area = "key" | "workspace" | "project";

export interface PlaneRequest {
  readonly area: Area;
  readonly method?: string;
  readonly body?: object;
  /** Statuses that the caller reads itself, besides 2xx. */
  readonly accept?: readonly number[];
}

export interface Pages {
  readonly results: readonly unknown[];
  readonly more: boolean;
}

const perPage = 100;

/** One server, with what was learnt of it. */
export class PlaneClient {
  readonly #service: Service;
  readonly #workspace: string;
  /** Servers before 1.1 know work items as "issues" alone; later ones may drop that. */
  #spelling: "work-items" | "issues" | undefined;

  constructor({ url, token, workspace, timeoutMs }: TasksService) {
    const headers = { "x-api-key": token.reveal() };
    this.#service = { title: "Plane", key: "tools.tasks", url, timeoutMs, headers };
    this.#workspace = workspace;
  }

  get oldSpelling(): boolean {
    return this.#spelling === "issues";
  }

  /** Asks; `path` comes after /api/v1 and ends with a slash, before its query. */
  async ask(path: string, request: PlaneRequest, asking: Asking): Promise<TransportAnswer> {
    const { area, method = "GET", body, accept = [] } = request;
    for (;;) {
      const answer = await askService(this.#service, `/api/v1${path}`, {
        method,
        ...(body && { body }),
        accept: [400, 401, 403, 404, 429, ...accept],
        signal: asking.signal,
      });
      const { status } = answer;
      if (status === 429) await waitFor(answer, asking);
      else if (accept.includes(status) || status < 300) return answer;
      else throw this.#refusal(answer, area);
    }
  }

  /** The answer as a schema reads it. Throws ClawError `fetch_failed` where it cannot. */
  read<Shape>(schema: z.ZodType<Shape>, answer: TransportAnswer): Shape {
    const parsed = safeParse(schema, jsonOf(this.#service, answer));
    if (parsed.success) return parsed.data;
    throw new ClawError("fetch_failed", "Plane answered with what its API v1 does not say: is tools.tasks.url Plane?");
  }

  /** Asks for something of work items, by the spelling this server knows. Not found: undefined. */
  async askItems(
    prefix: string,
    rest: string,
    request: PlaneRequest,
    asking: Asking,
  ): Promise<TransportAnswer | undefined> {
    for (const spelling of this.#spelling ? [this.#spelling] : (["work-items", "issues"] as const)) {
      const path = `${prefix}/${spelling}/${rest}`;
      const answer = await this.ask(path, { ...request, accept: [404, ...(request.accept ?? [])] }, asking);
      if (answer.status === 404) continue;
      this.#spelling = spelling;
      return answer;
    }
    return undefined;
  }

  /** A list, page by page, as `ask` gets each; `most` pages at most. */
  async pages(
    page: (query: string) => Promise<TransportAnswer>,
    query: Readonly<Record<string, string>>,
    most: number,
  ): Promise<Pages & { readonly asked: number }> {
    const results: unknown[] = [];
    let cursor: string | undefined;
    for (let asked = 1; ; asked++) {
      const parameters = { per_page: String(perPage), ...query, ...(cursor !== undefined && { cursor }) };
      const answer = this.read(pageSchema, await page(`?${new URLSearchParams(parameters).toString()}`));
      results.push(...answer.results.slice(0, mostElements));
      const more = answer.next_page_results && answer.next_cursor !== undefined && answer.next_cursor !== cursor;
      if (!more || asked >= most) return { results, more, asked };
      cursor = answer.next_cursor;
    }
  }

  #refusal(answer: TransportAnswer, area: Area): ClawError {
    const { status } = answer;
    const said = `Plane answered ${status}`;
    if (status === 401 || (status === 403 && area === "key"))
      return new ClawError(
        "unauthorized",
        `${said}: it refuses the key in tools.tasks.token; make one in Plane, in the profile's settings under Personal Access Tokens`,
      );
    if (status === 400) return new ClawError("bad_request", `Plane refused the request: ${complaintOf(answer)}`);
    if (area === "workspace")
      return new ClawError(
        status === 403 ? "unauthorized" : "not_found",
        `${said}: there is no workspace "${this.#workspace}", or the key's owner is not in it; tools.tasks.workspace is the first part of the path when it is open in a browser`,
      );
    if (area === "project" && status === 403)
      return new ClawError(
        "unauthorized",
        `${said}: there is no such project, or the owner of the key in tools.tasks.token may not do this there; make them a member of it in Plane`,
      );
    return new ClawError("not_found", `${said}: there is nothing at this address; is tools.tasks.url Plane?`);
  }
}

/** What Plane says is wrong: `{"error"}`, `{"detail"}`, or by field. */
function complaintOf({ body }: TransportAnswer): string {
  const text = body.toString("utf8");
  try {
    const { error, detail } = complaintAnswer.parse(JSON.parse(text));
    return oneLine(error ?? detail ?? text, 200);
  } catch {
    return "it does not say why";
  }
}

const complaintAnswer = z.object({
  error: z.string().optional().catch(undefined),
  detail: z.string().optional().catch(undefined),
});

/** Waits until Plane takes requests again. Throws ClawError `limit_reached` that says when, where that is too long. */
async function waitFor({ headers }: TransportAnswer, { signal, now, until }: Asking): Promise<void> {
  const at = now().getTime();
  const ms = Math.max(0, waitMs(headers, at)) + marginMs;
  if (at + ms > until.getTime()) {
    const seconds = Math.ceil(ms / 1000);
    throw new ClawError(
      "limit_reached",
      `Plane was asked too often and takes requests again in ${seconds} s; try then`,
    );
  }
  await sleep(ms, undefined, { signal });
}

/** The headers have whole seconds. */
const marginMs = 200;

/** Plane's own 429 carries Retry-After alone; proxies before it, and other answers, say when by X-RateLimit-Reset (Unix time). */
function waitMs(headers: TransportAnswer["headers"], now: number): number {
  const after = headers["retry-after"];
  if (after !== undefined && /^\d+$/.test(after)) return Number(after) * 1000;
  const reset = Number(headers["x-ratelimit-reset"]);
  return reset > 0 ? reset * 1000 - now : 60_000;
}
