/** Reads V8's .cpuprofile: where the processor's time went, by package and by function. */

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

/** The parts of a .cpuprofile that are read; times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly Node[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
}

/** Self time, in milliseconds. */
export interface SelfTimes {
  readonly busyMs: number;
  readonly idleMs: number;
  readonly byPackage: readonly (readonly [name: string, ms: number])[];
  readonly byFunction: readonly (readonly [name: string, ms: number])[];
}

/** Sums up the samples between two times of the shared clock (milliseconds); all of them by default. */
export function selfTimes(profile: CpuProfile, from = 0, to = Number.POSITIVE_INFINITY): SelfTimes {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const packages = new Map<string, number>();
  const functions = new Map<string, number>();
  let busyMs = 0;
  let idleMs = 0;
  let now = profile.startTime;
  for (const [index, sample] of profile.samples.entries()) {
    const ms = (profile.timeDeltas[index] ?? 0) / 1000;
    now += ms * 1000;
    const frame = nodes.get(sample);
    if (!frame || now / 1000 < from || now / 1000 > to) continue;
    if (frame.functionName === "(idle)") {
      idleMs += ms;
      continue;
    }
    busyMs += ms;
    const source = packageOf(frame.functionName, frame.url);
    const name = `${source}  ${frame.functionName || "(anonymous)"}  ${placeOf(frame.url)}:${frame.lineNumber + 1}`;
    packages.set(source, (packages.get(source) ?? 0) + ms);
    functions.set(frame.url ? name : source, (functions.get(frame.url ? name : source) ?? 0) + ms);
  }
  const ranked = (times: Map<string, number>) => [...times].toSorted(([, a], [, b]) => b - a);
  return { busyMs, idleMs, byPackage: ranked(packages), byFunction: ranked(functions) };
}

function packageOf(name: string, url: string): string {
  if (url === "") return name.startsWith("(") ? name : `native ${name}`;
  if (url.startsWith("node:")) return url.replace(/^node:(internal\/)?/, "node:").replace(/\/.*/, "");
  const installed = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (installed !== undefined) return installed;
  return /\/((?:lib|functions)\/[^/]+)/.exec(url)?.[1] ?? url;
}

const placeOf = (url: string): string => url.split("/").slice(-2).join("/");
