import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A port of 127.0.0.1 that nobody listens on, to be listened on a little later, perhaps again and again. It is given to no
 * other test while this process lives. Below the range from which the kernel gives connections their own ends: one of those
 * would take it meanwhile.
 */
export async function freePort([from, to]: readonly [number, number] = [12_000, 32_000]): Promise<number> {
  for (;;) {
    const port = randomInt(from, to);
    const server = createServer();
    try {
      await reserve(port);
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

/** Rejects where another has it: an abstract socket, which the kernel releases however its owner ends. */
async function reserve(port: number): Promise<void> {
  const reservation = createServer().unref();
  reservation.listen(`\0openclaw-tests:port-${port}`);
  await once(reservation, "listening");
}
