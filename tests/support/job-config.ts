/** The Telegram test config with jobs that need no service: two of them, in two zones. */
import { telegramConfig } from "./telegram-config.ts";

export const jobToken = "canary-job-token-0123456789abcdef01";

/** `report` is a job's function that needs nothing but a prompt. */
export const jobConfig = ({
  listen = "",
  more = "",
}: { listen?: string; more?: string } = {}): string => `${telegramConfig({
  modelUrl: "http://127.0.0.1:9",
  botApiUrl: "http://127.0.0.1:9",
})}
[listen]
token = { env = "OPENCLAW_TOKEN" }
${listen}

[jobs.brief]
agent = "ops"
schedule = "0 8 * * 1-5"
prompt = "prompt.md"
deliver = ["telegram:1001"]

[jobs.night]
agent = "helper"
schedule = "30 2 * * *"
timezone = "America/New_York"
prompt = "prompt.md"
deliver = ["telegram:1001"]
${more}
`;
