/** Looks at the alerts by itself, so that what comes and goes between two briefings is known. */
import { setTimeout as sleep } from "node:timers/promises";
import type { AlertsService } from "../config/services.ts";
import type { Log } from "../log.ts";
import { OncePer } from "../rate-limit.ts";
import { type AlertsSeen, lookAtAlerts } from "../tools/alerts.ts";

/** What the watch needs. */
export interface AlertWatchDeps {
  /** Undefined: there is nothing to watch, for now. */
  readonly service: () => AlertsService | undefined;
  readonly seen: AlertsSeen;
  readonly log: Log;
  readonly now?: () => Date;
}

/** A watch under way. It does not keep the process alive. */
export interface AlertWatch {
  /** Looks at once, by the settings as they are now: for when these have changed. */
  changed(): void;
  stop(): Promise<void>;
}

const hourMs = 3_600_000;

/** Looks now, and then each time that the service's `watchMs` have passed. A look that fails changes nothing. */
export function watchAlerts({ service, seen, log, now = () => new Date() }: AlertWatchDeps): AlertWatch {
  const failures = new OncePer(hourMs);
  const stop = new AbortController();
  let pause = new AbortController();

  const look = async (settings: AlertsService): Promise<void> => {
    try {
      await lookAtAlerts(settings, seen, now(), stop.signal);
    } catch (err) {
      if (stop.signal.aborted || !failures.allows("look")) return;
      log.warn({ err }, "alerts: nobody could be asked; what comes and goes meanwhile is missed");
    }
  };
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      pause = new AbortController();
      const signal = AbortSignal.any([stop.signal, pause.signal]);
      const settings = service();
      if (settings) await look(settings);
      await sleep(settings?.watchMs ?? hourMs, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  const running = run();
  return {
    changed: () => pause.abort(),
    async stop() {
      stop.abort();
      await running;
    },
  };
}
