import { z } from "zod";
import type { ToolSpec } from "../agent/model.ts";
import { ClawError } from "../errors.ts";
import { isDefined, type Tool } from "./define.ts";

/** The tools there are, by name. A Map: "constructor" and "__proto__" are no tools. */
export class ToolRegistry {
  #fixed: readonly Tool[] = [];
  #passing: readonly Tool[] = [];
  #tools: ReadonlyMap<string, { readonly tool: Tool; readonly spec: ToolSpec }> = new Map();

  constructor(tools: readonly Tool[]) {
    this.add(tools);
  }

  /** Adds tools for good. Throws ClawError `config_invalid` where two have one name. */
  add(tools: readonly Tool[]): void {
    this.#put([...this.#fixed, ...tools], this.#passing);
  }

  /** Puts these in the place of those given here before: tools that come and go. Throws as `add` does. */
  replacePassing(tools: readonly Tool[]): void {
    this.#put(this.#fixed, tools);
  }

  #put(fixed: readonly Tool[], passing: readonly Tool[]): void {
    this.#tools = indexed([...fixed, ...passing]);
    [this.#fixed, this.#passing] = [fixed, passing];
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

function indexed(tools: readonly Tool[]): Map<string, { tool: Tool; spec: ToolSpec }> {
  const index = new Map<string, { tool: Tool; spec: ToolSpec }>();
  for (const tool of tools) {
    if (!isDefined(tool)) throw new ClawError("config_invalid", `tool "${tool.name}" was not made by defineTool`);
    if (index.has(tool.name)) throw new ClawError("config_invalid", `two tools are named "${tool.name}"`);
    index.set(tool.name, { tool, spec: specOf(tool) });
  }
  return index;
}

function specOf(tool: Tool): ToolSpec {
  if (tool.parameters) return { name: tool.name, description: tool.description, parameters: tool.parameters };
  const { $schema: _, ...parameters } = z.toJSONSchema(tool.input, { io: "input" });
  return { name: tool.name, description: tool.description, parameters };
}
