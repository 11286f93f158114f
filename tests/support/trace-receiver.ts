/** A stand-in for an OpenTelemetry collector: takes OTLP over HTTP as JSON. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";

type Value = { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean } & {
  arrayValue?: { values: Value[] };
};

/** A span as it came over the wire, its attributes as plain values. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 2: an error. */
  readonly status: number;
  readonly milliseconds: number;
}

export interface TraceReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** All that came, as it came. */
  readonly raw: () => string;
  readonly resource: () => Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

interface WireSpan extends Omit<ReceivedSpan, "attributes" | "status" | "milliseconds" | "parentSpanId"> {
  readonly parentSpanId?: string;
  readonly attributes: readonly { key: string; value: Value }[];
  readonly status?: { code?: number };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: WireSpan["attributes"] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

/** Starts one on loopback. */
export async function startTraceReceiver(): Promise<TraceReceiver> {
  const spans: ReceivedSpan[] = [];
  let raw = "";
  let resource: Record<string, unknown> = {};
  const app = new Hono().post("/v1/traces", async (c) => {
    const text = await c.req.text();
    raw += text;
    for (const each of (JSON.parse(text) as Body).resourceSpans) {
      resource = plain(each.resource.attributes);
      for (const scope of each.scopeSpans) spans.push(...scope.spans.map(received));
    }
    return c.json({});
  });
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }) as Server;
  if (!server.listening) await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    raw: () => raw,
    resource: () => resource,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const received = ({ attributes, status, startTimeUnixNano, endTimeUnixNano, ...span }: WireSpan): ReceivedSpan => ({
  ...{ name: span.name, traceId: span.traceId, spanId: span.spanId, parentSpanId: span.parentSpanId },
  attributes: plain(attributes),
  status: status?.code ?? 0,
  milliseconds: Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6,
});

const plain = (attributes: WireSpan["attributes"]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));

function valueOf({ stringValue, intValue, doubleValue, boolValue, arrayValue }: Value): unknown {
  if (arrayValue) return arrayValue.values.map(valueOf);
  return stringValue ?? doubleValue ?? boolValue ?? Number(intValue);
}
