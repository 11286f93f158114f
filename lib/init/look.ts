/** A look at what is named in an answer: it only advises, so whatever goes wrong is a sentence. */
import { messageOf } from "../errors.ts";
import { oneLine } from "../one-line.ts";

/** What was seen. `said`: one line for the person who asks. */
export interface Seen<Of> {
  readonly said: string;
  /** Undefined where nothing was seen. */
  readonly value?: Of;
  /** Which answer is hardly right. */
  readonly doubt?: "address" | "secret" | "name";
}

/** The longest that is waited for an answer. */
export const lookMs = 5_000;
const maxBytes = 8 * 1024 * 1024;

/** An answer's JSON, and its status; throws in words that hold no secret. A redirect is followed only where `follow`. */
export async function getJson(
  url: string,
  { bearer, follow = false }: { readonly bearer?: string | undefined; readonly follow?: boolean } = {},
): Promise<{ readonly status: number; readonly body: unknown }> {
  let response: Response;
  try {
    response = await fetch(url, {
      headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
      // A token goes where it was meant for, and nowhere else.
      redirect: follow ? "follow" : "manual",
      signal: AbortSignal.timeout(lookMs),
    });
    const text = await readLimited(response);
    return { status: response.status, body: parsed(text) };
  } catch (cause) {
    if ((cause as Error).name === "TimeoutError") throw new Error(`no answer within ${lookMs / 1000} s`, { cause });
    // "fetch failed" is all that fetch says itself.
    const below = (cause as { cause?: { code?: unknown } }).cause;
    throw new Error(typeof below?.code === "string" ? below.code : messageOf(below ?? cause), { cause });
  }
}

async function readLimited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A text of a server's on the terminal. */
export const shown = (text: unknown): string => oneLine(String(text), 80);

/** Whether a text of a server's may be suggested for an answer, and so shown and taken as it is. */
export const isPlain = (text: string): boolean => oneLine(text, 200) === text;
