/** The gateway beside which the doctor runs: whether it is there, well, and goes by this config and this code. */
import { z } from "zod";
import { fingerprintOf } from "../config/fingerprint.ts";
import { localUrl } from "../config/listen-address.ts";
import { version } from "../version.ts";
import { type Check, fail, type Finding, ok, skipped, warn } from "./check.ts";
import { askPrivate } from "./gateway-answer.ts";
import type { Ground } from "./ground.ts";
import { safeParse } from "../safe-parse.ts";

export function gatewayChecks(ground: Ground): Check[] {
  const { privateUrl, gateway } = ground;
  return [
    {
      name: "gateway",
      look: async (signal) => {
        const { status, milliseconds } = await gateway.own(signal);
        if (status === 200) return ok(`answers at ${privateUrl} in ${milliseconds} ms`);
        return fail(
          `${privateUrl}/healthz answers ${status}`,
          "something else listens there: change listen.private, or stop it",
        );
      },
    },
    { name: "gateway.public", look: (signal) => lookAtPublic(ground, signal) },
    { name: "gateway.parts", look: (signal) => lookAtParts(ground, signal) },
    { name: "gateway.config", look: (signal) => lookAtConfig(ground, signal) },
  ];
}

/** The listener that Telegram's and the homeserver's pushes come in by. */
async function lookAtPublic({ config, gateway }: Ground, signal: AbortSignal): Promise<Finding> {
  await gateway.lean(signal);
  const { body } = await askPrivate(localUrl(config.listen.public), "/", signal).catch(() => ({ body: undefined }));
  if (isOurs(body)) return ok(`pushes come in at ${config.listen.public}`);
  return fail(
    `nothing of ours answers at ${config.listen.public}`,
    "restart the gateway; is listen.public another service's address?",
  );
}

/** What the gateway's listeners answer where there is nothing. */
export const isOurs = (body: unknown): boolean => safeParse(notFound, body).success;

const notFound = z.strictObject({ error: z.literal("not_found") });

const readyAnswer = z
  .object({ ok: z.boolean() })
  .catchall(z.object({ ok: z.boolean(), reason: z.string() }).or(z.boolean()));

/** Parts that the doctor looks at itself: what the gateway says of them is not told twice. */
const lookedAt = /^(database$|matrix|telegram)/;

async function lookAtParts({ gateway, privateUrl }: Ground, signal: AbortSignal): Promise<Finding | Finding[]> {
  await gateway.lean(signal);
  const { body } = await askPrivate(privateUrl, "/readyz", signal);
  const parsed = safeParse(readyAnswer, body);
  if (!parsed.success)
    return fail("/readyz answers with what is no gateway's", "something else listens at listen.private");
  const parts = Object.entries(parsed.data).flatMap(([name, part]) =>
    typeof part === "boolean" ? [] : [{ name, ...part }],
  );
  const unwell = parts.filter((part) => !part.ok);
  if (unwell.length === 0) return ok(`ready in every part: ${parts.map(({ name }) => name).join(", ")}`);
  const others = unwell.filter(({ name }) => lookedAt.test(name)).map(({ name }) => name);
  return [
    ...unwell
      .filter(({ name }) => !lookedAt.test(name))
      .map(({ name, reason }) => fail(`${name}: ${reason}`, "its log says more: look for errors of that part")),
    ...(others.length > 0
      ? [
          warn(
            `not ready in ${others.join(", ")}`,
            "see there; where the doctor finds nothing, it was a moment ago, or the gateway goes by another config",
          ),
        ]
      : []),
  ];
}

const aboutAnswer = z.object({
  version: z.string(),
  since: z.string(),
  config: z.object({ restart: z.string(), all: z.string() }),
});

/** Reading it again is a SIGHUP; some keys want a restart. */
async function lookAtConfig({ config, gateway, privateUrl }: Ground, signal: AbortSignal): Promise<Finding> {
  await gateway.lean(signal);
  const { status, body } = await askPrivate(privateUrl, "/about", signal);
  if (status === 404) return skipped("the gateway is of a version that does not tell");
  const about = aboutAnswer.parse(body);
  const here = fingerprintOf(config);
  if (about.version !== version)
    return warn(`runs version ${about.version}, this is ${version}`, "restart the gateway, or use its own claw");
  if (about.config.restart !== here.restart)
    return fail("runs with other settings that only a restart changes", "restart the gateway; `claw check` first");
  if (about.config.all !== here.all)
    return warn(
      "the config, a prompt or a secret was changed and is not in force",
      "reload it: SIGHUP to the gateway (systemctl reload openclaw); its log says whether it was taken over",
    );
  return ok(`version ${version} with this very config, since ${about.since.slice(0, 16)}Z`);
}
