/** The crypto library, loaded on first use: a gateway without Matrix does not pay for it. */
import type * as Wasm from "@matrix-org/matrix-sdk-crypto-wasm";

export type { Wasm };

let loading: Promise<typeof Wasm> | undefined;

/** The library, over an IndexedDB whose changes are noted. */
export function loadWasm(): Promise<typeof Wasm> {
  loading ??= load();
  return loading;
}

async function load(): Promise<typeof Wasm> {
  await import("./indexed-db.ts");
  const wasm = await import("@matrix-org/matrix-sdk-crypto-wasm");
  await wasm.initAsync();
  return wasm;
}
