/** Makes spans of runs from what is journalled of them: a run holds its model calls and tool calls. */
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { RunEvent } from "../agent/events.ts";
import { agentAsk } from "../config/tool-facts.ts";
import type { Run } from "../ledger/run.ts";
import { answerAttributes, callAttributes, ofRun, requestAttributes, runAttributes } from "./attributes.ts";
import type { TraceIds } from "./trace-ids.ts";

interface OpenSpans {
  readonly span: Span;
  readonly context: Context;
  chat?: Span | undefined;
  /** By call id. */
  readonly calls: Map<string, { readonly span: Span; readonly name: string }>;
}

/** A run whose end nobody told, since its process lost it, must not be held for ever. */
const mostRuns = 1_000;

/** The spans of the runs under way in this process. */
export class RunSpans {
  readonly #tracer: Tracer;
  readonly #ids: TraceIds;
  readonly #runs = new Map<string, OpenSpans>();

  constructor(tracer: Tracer, ids: TraceIds) {
    this.#tracer = tracer;
    this.#ids = ids;
  }

  observe(run: Run, events: readonly RunEvent[]): void {
    const now = Date.now();
    const open = this.#runs.get(run.id) ?? this.#begin(run);
    // Calls that code made are told when they are over, begin and end at once.
    const lasted = new Map(
      events.flatMap((event) => (event.type === "tool.finished" ? [[event.call.id, event.milliseconds] as const] : [])),
    );
    for (const event of events) this.#take(run, open, event, { now, lasted });
  }

  /** Ends what is open, as nobody will. */
  endAll(): void {
    for (const id of [...this.#runs.keys()]) this.#end(id, {});
  }

  #begin(run: Run): OpenSpans {
    const parent = run.trigger === "agent" ? this.#runs.get(run.parentRunId ?? "") : undefined;
    if (!parent) this.#ids.next(run.trigger === "agent" ? (run.parentRunId ?? run.id) : run.id);
    const span = this.#tracer.startSpan(
      `invoke_agent ${run.agent}`,
      { kind: SpanKind.INTERNAL, attributes: runAttributes(run) },
      parent ? callerOf(parent) : ROOT_CONTEXT,
    );
    const open: OpenSpans = { span, context: trace.setSpan(ROOT_CONTEXT, span), calls: new Map() };
    this.#runs.set(run.id, open);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > mostRuns && oldest !== undefined) this.#end(oldest, {});
    return open;
  }

  #take(
    run: Run,
    open: OpenSpans,
    event: RunEvent,
    { now, lasted }: { readonly now: number; readonly lasted: ReadonlyMap<string, number> },
  ): void {
    switch (event.type) {
      case "llm.requested":
        open.chat = this.#tracer.startSpan(
          `chat ${event.model}`,
          { kind: SpanKind.CLIENT, attributes: { ...ofRun(run), ...requestAttributes(event.backend, event.model) } },
          open.context,
        );
        break;
      case "llm.answered":
        open.chat?.setAttributes(answerAttributes(event.answer));
        open.chat?.end();
        open.chat = undefined;
        break;
      case "llm.consulted": {
        const { backend, model, milliseconds } = event.answer;
        const attributes = { ...ofRun(run), ...requestAttributes(backend, event.answer.requestModel ?? model) };
        this.#tracer
          .startSpan(
            `chat ${model}`,
            { kind: SpanKind.CLIENT, startTime: now - milliseconds, attributes },
            open.context,
          )
          .setAttributes(answerAttributes(event.answer))
          .end();
        break;
      }
      case "llm.failed":
        fail(open.chat, event.errorType);
        open.chat?.end();
        open.chat = undefined;
        break;
      case "tool.requested": {
        const { call, known } = event;
        const span = this.#tracer.startSpan(
          known ? `execute_tool ${call.name}` : "execute_tool",
          {
            kind: SpanKind.INTERNAL,
            startTime: now - (lasted.get(call.id) ?? 0),
            attributes: { ...ofRun(run), ...callAttributes(event) },
          },
          open.context,
        );
        open.calls.set(call.id, { span, name: call.name });
        break;
      }
      case "approval.decided":
        open.calls.get(event.call.id)?.span.setAttribute("openclaw.approval", event.outcome);
        break;
      case "tool.finished": {
        const span = open.calls.get(event.call.id)?.span;
        if (event.outcome !== "ok") fail(span, event.outcome);
        span?.end();
        open.calls.delete(event.call.id);
        break;
      }
      case "run.waiting":
        this.#end(run.id, { state: "waiting" });
        break;
      case "run.finished":
        this.#end(run.id, event);
        break;
      case "run.resumed":
        open.span.setAttribute("openclaw.resumed", true);
        break;
      case "run.started":
        break;
    }
  }

  #end(id: string, { state, errorType }: { readonly state?: string; readonly errorType?: string }): void {
    const open = this.#runs.get(id);
    if (!open) return;
    this.#runs.delete(id);
    for (const { span } of open.calls.values()) span.end();
    open.chat?.end();
    open.span.setAttribute("openclaw.run.state", state ?? "unknown");
    if (errorType !== undefined) fail(open.span, errorType);
    open.span.end();
  }
}

/** The call by which an agent asked, where there is one alone; else the run that asked. */
function callerOf({ context, calls }: OpenSpans): Context {
  const asking = [...calls.values()].filter(({ name }) => name === agentAsk);
  const [only] = asking;
  return only && asking.length === 1 ? trace.setSpan(ROOT_CONTEXT, only.span) : context;
}

function fail(span: Span | undefined, errorType: string): void {
  span?.setAttribute("error.type", errorType).setStatus({ code: SpanStatusCode.ERROR });
}
