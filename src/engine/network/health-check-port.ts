/**
 * Answers load balancers in front of several nodes whether this node has an endpoint of a Service:
 * `spec.healthCheckNodePort`, in the form of k8s.io/kubernetes/pkg/proxy/healthcheck.
 */
import { createServer, type Server } from "node:http";
import { BindError } from "./bind-address.ts";

/** Balancers ask every few seconds, each over a connection or two. */
const MAX_CONNECTIONS = 256;

export class HealthCheckPort {
  readonly port: number;
  readonly #namespace: string;
  readonly #name: string;
  #localEndpoints = 0;
  #servers: Server[] = [];

  constructor(service: { namespace: string; name: string }, port: number) {
    this.#namespace = service.namespace;
    this.#name = service.name;
    this.port = port;
  }

  update(localEndpoints: number): void {
    this.#localEndpoints = localEndpoints;
  }

  /** @throws BindError, when one of the addresses cannot be had; the others are served */
  async listen(hosts: readonly string[]): Promise<void> {
    const outcomes = await Promise.allSettled(hosts.map((host) => this.#listen(host)));
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  close(): void {
    for (const server of this.#servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  }

  #listen(host: string): Promise<void> {
    const server = createServer((request, response) => {
      request.resume();
      const localEndpoints = this.#localEndpoints;
      const body = JSON.stringify({
        service: { namespace: this.#namespace, name: this.#name },
        localEndpoints,
        serviceProxyHealthy: true,
      });
      response.writeHead(localEndpoints > 0 ? 200 : 503, {
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
        "x-load-balancing-endpoint-weight": String(localEndpoints),
      });
      response.end(body);
    });
    server.maxConnections = MAX_CONNECTIONS;
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", (error) => {
        this.#servers = this.#servers.filter((other) => other !== server);
        reject(new BindError({ host, port: this.port }, error));
      });
      server.once("close", resolve);
      server.listen(this.port, host, resolve);
    });
  }
}
