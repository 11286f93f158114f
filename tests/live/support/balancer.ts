import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** One address for several processes, as a load balancer has it. */
export interface Balancer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Gives each connection to the first of these ports that takes it. */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer((incoming) => {
    keep(incoming).on("error", () => {});
    reach(incoming, [...ports]);
  });
  function reach(incoming: Socket, left: number[]): void {
    const port = left.shift();
    if (port === undefined) return void incoming.destroy();
    const outgoing = keep(connect(port, "127.0.0.1"));
    const next = (): void => reach(incoming, left);
    outgoing.once("error", next).once("connect", () => {
      outgoing.off("error", next).on("error", () => {});
      incoming.pipe(outgoing).pipe(incoming);
      incoming.once("close", () => outgoing.destroy());
      outgoing.once("close", () => incoming.destroy());
    });
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
