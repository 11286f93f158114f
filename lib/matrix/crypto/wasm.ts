/** The crypto library, loaded on first use: a gateway without Matrix does not pay for it. */
import type * as Wasm from "@matrix-org/matrix-sdk-crypto-wasm";

export type { Wasm };

let loading: Promise<typeof Wasm> | undefined;

/** The library, over an IndexedDB whose changes are noted. */
export function loadWasm(): Promise<typeof Wasm> {
  loading ??= load();
  return loading;
}

/**
 * Users as the library takes them, made anew for every call as it takes them away; without those whose id it refuses, such
 * as one of a server with "_" in its name: they have no keys for it, and must not keep others from theirs.
 */
export function userIds({ UserId }: typeof Wasm, users: Iterable<string>): Wasm.UserId[] {
  return [...users].flatMap((user) => {
    try {
      return [new UserId(user)];
    } catch {
      return [];
    }
  });
}

async function load(): Promise<typeof Wasm> {
  await import("./indexed-db.ts");
  const wasm = await import("@matrix-org/matrix-sdk-crypto-wasm");
  await wasm.initAsync();
  return wasm;
}
