/** How a call can fail, as far as it makes a difference. */
import { ClawError } from "../errors.ts";

/** The server answered, with an error of the protocol. The connection is well. */
export class ServerRefusal extends ClawError {
  constructor(message: string) {
    super("bad_request", message);
    this.name = "ServerRefusal";
  }
}

/** The server does not know the connection any more: nothing was done, and a new one may do it. */
export class SessionLost extends Error {}

/** The server's tool is not, or not any more, the one that was pinned: nothing was called. */
export class ToolChanged extends ClawError {}
