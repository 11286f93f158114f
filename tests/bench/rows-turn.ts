/** What a turn costs: time one by one, how many a second, bytes sent to the model. */
import { type Bench, type Row, turns, withGateway } from "./context.ts";
import { matrixPerson, roomOf } from "./settings.ts";
import { cpuSecondsOf, type Shipped } from "./shipped.ts";
import { median, quantile, round, show } from "./statistics.ts";

/** All rows of turns, on one gateway. */
export async function turnRows(bench: Bench): Promise<Row[]> {
  return withGateway(bench, {}, async (gateway) => [
    await upstreamRow(bench, gateway),
    await telegramRow(bench, gateway),
    await matrixRow(bench),
    await rateRow(bench, gateway, 10, 200),
    await rateRow(bench, gateway, 50, undefined),
  ]);
}

/** The request a fresh conversation's "hi" makes, with every built-in tool granted. */
async function upstreamRow(bench: Bench, gateway: Shipped): Promise<Row> {
  await turns(bench, gateway, { atOnce: 1, count: 1, from: 150 });
  const body = await bench.standIns.call("lastRequest", null);
  const { messages, tools } = JSON.parse(body) as { messages: { role: string }[]; tools?: unknown };
  const bytes = Buffer.byteLength(body);
  const fixed = JSON.stringify(messages.filter(({ role }) => role === "system")) + JSON.stringify(tools ?? []);
  // English and JSON run at about four characters a token.
  const tokens = Math.round(fixed.length / 4);
  return {
    what: 'bytes sent upstream for "hi"',
    measured: `${bytes} (prompt and tools: about ${tokens} tokens)`,
    target: "< 6,000; < 1,500 tokens",
    met: bytes < 6000 && tokens < 1500,
    figures: { bytes, estimatedTokens: tokens },
  };
}

function overhead(what: string, times: readonly number[]): Row {
  const [p50, p95, p99] = [quantile(times, 0.5), quantile(times, 0.95), quantile(times, 0.99)];
  return {
    what,
    measured: `p50 ${show(p50)}, p95 ${show(p95)}, p99 ${show(p99)} ms`,
    target: "p50 <= 10, p95 <= 25 ms",
    met: p50 <= 10 && p95 <= 25,
    figures: { turns: times.length, p50Ms: round(p50), p95Ms: round(p95), p99Ms: round(p99) },
  };
}

/** One person; a little time to read between an answer and the next message, as the run before must have ended. */
async function telegramRow(bench: Bench, gateway: Shipped): Promise<Row> {
  const count = Math.ceil(500 * bench.scale);
  await turns(bench, gateway, { atOnce: 1, count: Math.ceil(count / 4), from: 100, pauseMs: 5 });
  const { each } = await turns(bench, gateway, { atOnce: 1, count, from: 100, pauseMs: 5 });
  return overhead("overhead of a turn, Telegram, one at a time", each);
}

async function matrixRow(bench: Bench): Promise<Row> {
  const count = Math.ceil(500 * bench.scale);
  const plan = { room: roomOf("ops"), sender: matrixPerson };
  await bench.standIns.call("matrixTurns", { ...plan, count: Math.ceil(count / 4) });
  const each = await bench.standIns.call("matrixTurns", { ...plan, count });
  return overhead("overhead of a turn, Matrix (unencrypted), one at a time", each);
}

async function rateRow(bench: Bench, gateway: Shipped, atOnce: number, target: number | undefined): Promise<Row> {
  const count = Math.ceil(2000 * bench.scale);
  await turns(bench, gateway, { atOnce, count: Math.ceil(count / 4) });
  const rates: number[] = [];
  const cpu: number[] = [];
  const times: number[] = [];
  for (let round_ = 0; round_ < 3; round_++) {
    const before = cpuSecondsOf(gateway.pid);
    const { ms, each } = await turns(bench, gateway, { atOnce, count });
    cpu.push(((cpuSecondsOf(gateway.pid) - before) * 1000) / each.length);
    rates.push(each.length / (ms / 1000));
    times.push(...each);
  }
  const rate = median(rates);
  return {
    what: `turns per second, ${atOnce} at a time, median of 3`,
    measured: `${show(rate, 0)} (${show(median(cpu))} ms of processor a turn)`,
    target: target === undefined ? "-" : `>= ${target}`,
    met: target === undefined ? undefined : rate >= target,
    figures: {
      perSecond: rates.map((each) => round(each, 1)),
      gatewayCpuMsPerTurn: cpu.map((each) => round(each)),
      p50Ms: round(quantile(times, 0.5)),
      p95Ms: round(quantile(times, 0.95)),
    },
  };
}
