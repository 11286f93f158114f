/** Server-sent events (WHATWG HTML, section 9.2.6), as far as model servers use them: the data of each event. */
import type { Readable } from "node:stream";
import { AttemptFailure } from "./failure.ts";

/** No answer of a model is this long (UTF-16 units); a server that never ends would fill the memory. */
const limit = 32 * 1024 * 1024;

/**
 * Reads events until `onData` returns true (the end mark) or the body ends; resolves to whether the mark was seen.
 * After the mark the rest is drained, so that the connection can be used again. `onBytes` hears of every arrival.
 */
export function readEvents(body: Readable, onData: (data: string) => boolean, onBytes: () => void): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const split = splitEvents();
    let size = 0;
    let ended = false;
    const fail = (error: Error): void => {
      ended = true;
      body.destroy();
      reject(error);
    };
    const finish = (): void => {
      ended = true;
      const timer = setTimeout(() => body.destroy(), 1000).unref();
      body.once("close", () => clearTimeout(timer));
      resolve(true);
    };
    body.setEncoding("utf8");
    body.on("data", (text: string) => {
      if (ended) return;
      onBytes();
      size += text.length;
      if (size > limit) return fail(new AttemptFailure({ kind: "invalid", detail: "its answer has no end" }));
      try {
        for (const data of split(text)) if (onData(data)) return finish();
      } catch (thrown) {
        fail(thrown instanceof AttemptFailure ? thrown : new AttemptFailure({ kind: "invalid" }));
      }
    });
    body.on("end", () => {
      if (!ended) resolve(false);
      ended = true;
    });
    body.on("error", reject);
    body.on("close", () => {
      if (!ended) reject(new AttemptFailure({ kind: "truncated" }));
    });
  });
}

/** Feeds on text as it comes and gives the data of events completed by it. An event cut off at the end is dropped. */
function splitEvents(): (text: string) => string[] {
  let rest = "";
  let data: string | undefined;
  return (text) => {
    // Looked through anew with each piece, a line without end would take time by its square.
    if (!text.includes("\n")) {
      rest += text;
      return [];
    }
    const events: string[] = [];
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        if (data !== undefined) events.push(data);
        data = undefined;
      } else if (line.startsWith("data:")) {
        const value = line.slice(line[5] === " " ? 6 : 5);
        data = data === undefined ? value : `${data}\n${value}`;
      }
    }
    return events;
  };
}

/** An event's data as an object; throws an `invalid` failure that does not quote it. */
export function parseEvent(data: string): object {
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // JSON.parse quotes its input in its message.
  }
  throw new AttemptFailure({ kind: "invalid" });
}
