/** What a sync tells a device: its to-device messages and whose devices changed, each since a position. */

/** A to-device message as a sync gives it. */
export interface ToDeviceEvent {
  readonly type: string;
  readonly sender: string;
  readonly content: Record<string, unknown>;
}

/** Whose devices changed, and who shares no room any more. */
export interface DeviceListChanges {
  readonly changed: string[];
  readonly left: string[];
}

/** Who shares rooms with whom. */
export interface Neighbours {
  share(one: string, other: string): boolean;
}

interface Change {
  readonly at: number;
  readonly user: string;
  /** The only user who is told; undefined: everybody who shares a room. */
  readonly to: string | undefined;
}

/** One counter for all of it, as positions need only an order. */
export class SyncStream {
  readonly #neighbours: Neighbours;
  readonly #inboxes = new Map<string, { at: number; event: ToDeviceEvent }[]>();
  readonly #changes: Change[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #told = new Set<(user: string) => void>();
  #at = 0;

  constructor(neighbours: Neighbours) {
    this.#neighbours = neighbours;
  }

  /** The user's devices or keys changed; `to` where only one user is told. */
  changed(user: string, to?: string): void {
    this.#changes.push({ at: (this.#at += 1), user, to });
    if (to === undefined) for (const tell of this.#told) tell(user);
    this.#wake();
  }

  /** Calls it for every user whose devices change from now on. */
  onChanged(tell: (user: string) => void): void {
    this.#told.add(tell);
  }

  /** Two users share their first room, or their last no longer. */
  met(one: string, other: string): void {
    this.changed(one, other);
    this.changed(other, one);
  }

  deliver(user: string, device: string, event: ToDeviceEvent): void {
    const key = `${user} ${device}`;
    this.#inboxes.set(key, [...(this.#inboxes.get(key) ?? []), { at: (this.#at += 1), event }]);
    this.#wake();
  }

  pending(user: string, device: string): ToDeviceEvent[] {
    return (this.#inboxes.get(`${user} ${device}`) ?? []).map(({ event }) => event);
  }

  /** Loses the pending messages of a device; how many. */
  drop(user: string, device: string): number {
    const lost = this.pending(user, device).length;
    this.#inboxes.delete(`${user} ${device}`);
    return lost;
  }

  /** At most 100 messages after the token's; those up to it are deleted, as the caller has them. */
  since(
    user: string,
    device: string,
    token: string | undefined,
  ): { events: ToDeviceEvent[]; lists: DeviceListChanges | undefined; next: string } {
    const [changesAt = 0, inboxAt = 0] = (token ?? "0_0").split("_").map(Number);
    const inbox = (this.#inboxes.get(`${user} ${device}`) ?? []).filter(({ at }) => at > inboxAt);
    this.#inboxes.set(`${user} ${device}`, inbox);
    const given = inbox.slice(0, 100);
    const reached = inbox.length > given.length ? (given.at(-1)?.at ?? inboxAt) : this.#at;
    return {
      events: given.map(({ event }) => event),
      // Synapse tells of no changes in a first sync.
      lists: token === undefined ? undefined : this.#listsSince(user, changesAt),
      next: `${this.#at}_${reached}`,
    };
  }

  /** Resolves when something happened or the time is over. */
  async somethingNew(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(done);
    });
  }

  /** Ends the syncs that wait. */
  close(): void {
    this.#wake();
  }

  #listsSince(user: string, since: number): DeviceListChanges {
    const told = this.#changes.filter((change) => change.at > since && (change.to ?? user) === user);
    const users = [...new Set(told.map((change) => change.user))];
    const shares = (other: string): boolean => other === user || this.#neighbours.share(user, other);
    const met = new Set(told.filter((change) => change.to !== undefined).map((change) => change.user));
    return { changed: users.filter(shares), left: users.filter((other) => !shares(other) && met.has(other)) };
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }
}
