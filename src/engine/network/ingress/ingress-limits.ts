/** Bounds of the ingress proxy: what one client or one slow backend may take from all others. */

export interface IngressLimits {
  /** All headers of a request together; more is answered 431. */
  readonly maxHeaderBytes: number;
  /** Until a client has sent its headers; later it is answered 408. */
  readonly headersTimeoutMs: number;
  /** How often connections are looked at for the above. */
  readonly checkIntervalMs: number;
  /** A connection without a request is closed; longer than load balancers in front keep theirs. */
  readonly keepAliveTimeoutMs: number;
  /** A request of which nothing comes, or a backend that does not begin to answer: 504. */
  readonly answerTimeoutMs: number;
  /** A response of which nothing comes any more. */
  readonly streamIdleTimeoutMs: number;
  /** A WebSocket or the like on which nothing moves either way. */
  readonly upgradeIdleTimeoutMs: number;
  /** Connections of clients to one listener; further ones are closed at once. */
  readonly maxConnections: number;
  /** Requests at once on one HTTP/2 connection. */
  readonly maxConcurrentStreams: number;
  /** How long a request waits for a backend that takes it before it is answered 503. */
  readonly backendWaitMs: number;
  /** How long until an address that was taken is tried again. */
  readonly addressRetryMs: number;
  /** A backend on the same machine or network accepts at once or is not there. */
  readonly connectTimeoutMs: number;
}

export const INGRESS_LIMITS: IngressLimits = {
  maxHeaderBytes: 32 * 1024,
  headersTimeoutMs: 10_000,
  checkIntervalMs: 2_000,
  keepAliveTimeoutMs: 75_000,
  answerTimeoutMs: 60_000,
  streamIdleTimeoutMs: 300_000,
  upgradeIdleTimeoutMs: 3_600_000,
  maxConnections: 10_000,
  maxConcurrentStreams: 128,
  backendWaitMs: 3_000,
  addressRetryMs: 10_000,
  connectTimeoutMs: 3_000,
};
