/** What serves one port of one Service: listeners, balancers, and the traffic that goes through. */
import type { Affinity } from "./balancer.ts";
import type { BindAddress } from "./bind-address.ts";
import type { ServiceRoute } from "./service-routes.ts";
import type { SourceRanges } from "./source-ranges.ts";

export interface ListenOptions {
  /** Whose traffic policy holds: that of the cluster address or that of addresses outside. */
  readonly audience: "internal" | "external";
  /** Only these clients are let in. Absent: all. */
  readonly sources?: SourceRanges;
}

/** TCP and UDP ports look the same to the service proxy. */
export interface ServicePort {
  /** Takes effect at once for new connections, requests and datagrams. */
  update(route: ServiceRoute, affinity: Affinity | undefined): void;
  /** Ids of addresses that are, or are about to be, listened on. */
  readonly listening: readonly string[];
  isListening(id: string): boolean;
  /**
   * Listens on one more address, known as `id` from now on. Resolves to the port bound; to
   * undefined when it was given up before it was bound.
   * @throws BindError
   */
  listen(id: string, address: BindAddress, options: ListenOptions): Promise<number | undefined>;
  unlisten(id: string): void;
  /** Ends listeners, then connections as their requests end. Resolves when none is left, or time is up. */
  drain(): Promise<void>;
  /** Ends listeners and connections. */
  close(): void;
}
