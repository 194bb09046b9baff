/**
 * Leadership through a coordination.k8s.io Lease, as client-go's leader election does it. A lease
 * is a hint about who should act, not mutual exclusion: writes stay guarded by resourceVersion.
 */
import { type Lease, leases } from "../kube/kinds/lease.ts";
import type { ObjectKey } from "../kube/object.ts";
import { isStatus } from "../kube/status-error.ts";
import type { Client } from "./client.ts";
import { type Clock, sleep, systemClock } from "./clock.ts";
import { type Logger, silentLogger } from "./logger.ts";
import { formatMicroTime } from "./timestamps.ts";

export interface LeaseOptions {
  readonly client: Client;
  readonly key: ObjectKey;
  /** Unique among the candidates: host name and a random part. */
  readonly identity: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Others may take over when nothing was heard for so long. @default 15 s */
  readonly durationMs?: number;
  /** The holder gives up after failing to renew for so long; less than `durationMs`. @default 10 s */
  readonly renewDeadlineMs?: number;
  /** Between attempts to acquire or renew. @default 2 s */
  readonly retryMs?: number;
}

export interface HeldLease {
  /** Aborts when the lease was lost or released: stop acting at once. */
  readonly signal: AbortSignal;
  /** Stops renewing and lets the next candidate in without waiting. Idempotent. */
  release(): Promise<void>;
}

/** Upstream's defaults. */
const DURATION_MS = 15_000;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_MS = 2_000;

type Settled = Required<LeaseOptions>;
/** What was last seen of the lease, and when by our own clock: never trust the holder's. */
interface Observation {
  readonly lease: Lease;
  readonly atMs: number;
}

/** Resolves once this identity holds the lease; rejects when the signal aborts first. */
export async function acquireLease(options: LeaseOptions, signal: AbortSignal): Promise<HeldLease> {
  const settled: Settled = {
    clock: systemClock,
    logger: silentLogger,
    durationMs: DURATION_MS,
    renewDeadlineMs: RENEW_DEADLINE_MS,
    retryMs: RETRY_MS,
    ...options,
  };
  const { clock, logger, retryMs } = settled;
  let seen: Observation | undefined;
  for (;;) {
    signal.throwIfAborted();
    try {
      seen = observe(seen, await read(settled, signal), clock.now());
      if (isFree(seen, settled))
        return hold(await take(seen?.lease, settled, signal), settled, signal);
    } catch (error) {
      logger.debug({ err: error, lease: settled.key.name }, "lease not acquired, trying again");
    }
    await sleep(clock, retryMs, signal);
  }
}

async function read({ client, key }: Settled, signal: AbortSignal): Promise<Lease | undefined> {
  try {
    return await client.get(leases, key, { signal });
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}

function observe(
  seen: Observation | undefined,
  lease: Lease | undefined,
  nowMs: number,
): Observation | undefined {
  if (lease === undefined) return undefined;
  const unchanged = seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion;
  return unchanged ? seen : { lease, atMs: nowMs };
}

function isFree(seen: Observation | undefined, { identity, clock }: Settled): boolean {
  if (seen === undefined) return true;
  const { holderIdentity = "", leaseDurationSeconds = 0 } = seen.lease.spec ?? {};
  if (holderIdentity === "" || holderIdentity === identity) return true;
  return clock.now() >= seen.atMs + leaseDurationSeconds * 1_000;
}

/** Creates or overwrites the lease; a conflict means that somebody else was faster. */
async function take(
  current: Lease | undefined,
  settled: Settled,
  signal: AbortSignal,
): Promise<Lease> {
  const { client, key, identity, clock, durationMs } = settled;
  const now = formatMicroTime(clock.now());
  const previous = current?.spec;
  const wasOurs = previous?.holderIdentity === identity;
  const spec: Lease["spec"] = {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(durationMs / 1_000),
    renewTime: now,
    acquireTime: wasOurs ? (previous.acquireTime ?? now) : now,
    leaseTransitions:
      previous === undefined ? 0 : (previous.leaseTransitions ?? 0) + (wasOurs ? 0 : 1),
  };
  if (current !== undefined) return await client.update(leases, { ...current, spec }, { signal });
  const metadata = { ...key };
  const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
  return await client.create(leases, lease, { signal });
}

function hold(taken: Lease, settled: Settled, outer: AbortSignal): HeldLease {
  const lost = new AbortController();
  const signal = AbortSignal.any([lost.signal, outer]);
  let lease = taken;
  const renewing = renew(taken, settled, signal, (renewed) => {
    lease = renewed;
  }).then(
    () => undefined,
    (error: unknown) => lost.abort(error),
  );
  let releasing: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    const wasHeld = !lost.signal.aborted;
    lost.abort(new Error(`lease ${settled.key.name} was released`));
    await renewing;
    if (wasHeld) await giveUp(lease, settled);
  };
  return {
    signal,
    release() {
      releasing ??= release();
      return releasing;
    },
  };
}

/** Runs until the signal aborts (then resolves) or the lease is lost (then rejects with why). */
async function renew(
  taken: Lease,
  settled: Settled,
  signal: AbortSignal,
  onRenewed: (lease: Lease) => void,
): Promise<void> {
  const { clock, logger, key, renewDeadlineMs, retryMs } = settled;
  let lease = taken;
  let renewedMs = clock.now();
  for (;;) {
    await sleep(clock, retryMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const askedMs = clock.now();
    // A server that never answers must not keep a leader in office.
    const overdue = new AbortController();
    const cancel = clock.after(renewedMs + renewDeadlineMs - askedMs, () => overdue.abort());
    try {
      lease = await renewOnce(lease, settled, AbortSignal.any([signal, overdue.signal]));
      renewedMs = askedMs;
      onRenewed(lease);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof LeaseTakenError) throw error;
      logger.warn({ err: error, lease: key.name }, "lease not renewed, trying again");
    } finally {
      cancel();
    }
    if (clock.now() - renewedMs >= renewDeadlineMs)
      throw new Error(`lease ${key.name} could not be renewed for ${renewDeadlineMs} ms`);
  }
}

class LeaseTakenError extends Error {
  override readonly name = "LeaseTakenError";
}

async function renewOnce(lease: Lease, settled: Settled, signal: AbortSignal): Promise<Lease> {
  try {
    return await take(lease, settled, signal);
  } catch (error) {
    if (!isStatus(error, "Conflict", "NotFound")) throw error;
    const current = await read(settled, signal);
    const holder = current?.spec?.holderIdentity ?? "";
    if (holder !== settled.identity)
      throw new LeaseTakenError(`lease ${settled.key.name} was taken by ${holder || "nobody"}`);
    return await take(current, settled, signal);
  }
}

async function giveUp(lease: Lease, { client, clock, logger }: Settled): Promise<void> {
  // One second is the shortest duration the API accepts.
  const spec = {
    ...lease.spec,
    holderIdentity: "",
    leaseDurationSeconds: 1,
    renewTime: formatMicroTime(clock.now()),
  };
  try {
    await client.update(leases, { ...lease, spec });
  } catch (error) {
    logger.debug({ err: error, lease: lease.metadata.name }, "lease not released; it will expire");
  }
}
