/** Opens a connection to a backend, trying another one as long as none has accepted. */
import { connect, type Socket } from "node:net";
import type { Balancer } from "./balancer.ts";
import { type Backend, backendKey } from "./service-routes.ts";

/** A backend on the same machine or network accepts at once or is not there. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Backends tried for one connection before the client is told. */
export const MAX_ATTEMPTS = 5;

export interface Upstream {
  readonly backend: Backend;
  readonly socket: Socket;
}

/** Counts what is on its way to a backend, from the choice of the backend to the last byte of the answer. */
export interface InFlight {
  begin(backend: Backend): void;
  end(backend: Backend): void;
}

/**
 * Resolves to undefined when no backend accepted. A refused connection carried no byte, so trying
 * the next backend is always safe. The chosen backend counts as in flight when this resolves: the
 * caller ends it. `closed` is told to the balancer when the socket closes.
 */
export async function openUpstream(
  balancer: Balancer,
  clientAddress: string,
  inFlight: InFlight,
): Promise<Upstream | undefined> {
  const refused = new Set<string>();
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const backend = balancer.pick(clientAddress, refused);
    if (backend === undefined) return undefined;
    inFlight.begin(backend);
    // Connections that are being opened count: many that come at once must not all go to one.
    balancer.opened(backend);
    const socket = await dial(backend);
    if (socket !== undefined) {
      socket.once("close", () => balancer.closed(backend));
      return { backend, socket };
    }
    balancer.closed(backend);
    inFlight.end(backend);
    refused.add(backendKey(backend));
  }
  return undefined;
}

/** Undefined when the backend refused, or did not answer in time. */
export function dial(backend: Backend): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({
      host: backend.address,
      port: backend.port,
      noDelay: true,
      allowHalfOpen: true,
    });
    const settle = (opened: boolean): void => {
      socket.setTimeout(0);
      socket.removeAllListeners();
      if (opened) return resolve(socket);
      socket.on("error", () => undefined);
      socket.destroy();
      resolve(undefined);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => settle(false));
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}
