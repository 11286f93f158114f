/**
 * A kept-alive HTTP/1.1 connection that asks one thing after the other. It reads no more of an answer than it must, so
 * that the load generator takes little of the machine it measures.
 */
import { connect, type Socket } from "node:net";

/** An open connection to a server on loopback. */
export class Connection {
  readonly #socket: Socket;
  #answer: PromiseWithResolvers<number> | undefined;
  #received = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk.toString("latin1")));
    const lost = (): void => this.#answer?.reject(new Error("the server closed the connection"));
    socket.on("error", lost);
    socket.on("close", lost);
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new Connection(socket)));
    });
  }

  /** Resolves with the status once the answer is complete. `head` is the request's lines without content-length. */
  ask(head: string, body: string): Promise<number> {
    this.#answer = Promise.withResolvers<number>();
    this.#socket.write(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    return this.#answer.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf("\r\n\r\n");
    if (end === -1) return;
    const head = this.#received.slice(0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const chunked = length === undefined && /\r\ntransfer-encoding: *chunked/i.test(head);
    const complete = chunked
      ? this.#received.endsWith("0\r\n\r\n")
      : this.#received.length >= end + 4 + Number(length ?? 0);
    if (!complete) return;
    this.#received = "";
    this.#answer?.resolve(Number(head.slice(9, 12)));
  }
}

/** The first lines of a request to a server on loopback. */
export const requestHead = (method: string, path: string, headers: Readonly<Record<string, string>>): string =>
  [
    `${method} ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    "content-type: application/json",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ].join("\r\n");
