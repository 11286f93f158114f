/** Runs in a thread of its own, started by `expandInWorker`. */
import { parentPort, workerData } from "node:worker_threads";
import { type DaysWindow, expandIcs } from "./ics-expand.ts";

const { texts, window, limit } = workerData as { texts: string[]; window: DaysWindow; limit: number };
parentPort?.postMessage(expandIcs(texts, window, limit));
