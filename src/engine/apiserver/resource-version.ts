/** What clients may say with `resourceVersion`, and waiting for a revision from the future. */
import { StatusError } from "../../kube/status-error.ts";
import { type Clock, sleep } from "../../client/clock.ts";
import type { Store } from "../store/store.ts";

/**
 * How long a request for a revision that does not exist yet is held. Upstream waits as long for its
 * watch cache; here it only happens to a client that saw another store, so it soon learns of it.
 */
const FUTURE_REVISION_WAIT_MS = 3_000;
/** Short against the wait, long against the cost of looking. */
const FUTURE_REVISION_POLL_MS = 100;

/** Undefined when absent or empty. Throws 400 unless it is a decimal integer without leading zeros. */
export function parseResourceVersion(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const revision = Number(text);
  if (!/^(0|[1-9][0-9]*)$/.test(text) || !Number.isSafeInteger(revision)) {
    throw StatusError.of(
      "BadRequest",
      `invalid resource version ${JSON.stringify(text)}: must be a decimal integer`,
    );
  }
  return revision;
}

/** Throws 504 `Timeout` with cause `ResourceVersionTooLarge` when the store does not get there in time. */
export async function waitForRevision(
  parts: { readonly store: Store; readonly clock: Clock },
  revision: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { store, clock } = parts;
  for (let waitedMs = 0; store.revision < revision; waitedMs += FUTURE_REVISION_POLL_MS) {
    if (waitedMs >= FUTURE_REVISION_WAIT_MS) throw tooLarge(revision, store.revision);
    await sleep(clock, FUTURE_REVISION_POLL_MS, signal);
  }
}

function tooLarge(asked: number, current: number): StatusError {
  return StatusError.of("Timeout", `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}
