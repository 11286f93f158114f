import type { Agent, Backend, Config } from "../config/config.ts";
import { chainOf } from "../config/backend-chain.ts";
import { type Client, loadOpenAI } from "./client.ts";
import { AttemptFailure } from "./failure.ts";
import type { Watch } from "./watch.ts";

/** A recording; servers go by the extension of `name`. */
export interface Recording {
  readonly bytes: Uint8Array;
  readonly mime: string;
  readonly name: string;
}

/** One attempt to turn a recording into text at /audio/transcriptions. */
export async function transcribe(
  { backend, openai }: Client,
  { bytes, mime, name }: Recording,
  watch: Watch,
): Promise<string> {
  const { toFile } = await loadOpenAI();
  const answer = await openai.audio.transcriptions.create(
    { file: await toFile(bytes, name, { type: mime }), model: backend.transcription_model ?? "" },
    { signal: watch.signal },
  );
  const { text } = answer as { text?: unknown };
  if (typeof text !== "string") throw new AttemptFailure({ kind: "invalid" });
  return text.trim();
}

/** Who turns an agent's voice notes into text: its backend, a fallback of it, else any backend that can. */
export function transcriptionBackend(config: Config, agent: Agent): Backend | undefined {
  const candidates = [...chainOf(config, agent.backend), ...config.backends.values()];
  return candidates.find((backend) => backend.transcription_model !== undefined);
}
