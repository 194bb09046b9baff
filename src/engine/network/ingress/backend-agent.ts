/** The connections to one backend: kept for the next request while the backend takes new ones. */
import { Agent } from "node:http";
import type { Socket } from "node:net";

/** A backend may close an idle connection at any moment; servers wait for longer than this. */
const MAX_IDLE_MS = 1_000;

/** The type declarations leave out that the answer counts. */
interface KeepsSockets {
  keepSocketAlive(socket: Socket): boolean;
}
const inherited = Agent.prototype as unknown as KeepsSockets;

export class BackendAgent extends Agent {
  #retired = false;

  constructor() {
    super({ keepAlive: true, scheduling: "lifo", timeout: MAX_IDLE_MS });
  }

  override keepSocketAlive(socket: Socket): boolean {
    return !this.#retired && inherited.keepSocketAlive.call(this, socket);
  }

  /** Lets go of idle connections now, and of the others after their response. */
  retire(): void {
    this.#retired = true;
    for (const sockets of Object.values(this.freeSockets))
      for (const socket of sockets ?? []) socket.destroy();
  }
}
