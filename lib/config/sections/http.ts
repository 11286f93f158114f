import { z } from "zod";
import { parseHostRule } from "../../http/hosts.ts";
import { count } from "../primitives.ts";

const host = z
  .string()
  .refine(
    (entry) => parseHostRule(entry, false) !== undefined,
    'must be a host such as "example.org", "*.example.org", "example.org:8443" or, for plain HTTP, "http://nas.lan"; in lower case, without a path',
  );

/** [tools.http]. */
export const httpSection = z.strictObject({
  hosts: z
    .array(host)
    .default([])
    .describe(
      'The only hosts fetched from: "example.org", "*.example.org", with :port or in front http:// if need be.',
    ),
  private_hosts: z
    .array(host)
    .default([])
    .describe("The same for hosts of your own, which may be at private addresses; only these may."),
  max_kb: count.max(10_240).default(512).describe("The largest page, in KB of 1024 bytes."),
  timeout_seconds: z.number().positive().max(60).default(20).describe("The longest one fetch may take."),
  max_chars: count.max(90_000).default(20_000).describe("How much of a page's text the model is given at once."),
});
