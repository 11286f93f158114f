/** The gateway as one object: dependencies made, listening, working; drained and closed again. */
import { createAuditKeys } from "../lib/audit/audit-keys.ts";
import type { Config } from "../lib/config/config.ts";
import type { ConfigHolder } from "../lib/config/reload.ts";
import { Cancellations } from "../lib/conversation/cancellations.ts";
import { converse } from "../lib/conversation/converse.ts";
import { deliver } from "../lib/conversation/deliver.ts";
import type { ConversationDeps } from "../lib/conversation/deps.ts";
import { Rates } from "../lib/conversation/rates.ts";
import { toEntries } from "../lib/conversation/reply.ts";
import { askAgent } from "../lib/conversation/sub-run.ts";
import { createReport } from "../lib/conversation/report.ts";
import { isJobLane, passJob } from "../lib/jobs/pass.ts";
import { openDrizzle } from "../lib/db/drizzle.ts";
import { watchAlerts } from "../lib/jobs/alert-watch.ts";
import { knownSince } from "../lib/ledger/job-slots.ts";
import { createInbox } from "../lib/ledger/inbox.ts";
import { createMatrixEvents } from "../lib/ledger/matrix-events.ts";
import { createMatrixRooms } from "../lib/ledger/matrix-rooms.ts";
import { createMatrixTransactions } from "../lib/ledger/matrix-transactions.ts";
import { createMcpPins } from "../lib/ledger/mcp-pins.ts";
import { createOutbox } from "../lib/ledger/outbox.ts";
import { createBackends } from "../lib/llm/backends.ts";
import { createDeviceIds } from "../lib/ledger/matrix-devices.ts";
import { createMatrixChannel } from "../lib/matrix/channel.ts";
import { createMatrixClient, firstDeviceId } from "../lib/matrix/client.ts";
import { deferredCrypto, type MatrixCrypto, startMatrixCrypto } from "../lib/matrix/crypto/crypto.ts";
import { createUnderstanding } from "../lib/matrix/entries.ts";
import { createMemberCounts } from "../lib/matrix/members.ts";
import { recentSeats } from "../lib/matrix/recent-seats.ts";
import { sendToRoom } from "../lib/matrix/send.ts";
import { type RunningMatrix, startMatrix } from "../lib/matrix/start.ts";
import { startMcpServers } from "../lib/mcp/servers.ts";
import { createTell } from "../lib/conversation/tell.ts";
import { createMetrics } from "../lib/metrics.ts";
import { Lanes } from "../lib/queue/lanes.ts";
import { startWorker } from "../lib/queue/worker.ts";
import { createTelegramChannel } from "../lib/telegram/channel.ts";
import { denialText, refusedTap } from "../lib/telegram/denial.ts";
import type { Tool } from "../lib/tools/define.ts";
import { ToolRegistry } from "../lib/tools/registry.ts";
import type { Tracing } from "../lib/trace/tracing.ts";
import { agentFunctions, jobFunctions } from "./agents/index.ts";
import { storesIn, toolsOver } from "./builtin-tools.ts";
import { createAboutFunction } from "./about.ts";
import { createPrivateApp, createPublicApp } from "./app.ts";
import { enterDatabase, type EnterOptions } from "./enter-database.ts";
import { eachMinute } from "./each-minute.ts";
import { createRefresh } from "./gauges.ts";
import { createHealthFunction } from "./health.ts";
import { createJobsFunction } from "./jobs.ts";
import { listen } from "./listen.ts";
import { createMatrixFunction } from "./matrix.ts";
import { onFirstUse } from "./on-first-use.ts";
import { partsOf } from "./parts.ts";
import { startRecovery } from "./recovery.ts";
import { approvalDecidedTask } from "./tasks/approval-decided.ts";
import { approvalExpiryTask } from "./tasks/approval-expiry.ts";
import { controlTask } from "./tasks/control.ts";
import { deliverTask } from "./tasks/deliver.ts";
import { jobTickTask } from "./tasks/job-tick.ts";
import { createMatrixMembershipTask } from "./tasks/matrix-membership.ts";
import { createTelegramFunction } from "./telegram.ts";
import { waking } from "./waking.ts";

