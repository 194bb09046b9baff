/**
 * Which backend each UDP client talks to: what connection tracking does in a kernel. Bounded: the
 * flow that was quiet longest makes room for a new one, for clients can make up source addresses.
 */
import type { Socket } from "node:dgram";
import type { Clock } from "../../client/clock.ts";
import type { ConnectionBudget } from "./connection-budget.ts";
import type { Backend } from "./service-routes.ts";
import { udpSocket } from "./udp-socket.ts";

/** Flows of one Service port. Each has a socket of its own, so that answers find their client. */
const MAX_FLOWS = 1_024;
/** As the kernel's connection tracking: a client that was never answered, and one that was. */
const UNANSWERED_IDLE_MS = 30_000;
const ANSWERED_IDLE_MS = 120_000;
const SWEEP_INTERVAL_MS = 10_000;
/** Answers to datagrams that a backend got before it drained still reach the client for this long. */
const DRAIN_MS = 1_000;
/** Datagrams held until the flow's socket is connected, which takes one turn of the event loop. */
const MAX_HELD = 16;

export interface UdpFlowsOptions {
  readonly clock: Clock;
  /** How the load of a backend changes. */
  readonly opened: (backend: Backend) => void;
  readonly closed: (backend: Backend) => void;
  /** Shared with all other traffic: each flow is an open file. */
  readonly budget: ConnectionBudget;
  /** @default 1,024 */
  readonly maxFlows?: number;
}

export class UdpFlows {
  readonly #options: UdpFlowsOptions;
  /** The one that was quiet longest comes first. */
  readonly #flows = new Map<string, Flow>();
  readonly #draining = new Set<() => void>();
  #cancelSweep: (() => void) | undefined;

  constructor(options: UdpFlowsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Sends a datagram of a client on, if the client has a flow. */
  forward(client: string, datagram: Buffer): boolean {
    const flow = this.#flows.get(client);
    if (flow === undefined) return false;
    this.#flows.delete(client);
    this.#flows.set(client, flow);
    flow.send(datagram, this.#options.clock.now());
    return true;
  }

  /** `reply` takes what the backend answers. */
  open(client: string, backend: Backend, datagram: Buffer, reply: (answer: Buffer) => void): void {
    if (!this.#makeRoom()) return;
    const { clock } = this.#options;
    const flow = new Flow(backend, clock, reply, () => {
      if (this.#flows.get(client) === flow) this.#drop(client, flow);
    });
    this.#flows.set(client, flow);
    this.#options.opened(backend);
    flow.send(datagram, clock.now());
    this.#sweepLater();
  }

  /** False when others use up what there is: the datagram is lost. */
  #makeRoom(): boolean {
    const { budget, maxFlows = MAX_FLOWS } = this.#options;
    if (this.#flows.size < maxFlows && budget.take()) return true;
    for (const [quietest, flow] of this.#flows) {
      this.#drop(quietest, flow);
      break;
    }
    return budget.take();
  }

  /** Clients of backends that take no new datagrams get another one with the next datagram. */
  retain(isActive: (backend: Backend) => boolean): void {
    for (const [client, flow] of this.#flows) {
      if (isActive(flow.backend)) continue;
      this.#flows.delete(client);
      this.#options.closed(flow.backend);
      const end = (): void => {
        cancel();
        this.#draining.delete(end);
        this.#options.budget.release();
        flow.close();
      };
      const cancel = this.#options.clock.after(DRAIN_MS, end);
      this.#draining.add(end);
    }
  }

  close(): void {
    this.#cancelSweep?.();
    for (const [client, flow] of this.#flows) this.#drop(client, flow);
    for (const end of this.#draining) end();
  }

  #drop(client: string, flow: Flow): void {
    this.#flows.delete(client);
    this.#options.closed(flow.backend);
    this.#options.budget.release();
    flow.close();
  }

  #sweepLater(): void {
    this.#cancelSweep ??= this.#options.clock.after(SWEEP_INTERVAL_MS, () => {
      this.#cancelSweep = undefined;
      const nowMs = this.#options.clock.now();
      for (const [client, flow] of this.#flows) if (flow.isIdle(nowMs)) this.#drop(client, flow);
      if (this.#flows.size > 0) this.#sweepLater();
    });
  }
}

/** One client and the socket over which its backend is reached. */
class Flow {
  readonly backend: Backend;
  readonly #socket: Socket;
  #held: Buffer[] | undefined = [];
  #answered = false;
  #usedMs = 0;
  #closed = false;

  constructor(
    backend: Backend,
    clock: Clock,
    reply: (answer: Buffer) => void,
    onBroken: () => void,
  ) {
    this.backend = backend;
    this.#socket = udpSocket(backend.address);
    // Nobody listens at the backend (ECONNREFUSED), or the datagram is too long for the way.
    this.#socket.on("error", onBroken);
    this.#socket.on("message", (answer) => {
      this.#answered = true;
      this.#usedMs = clock.now();
      reply(answer);
    });
    this.#socket.once("connect", () => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const datagram of held) this.#socket.send(datagram, ignoreFailure);
    });
    // Without a callback, which would be called for a failure, too.
    this.#socket.connect(backend.port, backend.address);
  }

  send(datagram: Buffer, nowMs: number): void {
    if (this.#closed) return;
    this.#usedMs = nowMs;
    if (this.#held === undefined) this.#socket.send(datagram, ignoreFailure);
    else if (this.#held.length < MAX_HELD) this.#held.push(datagram);
  }

  isIdle(nowMs: number): boolean {
    return nowMs - this.#usedMs >= (this.#answered ? ANSWERED_IDLE_MS : UNANSWERED_IDLE_MS);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held = [];
    this.#socket.removeAllListeners("message");
    this.#socket.close();
  }
}

/** UDP promises nothing: a datagram that cannot be sent is lost, and the client sends it again. */
const ignoreFailure = (): void => undefined;

/** What a client is known by: its address and port, as seen by one listener. */
export const flowKey = (listener: string, address: string, port: number): string =>
  `${listener} ${address} ${port}`;
