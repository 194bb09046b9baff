/** One UDP port of one Service: a client keeps its backend as long as it goes on talking. */
import type { Socket } from "node:dgram";
import type { Clock } from "../../client/clock.ts";
import { type Affinity, Balancer } from "./balancer.ts";
import { type BindAddress, BindError } from "./bind-address.ts";
import type { ConnectionBudget } from "./connection-budget.ts";
import type { ListenOptions, ServicePort } from "./service-port.ts";
import type { Destinations, ServiceRoute } from "./service-routes.ts";
import { flowKey, UdpFlows } from "./udp-flows.ts";
import { udpSocket } from "./udp-socket.ts";

const NONE_AVOIDED: ReadonlySet<string> = new Set();

/** Balancer and flows of clients inside the cluster, or of those outside. */
class Audience {
  readonly balancer: Balancer;
  readonly flows: UdpFlows;
  constructor(clock: Clock, budget: ConnectionBudget) {
    this.balancer = new Balancer(clock);
    this.flows = new UdpFlows({
      clock,
      budget,
      opened: (backend) => this.balancer.opened(backend),
      closed: (backend) => this.balancer.closed(backend),
    });
  }
  update({ active }: Destinations, affinity: Affinity | undefined): void {
    this.balancer.update(active, affinity);
    this.flows.retain((backend) => this.balancer.isActive(backend));
  }
}

export class UdpPort implements ServicePort {
  readonly #audiences: Readonly<Record<ListenOptions["audience"], Audience>>;
  readonly #sockets = new Map<string, Socket>();

  constructor(clock: Clock, budget: ConnectionBudget) {
    this.#audiences = {
      internal: new Audience(clock, budget),
      external: new Audience(clock, budget),
    };
  }

  update(route: ServiceRoute, affinity: Affinity | undefined): void {
    this.#audiences.internal.update(route.internal, affinity);
    this.#audiences.external.update(route.external, affinity);
  }

  /** Clients that have a backend. */
  get flows(): number {
    return this.#audiences.internal.flows.size + this.#audiences.external.flows.size;
  }
  get listening(): readonly string[] {
    return [...this.#sockets.keys()];
  }
  isListening(id: string): boolean {
    return this.#sockets.has(id);
  }

  listen(
    id: string,
    address: BindAddress,
    { audience, sources }: ListenOptions,
  ): Promise<number | undefined> {
    const socket = udpSocket(address.host);
    const { balancer, flows } = this.#audiences[audience];
    this.#sockets.set(id, socket);
    socket.on("message", (datagram, client) => {
      // Port 0 is nobody's: an answer cannot be sent there.
      if (client.port === 0 || sources?.allows(client.address) === false) return;
      const key = flowKey(id, client.address, client.port);
      if (flows.forward(key, datagram)) return;
      const backend = balancer.pick(client.address, NONE_AVOIDED);
      if (backend === undefined) return;
      flows.open(key, backend, datagram, (answer) => {
        if (this.#sockets.get(id) === socket)
          socket.send(answer, client.port, client.address, () => undefined);
      });
    });
    const bound = new Promise<number>((resolve, reject) => {
      let isBound = false;
      // Stays: later errors concern single datagrams, which UDP may lose.
      socket.on("error", (error: NodeJS.ErrnoException) => {
        if (isBound) return;
        if (this.#sockets.get(id) === socket) this.#sockets.delete(id);
        reject(new BindError(address, error));
        socket.close();
      });
      socket.bind({ address: address.host, port: address.port, exclusive: true }, () => {
        isBound = true;
        resolve(socket.address().port);
      });
    });
    const given = new Promise<undefined>((resolve) => {
      socket.once("close", () => resolve(undefined));
    });
    return Promise.race([bound, given]).then((number) =>
      this.#sockets.get(id) === socket ? number : undefined,
    );
  }

  unlisten(id: string): void {
    const socket = this.#sockets.get(id);
    this.#sockets.delete(id);
    socket?.close();
  }

  /** Nobody knows when a conversation of datagrams is over. */
  drain(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    for (const id of this.listening) this.unlisten(id);
    for (const { flows } of Object.values(this.#audiences)) flows.close();
  }
}
