/** How a proxy that stops lets its clients finish. */
import { setTimeout as pause } from "node:timers/promises";

/** A client that keeps its connection busy sends its next request, and learns from the answer. */
const LINGER_MS = 250;
/** Longer than most requests take, shorter than the patience of whoever stops the server. */
const MAX_DRAIN_MS = 5_000;
const LOOK_MS = 10;

/**
 * Resolves when all connections are gone; once the rest is idle for a moment; or when time is up.
 * Looks again and again, as it runs once, at the end, and for a moment. By the machine's own clock:
 * a stop must come to its end whatever time it is.
 */
export async function drained(isGone: () => boolean, isIdle: () => boolean): Promise<void> {
  const startMs = performance.now();
  let idleSinceMs = startMs;
  while (!isGone()) {
    const nowMs = performance.now();
    if (!isIdle()) idleSinceMs = nowMs;
    if (nowMs - idleSinceMs >= LINGER_MS || nowMs - startMs >= MAX_DRAIN_MS) return;
    await pause(LOOK_MS);
  }
}
