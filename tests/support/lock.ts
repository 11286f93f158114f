import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Waits until no other process of this machine holds the lock of this name; an abstract socket, which the kernel releases however its owner ends. */
export async function acquireLock(name: string): Promise<() => void> {
  for (;;) {
    const server = net.createServer();
    try {
      server.listen(`\0openclaw-tests:${name}`.slice(0, 100));
      await once(server, "listening");
      return () => server.close();
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
      await sleep(500);
    }
  }
}
