/** A server over streamable HTTP, with a limit to what it may send at once. */
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { McpServer } from "../config/mcp.ts";
import { ClawError } from "../errors.ts";
import { messageLimit } from "./limits.ts";

/** The SDK's transport; it follows redirects within the server's origin alone, so that its headers stay there. */
export const httpTransport = ({
  url,
  headers,
}: Extract<McpServer["reach"], { kind: "http" }>): StreamableHTTPClientTransport =>
  new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: Object.fromEntries([...headers].map(([name, value]) => [name, value.reveal()])) },
    fetch: async (target, init) => limited(await fetch(target, init)),
  });

/** The same response with a body that fails where a message in it is too large. */
function limited(response: Response): Response {
  const { body, status, statusText, headers } = response;
  if (!body) return response;
  const events = headers.get("content-type")?.startsWith("text/event-stream") === true;
  const measured = new Response(body.pipeThrough(sizeLimit(events)), { status, statusText, headers });
  // A response that was made knows no URL; the SDK tells by it where a redirect leads.
  return Object.defineProperty(measured, "url", { value: response.url });
}

/** Counts bytes: all of them, or those of each event, which an empty line ends. */
function sizeLimit(events: boolean): TransformStream<Uint8Array, Uint8Array> {
  const lineFeed = 0x0a;
  let size = 0;
  let lineEmpty = true;
  return new TransformStream({
    transform(chunk, controller) {
      if (events)
        for (const byte of chunk) {
          size = byte === lineFeed && lineEmpty ? 0 : size + 1;
          if (byte !== 0x0d) lineEmpty = byte === lineFeed;
        }
      else size += chunk.length;
      if (size > messageLimit)
        controller.error(new ClawError("too_large", `the server sent a message of more than ${messageLimit} bytes`));
      else controller.enqueue(chunk);
    },
  });
}
