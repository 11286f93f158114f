import { z } from "zod";
import { configSchema } from "./schema.ts";

/** The JSON Schema (draft 2020-12) of openclaw.toml as it is written: keys with a default may be left out. */
export const jsonSchema = (): Record<string, unknown> => ({
  $id: "urn:openclaw-gateway:openclaw.toml",
  title: "OpenClaw: openclaw.toml",
  ...z.toJSONSchema(configSchema, { io: "input" }),
});
