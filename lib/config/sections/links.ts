/** `agents.NAME.link_hosts`. */
import { z } from "zod";

const host = z
  .string()
  .regex(
    /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/,
    'must be a host in lower case, such as "wiki.example", or "*.home.example" for all below it',
  );

export const linkHosts = z
  .array(host)
  .default([])
  .describe("Hosts its answers may link to once strangers' words are in a run; other links are shown as text.");
