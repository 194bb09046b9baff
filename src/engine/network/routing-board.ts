/**
 * Where data-plane consumers (service proxy, ingress, DNS; on every node) publish the EndpointSlice
 * revision that they have applied, and where the node agent waits for them. This is what makes a
 * rollout lose no request: see docs/architecture.md, "Zero downtime".
 */
import type { Clock } from "../../client/clock.ts";

/** A consumer's standing: what it applied and which endpoints still have requests in flight. */
export interface RoutingConsumer {
  readonly name: string;
  /** Every slice change up to and including this revision is in effect for new connections. */
  applied(revision: number): void;
  /** Removes the consumer: nobody waits for it any more. */
  close(): void;
}

export interface RoutingBoard {
  /** `inFlight` says whether a request towards `address:port` is still unanswered. */
  register(name: string, inFlight: (address: string, port: number) => boolean): RoutingConsumer;
  /** Resolves true once every live consumer has applied `revision`; false when `timeoutMs` ran out first. */
  waitApplied(revision: number, options: WaitOptions): Promise<boolean>;
  /** Resolves true once no consumer has a request in flight to any of these `address:port`. */
  waitDrained(endpoints: readonly string[], options: WaitOptions): Promise<boolean>;
  /** A consumer calls this when a request towards an endpoint ended. */
  requestEnded(address: string, port: number): void;
}
export interface WaitOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}
