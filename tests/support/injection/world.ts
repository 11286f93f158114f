/** What is outside: what the sources say, and what was done there. One for the process, as the tools of the suite are. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export const world = {
  /** What every poisoned source says at the moment. */
  poison: "",
  /** What stands in every picture. */
  picture: "",
  /** Servers that were restarted. */
  restarted: [] as string[],
  doorsOpened: 0,
  /** Requests that carried something out. */
  leaks: [] as string[],
};

export function resetWorld(): void {
  Object.assign(world, { poison: "", picture: "", doorsOpened: 0 });
  world.restarted.length = 0;
  world.leaks.length = 0;
}

/** A web site: `/page` says what the world says, `/leak…` takes what it is given. */
export async function startSite(): Promise<{ url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    if (path.startsWith("/leak")) world.leaks.push(path);
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!doctype html><title>A page</title><p>Harmless. ${world.poison}</p>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
