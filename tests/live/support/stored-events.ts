/** An event as the homeserver keeps it: of an encrypted message, the ciphertext. */
export interface StoredEvent {
  event_id: string;
  type: string;
  sender: string;
  state_key?: string;
  content: Record<string, unknown>;
}

/** All events of a room, oldest first, that the homeserver shows to this member. */
export async function readStoredEvents(
  url: string,
  member: { accessToken: string },
  room: string,
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  let from: string | undefined;
  do {
    const query = new URLSearchParams({ dir: "f", limit: "1000", ...(from === undefined ? {} : { from }) });
    const response = await fetch(
      `${url}/_matrix/client/v3/rooms/${encodeURIComponent(room)}/messages?${query.toString()}`,
      { headers: { authorization: `Bearer ${member.accessToken}` } },
    );
    if (!response.ok) throw new Error(`reading ${room}: ${response.status} ${await response.text()}`);
    const page = (await response.json()) as { chunk: StoredEvent[]; end?: string };
    events.push(...page.chunk);
    from = page.end;
  } while (from !== undefined);
  return events;
}
