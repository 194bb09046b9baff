/**
 * What carries the words of `git-upload-pack` to a server and back. Implementations: `git-http`
 * and `../ssh/git-ssh`; addresses, credentials, time and size are guarded in here, so that what
 * speaks Git above them (`upload-pack.ts`) and what reads packs below it never touch the network.
 */
export interface GitTransport {
  /** What the server says first: its capabilities (version 2), or all of its refs. */
  advertisement(signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  /** One request, complete in itself, and its answer. */
  request(body: Buffer, options: GitRequestOptions): Promise<AsyncIterable<Buffer>>;
  close(): Promise<void>;
}

export interface GitRequestOptions {
  /** Version of the protocol that the server chose in its advertisement. */
  readonly version: 0 | 2;
  /** Above it the answer is refused. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface TransportLimits {
  /** Until a connection stands, its handshakes included. */
  readonly connectTimeoutMs: number;
  /** Until the answer begins: the server may count objects first. */
  readonly headersTimeoutMs: number;
  /** Between two pieces of the answer. */
  readonly idleTimeoutMs: number;
  /** A list of refs: hundreds of thousands of them. */
  readonly maxRefsBytes: number;
  /** A pack: it is checked in memory. */
  readonly maxPackBytes: number;
}

export const DEFAULT_TRANSPORT_LIMITS: TransportLimits = {
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 60_000,
  idleTimeoutMs: 30_000,
  maxRefsBytes: 64 * 1024 * 1024,
  maxPackBytes: 512 * 1024 * 1024,
};
