import type { Label } from "../tools/define.ts";
import type { ServiceName } from "./services.ts";

/** What config may know of a tool before anything is opened: from its definition or the operator's config, never from a server. */
export interface ToolFacts {
  readonly name: string;
  readonly labels: readonly Label[];
  /** Its arguments by dotted path, `path.*` where anything may stand below; undefined where its schema is not known. */
  readonly arguments?: readonly string[];
  /** What it reaches; it is never granted where the config does not set that up. */
  readonly service?: ServiceName;
  /** Called only with an approver's yes, whatever grants it. */
  readonly asks?: boolean;
  /** Its settings list where it may send to, so that an agent's argument rules need not. */
  readonly bounded?: boolean;
}

/** The tool by which an agent calls the one its argument `agent` names: granted by `agents.NAME.calls`. */
export const agentAsk = "agent_ask";
