/** Passes bytes between a client and one backend, whatever the protocol. */
import type { Socket } from "node:net";
import { type InFlight, openUpstream } from "./upstream.ts";
import type { Balancer } from "./balancer.ts";

/**
 * Relays until both sides have closed. Half-closed connections stay usable the other way. A
 * draining backend keeps its connections: only the protocol's owner knows when they may end.
 */
export async function relayTcp(
  client: Socket,
  balancer: Balancer,
  inFlight: InFlight,
): Promise<void> {
  client.on("error", () => client.destroy());
  client.pause();
  const upstream = await openUpstream(balancer, client.remoteAddress ?? "", inFlight);
  if (upstream === undefined) {
    client.resetAndDestroy();
    return;
  }
  // Long-lived connections must not hold up the shutdown of their backend: only opening one does.
  inFlight.end(upstream.backend);
  splice(client, upstream.socket);
}

/** Joins two sockets; an error on one side resets the other. */
export function splice(client: Socket, upstream: Socket): void {
  client.pipe(upstream);
  upstream.pipe(client);
  upstream.on("error", () => client.resetAndDestroy());
  client.on("error", () => upstream.resetAndDestroy());
  client.once("close", () => upstream.destroy());
  upstream.once("close", () => client.end());
  if (client.destroyed) upstream.destroy();
}
