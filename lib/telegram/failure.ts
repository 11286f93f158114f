import type { TelegramBot } from "../config/config.ts";
import { ClawError } from "../errors.ts";
import { TransportError } from "../http/exchange.ts";

/** Why a Bot API call failed. `reason` may be logged and stored: it holds no token and nothing that was sent. */
export type Failure =
  /** Telegram refused it, so it had no effect (5xx excepted). */
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly reason: string;
      readonly retryAfterMs?: number;
      readonly migrateTo?: number;
    }
  /** Nothing was sent. */
  | { readonly kind: "unreached"; readonly reason: string }
  /** Sent, but what became of it is not known. */
  | { readonly kind: "unanswered"; readonly reason: string };

/** Reads grammY's GrammyError by shape (so that grammY need not be loaded) and HttpError by what it wraps. */
export function failureOf(thrown: unknown, bot: TelegramBot): Failure {
  const refusal = thrown as {
    error_code?: unknown;
    description?: unknown;
    parameters?: { retry_after?: unknown; migrate_to_chat_id?: unknown };
  };
  if (thrown instanceof Error && typeof refusal.error_code === "number") {
    const { retry_after, migrate_to_chat_id } = refusal.parameters ?? {};
    const description = typeof refusal.description === "string" ? refusal.description : "";
    return {
      kind: "answered",
      status: refusal.error_code,
      reason: `${refusal.error_code} ${withoutContent(description, bot)}`,
      ...(typeof retry_after === "number" && { retryAfterMs: retry_after * 1000 }),
      ...(typeof migrate_to_chat_id === "number" && { migrateTo: migrate_to_chat_id }),
    };
  }
  const inner = thrown instanceof Error && "error" in thrown ? thrown.error : thrown;
  if (inner instanceof TransportError)
    return { kind: inner.sent ? "unanswered" : "unreached", reason: `telegram: ${inner.message}` };
  if (inner instanceof ClawError) return { kind: "unanswered", reason: inner.message };
  return { kind: "unanswered", reason: `telegram: ${inner instanceof Error ? inner.name : "unknown error"}` };
}

/** Telegram's descriptions quote what they complain of. */
const withoutContent = (description: string, bot: TelegramBot): string =>
  description
    .replaceAll(bot.token.reveal(), "[token]")
    .replace(/"[^"]*"?/g, '"…"')
    .slice(0, 200);
