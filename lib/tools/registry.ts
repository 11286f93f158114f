import { z } from "zod";
import type { ToolSpec } from "../agent/model.ts";
import { ClawError } from "../errors.ts";
import { isDefined, type Tool } from "./define.ts";

/** The tools there are, by name. A Map: "constructor" and "__proto__" are no tools. */
export class ToolRegistry {
  readonly #tools = new Map<string, { readonly tool: Tool; readonly spec: ToolSpec }>();

  constructor(tools: readonly Tool[]) {
    for (const tool of tools) {
      if (!isDefined(tool)) throw new ClawError("config_invalid", `tool "${tool.name}" was not made by defineTool`);
      if (this.#tools.has(tool.name)) throw new ClawError("config_invalid", `two tools are named "${tool.name}"`);
      this.#tools.set(tool.name, { tool, spec: specOf(tool) });
    }
  }

  get(name: string): Tool | undefined {
    return this.#tools.get(name)?.tool;
  }

  /** In the order they were given. */
  all(): Tool[] {
    return [...this.#tools.values()].map(({ tool }) => tool);
  }

  names(): string[] {
    return [...this.#tools.keys()];
  }

  /** The named tools as offered to a model, in the registry's order. */
  specs(names: ReadonlySet<string>): ToolSpec[] {
    return [...this.#tools.values()].filter(({ tool }) => names.has(tool.name)).map(({ spec }) => spec);
  }
}

function specOf(tool: Tool): ToolSpec {
  const { $schema: _, ...parameters } = z.toJSONSchema(tool.input, { io: "input" });
  return { name: tool.name, description: tool.description, parameters };
}
