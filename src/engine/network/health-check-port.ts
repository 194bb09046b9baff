/**
 * Answers load balancers in front of several nodes whether this node has an endpoint of a Service:
 * `spec.healthCheckNodePort`, in the form of k8s.io/kubernetes/pkg/proxy/healthcheck.
 */
import { createServer, type Server } from "node:http";
import type { Clock } from "../../client/clock.ts";
import { BindError } from "./bind-address.ts";

/** Balancers ask every few seconds, each over a connection or two. */
const MAX_CONNECTIONS = 256;
/** How long until an address that was taken is tried again. */
const RETRY_MS = 10_000;

export interface HealthCheckPortOptions {
  readonly clock: Clock;
  readonly service: { readonly namespace: string; readonly name: string };
  readonly hosts: readonly string[];
  readonly port: number;
  readonly onProblem: (error: BindError) => void;
}

export class HealthCheckPort {
  readonly port: number;
  readonly hosts: readonly string[];
  readonly #options: HealthCheckPortOptions;
  readonly #servers = new Map<string, Server>();
  readonly #retries = new Map<string, () => void>();
  #localEndpoints = 0;
  #closed = false;

  constructor(options: HealthCheckPortOptions) {
    this.#options = options;
    this.port = options.port;
    this.hosts = options.hosts;
  }

  update(localEndpoints: number): void {
    this.#localEndpoints = localEndpoints;
  }

  /** Resolves when every address listens, or is to be tried again later. */
  async listen(): Promise<void> {
    await Promise.all(this.hosts.map((host) => this.#listen(host)));
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#retries.values()) cancel();
    for (const server of this.#servers.values()) {
      server.close();
      server.closeAllConnections();
    }
  }

  #listen(host: string): Promise<void> {
    const { clock, onProblem } = this.#options;
    const server = createServer((request, response) => {
      request.resume();
      const localEndpoints = this.#localEndpoints;
      response.writeHead(localEndpoints > 0 ? 200 : 503, {
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
        "x-load-balancing-endpoint-weight": String(localEndpoints),
      });
      const { service } = this.#options;
      response.end(JSON.stringify({ service, localEndpoints, serviceProxyHealthy: true }));
    });
    server.maxConnections = MAX_CONNECTIONS;
    this.#servers.set(host, server);
    return new Promise((resolve) => {
      // Stays: later errors concern connections that cannot be accepted, e.g. for want of descriptors.
      server.on("error", (error) => {
        if (server.listening) return;
        resolve();
        if (this.#closed) return;
        onProblem(new BindError({ host, port: this.port }, error));
        const cancel = clock.after(RETRY_MS, () => void this.#listen(host));
        this.#retries.set(host, cancel);
      });
      server.once("close", resolve);
      server.listen(this.port, host, () => {
        if (this.#closed) server.close();
        resolve();
      });
    });
  }
}
