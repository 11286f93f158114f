/** What the gateway asks a homeserver, counted: the ids taken out of the paths. */

/** Such as "GET rooms/{}/joined_members". */
export function callName(method: string, path: string): string {
  const parts = (path.split("?")[0] ?? "").replace(/^\/_matrix\/client\/(v\d\/)?/, "").split("/");
  const named = parts.map((part) =>
    /^(%?[!@$]|%2[14]|%40)|^[0-9a-f]{16,}$|^[0-9a-f-]{36}$/i.test(part) ? "{}" : part,
  );
  return `${method} ${named.join("/")}`;
}

/** One call by Synapse's access log. */
export interface SynapseCall {
  readonly name: string;
  /** From the request's arrival to the answer's end, as Synapse saw it. */
  readonly ms: number;
}

/** The calls of a user in Synapse's log. */
export function synapseCalls(log: string, user: string): SynapseCall[] {
  return log.split("\n").flatMap((line) => {
    const [, who = "", seconds, method = "", path = ""] =
      /\{([^}]*)\} Processed request: ([\d.]+)sec.*? "(\w+) (\S+) HTTP/.exec(line) ?? [];
    return seconds !== undefined && who.includes(user)
      ? [{ name: callName(method, path), ms: Number(seconds) * 1000 }]
      : [];
  });
}
