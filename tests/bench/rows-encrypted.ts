/** Encrypted turns over the stand-in homeserver, whose calls take no time worth naming: the gateway's own share. */
import { type Bench, type Row, withGateway } from "./context.ts";
import { matrixPerson, secretRoomOf } from "./settings.ts";
import { cpuSecondsOf } from "./shipped.ts";
import { quantile, round, show } from "./statistics.ts";

/** One person, one room, one at a time. */
export async function encryptedRows(bench: Bench): Promise<Row[]> {
  const count = Math.ceil(300 * bench.scale);
  const plan = { room: secretRoomOf("ops"), sender: matrixPerson };
  return withGateway(bench, {}, async ({ pid }) => {
    await bench.standIns.call("encryptedTurns", { ...plan, count: Math.ceil(count / 4) });
    const before = cpuSecondsOf(pid);
    const { round: whole, gateway, calls } = await bench.standIns.call("encryptedTurns", { ...plan, count });
    const cpu = ((cpuSecondsOf(pid) - before) * 1000) / count;
    const perTurn = Object.entries(calls).map(([name, times]) => [name, round(times / count)] as const);
    return [
      roundTripRow("encrypted round trip, stand-in homeserver", whole, {}),
      {
        what: "the gateway's part of it: push to the answer's send",
        measured: `${quantiles(gateway)} (${show(cpu)} ms of processor a turn)`,
        target: "-",
        met: undefined,
        figures: { ...figures(gateway), gatewayCpuMsPerTurn: round(cpu), callsPerTurn: Object.fromEntries(perTurn) },
      },
    ];
  });
}

/** A row of round trips against the budget. */
export function roundTripRow(what: string, times: readonly number[], more: Readonly<Record<string, unknown>>): Row {
  return {
    what,
    measured: quantiles(times),
    target: "p50 <= 80 ms",
    met: quantile(times, 0.5) <= 80,
    figures: { ...figures(times), ...more },
  };
}

const shares = [0.5, 0.95, 0.99] as const;

const quantiles = (times: readonly number[]): string =>
  `${shares.map((share) => `p${share * 100} ${show(quantile(times, share))}`).join(", ")} ms`;

const figures = (times: readonly number[]): object => ({
  turns: times.length,
  ...Object.fromEntries(shares.map((share) => [`p${share * 100}Ms`, round(quantile(times, share))])),
});
