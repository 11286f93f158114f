import type { Job } from "../config/config.ts";
import type { Tool } from "../tools/define.ts";

/** Why the model may not call a tool in a job though config grants it: the job's function calls it itself, or the run is dry. */
export function withheldIn(job: Job, own: readonly string[], dry: boolean): (tool: Tool) => string | undefined {
  return ({ name, labels }) => {
    if (own.includes(name)) return `jobs.${job.name}.function calls ${name} itself`;
    if (dry && labels.some((label) => label === "act" || label === "egress")) return "a dry run changes nothing";
    return undefined;
  };
}
