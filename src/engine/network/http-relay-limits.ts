/** Limits of the HTTP relay. */

/** Bytes of a request kept so that it can be sent again to another backend. */
export const MAX_REPLAY_BYTES = 64 * 1024;
/** A backend may close an idle connection at any moment; after this long, only repeatable requests use it again. */
export const REUSE_IDLE_MS = 1_000;
/** Times one request is sent before the client is told. */
export const MAX_SENDS = 3;
/** From the first byte of a head to its last: a head is one packet or a few. */
export const HEAD_TIMEOUT_MS = 30_000;
/** A client that neither sends the rest of its request nor reads its response for this long is gone. */
export const CLIENT_STALL_MS = 120_000;
/** How long a client connection may wait for its next request: longer than browsers keep them. */
export const KEEP_ALIVE_MS = 300_000;
/** How often time limits are looked at. */
export const EXPIRY_INTERVAL_MS = 5_000;
/** How long a client may take to close, or to read on, after its last response. */
export const LINGER_MS = 30_000;
