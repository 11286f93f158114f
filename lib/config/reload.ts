import { messageOf } from "../errors.ts";
import type { Config } from "./config.ts";
import type { Secret } from "./secret.ts";

/** What became of a reload; where it was refused the old config stays whole. */
export type Reload = { readonly taken: true } | { readonly taken: false; readonly reason: string };

/** Told after a swap. Must not throw: what does is thrown on by `reload` once all were told. */
export type ConfigListener = (config: Config, previous: Config) => void;

/** Holds the config in force. A run keeps the one it began with; whoever asks next gets the new one. */
export class ConfigHolder {
  #current: Config;
  readonly #load: () => Config;
  readonly #listeners = new Set<ConfigListener>();

  /** `load` reads the file again, as `loadConfig` does, and throws where it is invalid. */
  constructor(initial: Config, load: () => Config) {
    this.#current = initial;
    this.#load = load;
  }

  get current(): Config {
    return this.#current;
  }

  /** Takes the file over whole or not at all. */
  reload(): Reload {
    const previous = this.#current;
    let next: Config;
    try {
      next = this.#load();
    } catch (thrown) {
      return { taken: false, reason: messageOf(thrown) };
    }
    const changed = restartKeys.filter(([, read]) => read(previous) !== read(next)).map(([key]) => key);
    if (changed.length > 0)
      return { taken: false, reason: `${changed.join(", ")} changed, which needs a restart; nothing was taken over` };
    this.#current = next;
    const failures = [...this.#listeners].flatMap((listener) => failureOf(() => listener(next, previous)));
    if (failures.length > 0) throw new AggregateError(failures, "the new config is in force, but not everywhere");
    return { taken: true };
  }

  /** Calls `listener` after each swap, until the returned function is called. */
  onChange(listener: ConfigListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function failureOf(act: () => void): unknown[] {
  try {
    act();
    return [];
  } catch (thrown) {
    return [thrown];
  }
}

const reveal = (secret: Secret | undefined): string | undefined => secret?.reveal();

/** Keys a running process cannot change: its sockets, its database and queue, what its data is sealed with. */
export const restartKeys: readonly (readonly [string, (config: Config) => unknown])[] = [
  ["key", (config) => reveal(config.key)],
  ["data_dir", (config) => config.dataDir],
  ["listen.public", (config) => config.listen.public],
  ["listen.private", (config) => config.listen.private],
  ["database.url", (config) => reveal(config.database.url)],
  ["database.owner_url", (config) => reveal(config.database.ownerUrl)],
  ["database.pool", (config) => config.database.pool],
  ["workers", (config) => config.workers],
  ["tools_dir", (config) => config.toolsDir],
];
