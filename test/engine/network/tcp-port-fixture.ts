/** A Service's TCP port in front of applications of the test. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach } from "vitest";
import { type Clock, systemClock } from "../../../src/client/clock.ts";
import { ConnectionBudget } from "../../../src/engine/network/connection-budget.ts";
import { InFlightCounter } from "../../../src/engine/network/in-flight-counter.ts";
import type { ListenOptions } from "../../../src/engine/network/service-port.ts";
import type { Backend, ServiceRoute } from "../../../src/engine/network/service-routes.ts";
import { TcpPort } from "../../../src/engine/network/tcp-port.ts";

const cleanups: (() => void)[] = [];
export const later = (cleanup: () => void): void => void cleanups.push(cleanup);
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

export function tcpRoute(
  http: boolean,
  active: readonly Backend[],
  external: readonly Backend[] = active,
): ServiceRoute {
  const internal = { active, lastResort: [] };
  return {
    portName: "http",
    protocol: "TCP",
    port: 80,
    nodePort: undefined,
    http,
    internal,
    external: external === active ? internal : { active: external, lastResort: [] },
  };
}

export interface StartedPort {
  readonly port: TcpPort;
  /** What it listens on, at 127.0.0.1. */
  readonly number: number;
  readonly inFlight: InFlightCounter;
  /** How often connections were turned away for lack of room. */
  readonly full: () => number;
}

export async function startPort(
  route: ServiceRoute,
  options: { clock?: Clock; budget?: ConnectionBudget; listen?: ListenOptions } = {},
): Promise<StartedPort> {
  const {
    clock = systemClock,
    budget = new ConnectionBudget(),
    listen = { audience: "internal" },
  } = options;
  const inFlight = new InFlightCounter(() => undefined);
  let full = 0;
  const port = new TcpPort({ clock, inFlight, budget, onFull: () => full++ });
  port.update(route, undefined);
  const number = (await port.listen("test", { host: "127.0.0.1", port: 0 }, listen)) ?? 0;
  later(() => port.close());
  return { port, number, inFlight, full: () => full };
}

export interface RawBackend {
  readonly backend: Backend;
  /** All bytes that came, connection by connection. */
  readonly received: string[];
  readonly server: Server;
}

/** Answers what `answer` says to each piece of bytes; nothing when it says nothing. */
export async function startRawBackend(
  answer: (bytes: string, socket: Socket) => string | undefined,
): Promise<RawBackend> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const index = received.push("") - 1;
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      const text = bytes.toString("latin1");
      received[index] += text;
      const reply = answer(text, socket);
      if (reply !== undefined) socket.write(reply, "latin1");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  later(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { backend: { address: "127.0.0.1", port }, received, server };
}

export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

export interface RawClient {
  readonly socket: Socket;
  write(text: string): void;
  /** All that came so far. */
  readonly text: () => string;
  /** Resolves with all that came once the other side has ended or broken the connection. */
  readonly ended: Promise<string>;
}

export function connectTo(port: number): RawClient {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  later(() => socket.destroy());
  let text = "";
  socket.on("data", (bytes) => (text += bytes.toString("latin1")));
  const ended = new Promise<string>((resolve) => {
    socket.on("error", () => resolve(text));
    socket.on("end", () => resolve(text));
    socket.on("close", () => resolve(text));
  });
  return { socket, write: (bytes) => void socket.write(bytes, "latin1"), text: () => text, ended };
}
