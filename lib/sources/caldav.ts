/** Calendars of a CalDAV server (RFC 4791), by tsdav. */
import type { DAVResponse } from "tsdav";
import { ClawError } from "../errors.ts";
import type { DaysWindow } from "./ics-expand.ts";
import { askService, type Service } from "./service.ts";

/** A calendar as its server has it. */
export interface ServerCalendar {
  /** As people named it there. */
  readonly name: string;
  readonly url: string;
}

type Fetch = typeof fetch;

/**
 * The calendars at the service's URL, which may be one calendar, a folder of them, an account or the server. Throws what
 * `askService` throws, and ClawError `not_found` where there are none.
 */
export async function findCalendars(service: Service, signal: AbortSignal): Promise<ServerCalendar[]> {
  const dav = await import("tsdav");
  // Asked on the way, most servers answer these with something else than WebDAV somewhere.
  const wary = fetchBy(service, signal, [301, 302, 303, 307, 308, 404, 405]);
  const look = async (url: string, depth: "0" | "1", by: Fetch): Promise<DAVResponse[]> =>
    (await dav.propfind({ url: within(service, url), depth, props: asked, fetch: by })).filter(({ props }) => props);

  const base = `${service.url}/`;
  let [own] = await look(base, "0", wary);
  let at = base;
  if (!own) {
    at = await dav.serviceDiscovery({ account: { serverUrl: base, accountType: "caldav" }, fetch: wary });
    if (at !== base) [own] = await look(at, "0", wary);
  }
  if (!own)
    throw new ClawError(
      "not_found",
      `${service.title} is no CalDAV server: check ${service.key}.url (Nextcloud's ends in /remote.php/dav)`,
    );
  if (isCalendar(own)) return [toCalendar(own, at)];
  const strict = fetchBy(service, signal);
  const below = async (url: string): Promise<ServerCalendar[]> =>
    (await look(url, "1", strict)).filter(isCalendar).map((found) => toCalendar(found, url));

  const here = await below(at);
  if (here.length > 0) return here;
  let home = hrefOf(own.props?.["calendarHomeSet"], at);
  const principal = hrefOf(own.props?.["currentUserPrincipal"], at);
  if (home === undefined && principal !== undefined) {
    const [account] = await look(principal, "0", strict);
    home = hrefOf(account?.props?.["calendarHomeSet"], principal);
  }
  const found = home === undefined ? [] : await below(home);
  if (found.length > 0) return found;
  throw new ClawError("not_found", `${service.title} has no calendars: check ${service.key}.url and user`);
}

/**
 * The calendar's events that touch the window, whole, each as ICS text. The server is not asked to expand them: Radicale
 * 3.8 answers 500 for a series without a zone and forgets what RDATE adds, others expand nothing.
 */
export async function queryCalendar(
  service: Service,
  { url }: ServerCalendar,
  { start, end }: DaysWindow,
  signal: AbortSignal,
): Promise<string[]> {
  const dav = await import("tsdav");
  // Days and times without a zone are taken for UTC's there, and may be up to 14 hours off.
  const range = { start: stamp(start.getTime() - marginMs), end: stamp(end.getTime() + marginMs) };
  const event = { _attributes: { name: "VEVENT" }, "time-range": { _attributes: range } };
  const responses = await dav
    .calendarQuery({
      url: within(service, url),
      depth: "1",
      props: { "c:calendar-data": {} },
      filters: [{ "comp-filter": { _attributes: { name: "VCALENDAR" }, "comp-filter": event } }],
      fetch: fetchBy(service, signal),
    })
    .catch((cause: unknown) => {
      if (cause instanceof ClawError) throw cause;
      throw new ClawError("fetch_failed", `${service.title} could not list its events: see its own log`, { cause });
    });
  return responses.map(({ props }) => textOf(props?.["calendarData"])).filter((text) => typeof text === "string");
}

const marginMs = 14 * 3_600_000;

const asked = {
  "d:resourcetype": {},
  "d:displayname": {},
  "d:current-user-principal": {},
  "c:calendar-home-set": {},
  "c:supported-calendar-component-set": {},
};

/** 20260724T000000Z */
const stamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;

/** Requests of tsdav's by ours, with the service's credentials, limits and errors. */
function fetchBy(service: Service, signal: AbortSignal, accept: readonly number[] = []): Fetch {
  return async (url, { method = "GET", headers, body } = {}) => {
    if (!(typeof url === "string")) throw new TypeError("a URL is text");
    const answer = await askService(service, within(service, url), {
      method,
      headers: Object.fromEntries(new Headers(headers)),
      ...(typeof body === "string" && { body }),
      accept,
      signal,
    });
    const type = answer.headers["content-type"] ?? "";
    const location = answer.headers.location;
    return new Response(answer.body.length > 0 ? new Uint8Array(answer.body) : null, {
      status: answer.status,
      headers: { "content-type": type, ...(location !== undefined && { location }) },
    });
  };
}

/** Servers name places by whole URLs: the credentials are given to nobody but the one that is configured. */
function within({ title, key, url }: Service, target: string): string {
  const { origin = "an address that is none", href = "" } = URL.parse(target, `${url}/`) ?? {};
  if (origin === new URL(url).origin) return href;
  throw new ClawError("fetch_failed", `${title} leads to ${origin}: put an address there into ${key}.url`);
}

function isCalendar({ props }: DAVResponse): boolean {
  if (!Object.hasOwn((props?.["resourcetype"] as object | undefined) ?? {}, "calendar")) return false;
  const component = (props?.["supportedCalendarComponentSet"] as { comp?: unknown } | undefined)?.comp;
  const names = [component]
    .flat()
    .map((each) => (each as { _attributes?: { name?: unknown } } | undefined)?._attributes?.name);
  return component === undefined || names.includes("VEVENT");
}

/** One whose address is none stays to be told of: it cannot be read, and spoils no other. */
function toCalendar({ href = "", props }: DAVResponse, base: string): ServerCalendar {
  const url = URL.parse(href, base);
  const slug = decoded(/([^/]+)\/*$/.exec(url?.pathname ?? href)?.[1] ?? "");
  const name = textOf(props?.["displayname"]);
  return { url: url?.href ?? href, name: ["string", "number", "boolean"].includes(typeof name) ? String(name) : slug };
}

/** As people wrote it, where it is percent-encoded UTF-8. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The text of an element, which servers write in either way; tsdav makes numbers and booleans of what looks like them. */
const textOf = (element: unknown): unknown => (element as { _cdata?: unknown } | undefined)?._cdata ?? element;

function hrefOf(property: unknown, base: string): string | undefined {
  const [href] = [(property as { href?: unknown } | undefined)?.href].flat();
  return typeof href === "string" && href !== "" ? URL.parse(href, base)?.href : undefined;
}