export interface GatewayOptions extends Pick<EnterOptions, "databaseUrl" | "ownerUrl" | "refused" | "log"> {
  /** The config in force; asked anew for every request and run. */
  readonly config: () => Config;
  /** Told of each new config. */
  readonly onConfig?: ConfigHolder["onChange"];
  /** The operator's, by `loadOwnTools`. */
  readonly ownTools?: readonly Tool[];
  /** Stopped with the gateway. */
  readonly tracing?: Tracing | undefined;
}

/** A running gateway. */
export interface Gateway {
  /** Base URLs of the two listeners, with the ports they really got. */
  readonly publicUrl: string;
  readonly privateUrl: string;
  /** Stops taking requests and work, lets what is under way end (20 s at most), closes everything. */
  stop(): Promise<void>;
}

/** Commands, late deliveries and memberships at once; conversations have `workers` of their own. */
const queueConcurrency = 4;
const graceMs = 20_000;
const hourMs = 3_600_000;

/** Starts everything; resolves when it listens and works. Throws ClawError where a part cannot start. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, onConfig, ownTools = [], log, tracing } = options;
  const settings = config();
  const entered = await enterDatabase({ ...options, key: settings.key.reveal(), pool: settings.database.pool });
  const { databaseUrl, sql, locks } = entered;
  const audit = createAuditKeys({ sql, log });
  await audit.use(settings.audit.recipient);
  const forgetAudit = onConfig?.((next) => {
    audit.use(next.audit.recipient).catch((err: unknown) => log.error({ err }, "runs are not sealed for the operator"));
  });
  const keyring = { ...entered.keyring, audit };
  const tables = openDrizzle(databaseUrl);
  const metrics = createMetrics();
  const inbox = createInbox(
    sql,
    keyring.bodies,
    waking(
      () => lanes,
      () => crypto,
      metrics,
    ),
  );
  const outbox = createOutbox(sql, keyring.bodies);
  const rooms = recentSeats(createMatrixRooms(sql));
  const events = createMatrixEvents(sql, keyring.bodies);
  const deviceIds = createDeviceIds(sql, firstDeviceId);
  const client = createMatrixClient(config, deviceIds);
  const members = createMemberCounts(client);
  const started: { matrix?: RunningMatrix; crypto?: MatrixCrypto } = {};
  const crypto = deferredCrypto(() => started.crypto);
  const settled = (): boolean => started.matrix?.settled() === true;
  const matrixSend = { config, client, rooms, deviceIds, crypto };
  const channels = {
    telegram: createTelegramChannel({ config, log }),
    matrix: createMatrixChannel({ ...matrixSend, events, log }),
  };
  const tell = createTell({ outbox, channel: channels.matrix, log });
  const backends = createBackends({ log, metrics });
  const cancellations = new Cancellations(sql);
  const stores = storesIn({ sql, database: tables.database, keyring });
  const registry = new ToolRegistry(toolsOver(stores, config));
  const report = createReport({ config, outbox, channels, rooms, log });
  registry.add(ownTools);
  const mcp = await startMcpServers({ config, pins: createMcpPins(sql), registry, metrics, log });
  const forgetMcp = onConfig?.(() => {
    mcp
      .refresh()
      .catch((err: unknown) => log.error({ err }, "MCP servers could not be taken over: restart the gateway"));
  });
  const learnJobs = (): Promise<unknown> => knownSince(sql, [...config().jobs.keys()]);
  await learnJobs();
  const forgetJobs = onConfig?.(() => {
    learnJobs().catch((err: unknown) => log.warn({ err }, "since when jobs are known could not be noted"));
  });
  const deps: ConversationDeps = {
    config,
    sql,
    keyring,
    outbox,
    locks,
    worker: locks.worker,
    cancellations,
    channels,
    backends,
    registry,
    agentFunctions,
    jobFunctions,
    wake: (lane) => lanes.wake(lane),
    askAgent,
    rates: new Rates(sql),
    report,
    metrics,
    observe: tracing?.observe,
    log,
  };

  const listening = await cancellations.listen();
  const lanes = new Lanes(settings.workers, {
    pass: (lane, signal) => (isJobLane(lane) ? passJob(deps, lane, signal) : converse(deps, lane, signal)),
    failed: (lane, err, retryMs) => log.error({ err, lane, retryMs }, "work on a lane failed and is tried again"),
  });
  const worker = await startWorker({
    url: databaseUrl,
    concurrency: queueConcurrency,
    locks,
    graceMs,
    log,
    tasks: {
      control: controlTask(deps),
      deliver: deliverTask(deps),
      "approval-decided": approvalDecidedTask(deps),
      "approval-expiry": approvalExpiryTask(deps),
      "job-tick": jobTickTask(eachMinute(deps, { inbox, members: (user, room) => members.of(user, room) })),
      "matrix-membership": createMatrixMembershipTask({ config, rooms, client, crypto, log, events }),
    },
  });

  const ending = new AbortController();
  const matrixStop = new AbortController();
  const parts = partsOf({ config, sql, matrix: () => started.matrix, crypto });
  const publicApp = createPublicApp({
    telegram: createTelegramFunction({
      config,
      inbox,
      log,
      onDenied: async ({ bot, chat, principal, tap }) => {
        const destination = { channel: "telegram", bot, chat } as const;
        if (tap !== undefined) return channels.telegram.answerTap?.(destination, tap, refusedTap);
        // One denial an hour: the key of the hour is taken once.
        const key = `denied:${bot}:${chat}:${Math.floor(Date.now() / hourMs)}`;
        await outbox.add(
          toEntries(channels.telegram, `telegram:${bot}:${chat}`, destination, key, denialText(principal)),
        );
      },
    }),
    matrix: createMatrixFunction({
      config,
      inbox,
      rooms,
      events,
      members,
      settled,
      transactions: createMatrixTransactions(sql),
      tell,
      wake: (users) => crypto.wake(users),
      log,
    }),
    log,
  });
  const privateApp = createPrivateApp({
    health: createHealthFunction({ parts, metrics, refresh: createRefresh({ config, sql, metrics, crypto }) }),
    about: createAboutFunction(config),
    jobs: createJobsFunction({ deps, ending: ending.signal }),
    ops: onFirstUse("/ops", async () => (await import("./ops.ts")).createOpsFunction({ deps, parts })),
    log,
  });
  const outer = await listen(publicApp.fetch, settings.listen.public, "listen.public");
  const inner = await listen(privateApp.fetch, settings.listen.private, "listen.private");

  started.crypto = await startMatrixCrypto({
    config,
    sql,
    keyring,
    client,
    deviceIds,
    rooms,
    inbox,
    understand: createUnderstanding({ rooms, events, members, settled }),
    locks,
    worker: locks.worker,
    tell,
    sendToRoom: ({ content, ...message }) => sendToRoom(matrixSend, { ...message, content: async () => content }),
    deliver: (lane) => deliver(deps, lane, matrixStop.signal),
    metrics,
    log,
  });
  started.matrix = startMatrix({ config, rooms, client, log, signal: matrixStop.signal });
  const stopRecovery = await startRecovery({ sql, lanes, report, metrics, log });
  const alertWatch = watchAlerts({ service: () => config().services.alerts, seen: stores.alertsSeen, log });
  const forgetAlerts = onConfig?.(() => alertWatch.changed());
  backends.warm().catch((err: unknown) => log.error({ err }, "the model client could not be loaded"));

  return {
    publicUrl: outer.url,
    privateUrl: inner.url,
    async stop() {
      stopRecovery();
      forgetAlerts?.();
      await alertWatch.stop();
      ending.abort();
      forgetJobs?.();
      forgetAudit?.();
      // What is still accepted meanwhile is committed, and taken up at the next start.
      await Promise.all([outer.close(), lanes.stop(graceMs), worker.stop()]);
      forgetMcp?.();
      await mcp.stop();
      matrixStop.abort();
      await started.matrix?.stopped;
      await started.crypto?.stop();
      await inner.close();
      await listening.unlisten();
      await tracing?.stop();
      await locks.close();
      await tables.end();
      await sql.end({ timeout: 5 });
    },
  };
}
