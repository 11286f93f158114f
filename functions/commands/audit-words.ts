/** A row of a journal in words for a terminal, without what was said. */
import { visible } from "../../lib/conversation/visible.ts";
import type { JournalColumns } from "../../lib/ledger/journal-row.ts";
import { amount } from "./audit-table.ts";

const seconds = (milliseconds: number | undefined): string =>
  milliseconds === undefined ? "" : ` in ${(milliseconds / 1000).toFixed(2)} s`;

const by = (rule: string | undefined): string => (rule === undefined ? "" : ` by ${rule}`);
const tainted = (taint: string | undefined): string =>
  taint === undefined ? "" : `; tainted by ${taint.split(" ").join(", ")}`;

/** One line; `name` is what the model called, where the column has it not, since no tool is called so. */
export function rowWords(columns: JournalColumns, name?: string): string {
  return visible(words(columns, name));
}

function words(row: JournalColumns, name: string | undefined): string {
  const tool = row.tool_name ?? (name === undefined ? "an unknown tool" : `${name}, which is no tool`);
  switch (row.type) {
    case "run.started":
      return `began${tainted(row.taint)}`;
    case "run.resumed":
      return `went on${row.rule === undefined ? "" : `, by ${row.rule}`}`;
    case "run.waiting":
      return "waits for approvers";
    case "llm.requested":
      return `asks ${row.provider_name ?? "?"} for ${row.request_model ?? "?"}`;
    case "llm.answered":
    case "llm.consulted":
      return answerWords(row);
    case "llm.failed":
      return `the model failed: ${row.error_type ?? "?"}`;
    case "tool.requested":
      return `${tool}: ${decided(row)}${by(row.rule)}${tainted(row.taint)}`;
    case "approval.decided":
      return `${tool}: ${(row.rule ?? "").replace(/^approval /, "")}${by(row.approver)}`;
    case "tool.finished":
      return `${tool}: ${outcome(row.error_type)}${seconds(row.duration_ms)}${tainted(row.taint)}`;
    case "run.finished":
      return `ended: ${row.finish_reason ?? "?"}${row.error_type === undefined ? "" : ` (${row.error_type})`}`;
  }
}

function answerWords(row: JournalColumns): string {
  const parts = [
    `${row.input_tokens ?? "?"} + ${row.output_tokens ?? "?"} tokens`,
    ...(row.cached_tokens === undefined ? [] : [`${row.cached_tokens} cached`]),
    ...(row.reasoning_tokens === undefined ? [] : [`${row.reasoning_tokens} reasoning`]),
    row.cost === undefined ? "cost unknown" : `cost ${amount(row.cost)} (${row.cost_source ?? "?"})`,
    `finish ${row.finish_reason ?? "?"}`,
    ...(row.refusal === true ? ["it declined"] : []),
    ...(row.response_id === undefined ? [] : [`response ${row.response_id}`]),
    ...(row.provider_request_id === undefined ? [] : [`request ${row.provider_request_id}`]),
  ];
  const verb = row.type === "llm.consulted" ? "looked at an image for a tool" : "answered";
  return `${row.response_model ?? "?"} ${verb}${seconds(row.duration_ms)}: ${parts.join(", ")}`;
}

const decisions = { allow: "allowed", ask: "to be approved", deny: "denied" } as const;

const decided = ({ decision }: JournalColumns): string => (decision === undefined ? "undecided" : decisions[decision]);

function outcome(errorType: string | undefined): string {
  switch (errorType) {
    case undefined:
      return "done";
    case "unknown":
      return "nobody knows what came of it";
    case "denied":
      return "not done, since it was denied";
    default:
      return errorType;
  }
}
