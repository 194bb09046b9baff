/** Ports of this machine that stand in for container ports: picked free, reserved until released. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { RuntimeError } from "../runtime.ts";

/**
 * Below the NodePort range (30000) and the usual ephemeral ranges (32768 on Linux, 49152
 * elsewhere), so that neither a Service nor an outgoing connection takes a picked port away.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 29_999;
const SPAN = LAST_PORT - FIRST_PORT + 1;

export type Protocol = "TCP" | "UDP" | "SCTP";

export class HostPorts {
  readonly #owners = new Map<number, string>();
  /**
   * Ports are given out in turn from a random start: two Gantries on one machine hardly ever try the
   * same port in the moment before its program listens, and a port that a pod gave back rests for a
   * while, so that nobody who still knows it reaches a stranger.
   */
  #next: number;

  constructor(random: () => number = Math.random) {
    this.#next = Math.floor(random() * SPAN);
  }

  /** Takes over ports known from an earlier run, without checking. */
  restore(owner: string, ports: Iterable<number>): void {
    for (const port of ports) this.#owners.set(port, owner);
  }

  release(owner: string): void {
    for (const [port, holder] of this.#owners) if (holder === owner) this.#owners.delete(port);
  }

  /** A free port, reserved before the first `await`: concurrent picks never agree on one. */
  async pick(owner: string, protocol: Protocol): Promise<number> {
    for (let step = 0; step < SPAN; step++) {
      const port = FIRST_PORT + this.#next;
      this.#next = (this.#next + 1) % SPAN;
      if (this.#owners.has(port)) continue;
      this.#owners.set(port, owner);
      if (await isFree(port, protocol)) return port;
      this.#owners.delete(port);
    }
    throw new RuntimeError(
      "CreateContainerError",
      `no free port between ${FIRST_PORT} and ${LAST_PORT} on this machine: delete pods or stop other programs`,
    );
  }

  /** Reserves the very port a pod asks for. A program outside Gantry that holds it shows when the container starts. */
  claim(owner: string, port: number): void {
    const holder = this.#owners.get(port);
    if (holder !== undefined && holder !== owner)
      throw new RuntimeError(
        "CreateContainerError",
        `host port ${port} is taken by pod ${holder}: choose another hostPort or delete that pod`,
      );
    this.#owners.set(port, owner);
  }
}

/** Programs listen on one address or on all: both must be possible. */
async function isFree(port: number, protocol: Protocol): Promise<boolean> {
  const canBind = protocol === "UDP" ? canBindUdp : canBindTcp;
  return (await canBind(port, "127.0.0.1")) && (await canBind(port, "0.0.0.0"));
}

function canBindTcp(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function canBindUdp(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => socket.close(() => resolve(false)));
    socket.bind({ port, address, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
