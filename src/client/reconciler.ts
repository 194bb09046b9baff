/**
 * Runs a level-triggered controller: workers take keys from a queue and reconcile each, one worker
 * per key at a time. What a reconcile returns or throws decides when the key comes back.
 */
import { StatusError } from "../kube/status-error.ts";
import { type Clock, sleep, systemClock } from "./clock.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { WorkQueue } from "./work-queue.ts";

/** What is left to do for a key: nothing until something changes, or another look after a while. */
export interface Result {
  readonly requeueAfterMs?: number;
}
export const done: Result = Object.freeze({});
export function requeueAfter(delayMs: number): Result {
  return { requeueAfterMs: delayMs };
}

/** A failure that trying again cannot mend: logged and counted, and the key waits for a change. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
}

export type ReconcileOutcome = "success" | "requeue" | "error" | "terminal";
/** Called for every reconcile; must not throw. */
export interface ControllerMetrics {
  reconciled(controller: string, outcome: ReconcileOutcome, durationMs: number): void;
}

export interface ControllerOptions {
  readonly name: string;
  readonly queue: WorkQueue;
  /** How many keys are worked on at once. */
  readonly workers: number;
  /** `signal` aborts when a stop has run out of time. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Result>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly metrics?: ControllerMetrics;
}
export interface RunningController {
  readonly name: string;
  /**
   * Takes no further key and waits for reconciles under way; those that are not back after
   * `deadlineMs` (default 5 s) see their signal abort. Resolves when all have returned.
   */
  stop(deadlineMs?: number): Promise<void>;
}

/** A reconcile is a few API calls: one that takes longer at the end of the process is stuck. */
const STOP_DEADLINE_MS = 5_000;

export function runController(options: ControllerOptions): RunningController {
  const { name, queue, workers, clock = systemClock } = options;
  const abort = new AbortController();
  const running = Promise.all(Array.from({ length: workers }, () => work(options, abort.signal)));
  return {
    name,
    async stop(deadlineMs = STOP_DEADLINE_MS) {
      queue.close();
      const finished = new AbortController();
      const overdue = sleep(clock, deadlineMs, finished.signal).then(
        () => abort.abort(new Error(`controller ${name} had to stop within ${deadlineMs} ms`)),
        () => undefined,
      );
      await running;
      finished.abort();
      await overdue;
    },
  };
}

async function work(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { queue } = options;
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    await reconcileOne(options, key, signal);
    queue.done(key);
  }
}

async function reconcileOne(
  options: ControllerOptions,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const { name, queue, clock = systemClock, metrics } = options;
  const startedMs = clock.now();
  let outcome: ReconcileOutcome;
  try {
    const { requeueAfterMs } = await options.reconcile(key, signal);
    queue.forget(key);
    if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs);
    outcome = requeueAfterMs === undefined ? "success" : "requeue";
  } catch (error) {
    outcome = settleFailure(options, key, error);
  }
  metrics?.reconciled(name, outcome, clock.now() - startedMs);
}

function settleFailure(options: ControllerOptions, key: string, error: unknown): ReconcileOutcome {
  const { name, queue, logger = silentLogger } = options;
  if (queue.isClosed) return "error";
  if (error instanceof TerminalError) {
    queue.forget(key);
    logger.error({ err: error, controller: name, key }, "reconcile failed for good");
    return "terminal";
  }
  const retryInMs = queue.addAfterFailure(key);
  // A conflict only says that the cache was behind: routine, and mended by the next look.
  const isConflict = error instanceof StatusError && error.code === 409;
  const report = isConflict ? logger.debug.bind(logger) : logger.warn.bind(logger);
  report({ err: error, controller: name, key, retryInMs }, "reconcile failed, trying again");
  return "error";
}
