/** How long a server that is busy asks to be left alone. */

/** A server that asks for more is asked again after this. */
const MAX_RETRY_AFTER_MS = 3_600_000;

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * From `Retry-After` (RFC 9110: seconds or a date), or from GitHub's rate limit headers. Undefined
 * when neither says anything.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const asked = text(headers["retry-after"]);
  if (asked !== undefined) {
    if (/^\d+(\.\d+)?$/.test(asked)) return limit(Number(asked) * 1_000);
    const atMs = Date.parse(asked);
    if (!Number.isNaN(atMs)) return limit(atMs - nowMs);
  }
  const resetSeconds = Number(text(headers["x-ratelimit-reset"]));
  if (text(headers["x-ratelimit-remaining"]) !== "0" || !Number.isFinite(resetSeconds))
    return undefined;
  return limit(resetSeconds * 1_000 - nowMs);
}

const limit = (ms: number): number => Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
const text = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === "string" ? value.trim() : value?.[0];
