/**
 * What waits to be sent to one Provider. Each parcel has a lane, and a lane holds the newest parcel
 * only, so that a Provider that is down makes neither a queue without end nor a flood when it is back.
 * After a failure everything to this Provider pauses, then one parcel tries: a dead Provider costs one
 * request now and then, and nobody else anything.
 */
import { type Backoff, backoffDelay } from "../../client/backoff.ts";
import { type Clock, sleep } from "../../client/clock.ts";
import { WorkQueue } from "../../client/work-queue.ts";
import { DeliveryError } from "./delivery-error.ts";

export interface Parcel {
  /** What follows each other: a newer parcel of a lane takes the place of one that still waits. */
  readonly lane: string;
}
export type Fate = "sent" | "not needed" | "failed" | "dropped";

export interface OutboxOptions<P extends Parcel> {
  readonly clock: Clock;
  /** @throws DeliveryError; resolves with whether anything had to be sent */
  readonly deliver: (parcel: P, signal: AbortSignal) => Promise<"sent" | "not needed">;
  /** Is told how each attempt ended; `failed` will be tried again. */
  readonly onFate: (parcel: P, fate: Fate, error?: DeliveryError) => void;
  /** Yields [0, 1) for jitter. @default Math.random */
  readonly random?: () => number;
}

/** More lanes than a commit to a large repository opens; the oldest parcels go first. */
const MAX_PENDING = 5_000;
/** Requests under way at once. */
const WORKERS = 2;
/** Chats take about one message a second. */
const BURST = 20;
const REFILL_MS = 1_000;
/** Of one lane: something that goes to and fro is told a few times, then now and then. */
const LANE_BURST = 5;
const LANE_REFILL_MS = 120_000;
const MAX_LANES = 10_000;
const RETRY: Backoff = { initialMs: 1_000, maxMs: 300_000, jitter: 0.5 };
/** What could not be sent for so long is not news any more. */
const MAX_AGE_MS = 6 * 3_600_000;
/** A parcel that a Provider cannot take while it takes others. */
const MAX_ATTEMPTS = 20;

interface Waiting<P> {
  readonly parcel: P;
  readonly sinceMs: number;
  attempts: number;
}
interface Budget {
  tokens: number;
  atMs: number;
}

export class Outbox<P extends Parcel> {
  readonly #options: OutboxOptions<P>;
  readonly #queue: WorkQueue;
  readonly #waiting = new Map<string, Waiting<P>>();
  readonly #budget: Budget;
  readonly #lanes = new Map<string, Budget>();
  readonly #abort = new AbortController();
  readonly #workers: Promise<unknown>;
  #pausedUntilMs = 0;
  #failures = 0;
  #trying = 0;

  constructor(options: OutboxOptions<P>) {
    this.#options = options;
    this.#queue = new WorkQueue({ clock: options.clock });
    this.#budget = { tokens: BURST, atMs: options.clock.now() };
    this.#workers = Promise.all(Array.from({ length: WORKERS }, () => this.#work()));
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** The parcel that waits in a lane. */
  waiting(lane: string): P | undefined {
    return this.#waiting.get(lane)?.parcel;
  }

  put(parcel: P): void {
    if (this.#queue.isClosed) return;
    this.#waiting.delete(parcel.lane);
    this.#waiting.set(parcel.lane, { parcel, sinceMs: this.#options.clock.now(), attempts: 0 });
    for (const [lane, oldest] of this.#waiting) {
      if (this.#waiting.size <= MAX_PENDING) break;
      this.#waiting.delete(lane);
      this.#options.onFate(
        oldest.parcel,
        "dropped",
        new DeliveryError("unavailable", "too much waits to be sent"),
      );
    }
    this.#queue.add(parcel.lane);
  }

  /** Sends no more, and gives up what is under way. */
  async stop(): Promise<void> {
    this.#queue.close();
    this.#abort.abort(new Error("notifications were stopped"));
    await this.#workers;
  }

  async #work(): Promise<void> {
    for (let lane = await this.#queue.take(); lane !== undefined; lane = await this.#queue.take()) {
      const againMs = await this.#attempt(lane);
      this.#queue.done(lane);
      if (againMs !== undefined && this.#waiting.has(lane)) this.#queue.addAfter(lane, againMs);
    }
  }

  /** When to come back to the lane, in milliseconds. */
  async #attempt(lane: string): Promise<number | undefined> {
    const { clock, deliver, onFate } = this.#options;
    const laneMs = this.#laneMs(lane);
    if (laneMs > 0) return laneMs;
    if (!(await this.#turn())) return undefined;
    // Looked up after the wait: the newest parcel of the lane is the one to send.
    const waiting = this.#waiting.get(lane);
    if (waiting === undefined) return undefined;
    this.#trying++;
    try {
      const fate = await deliver(waiting.parcel, this.#abort.signal);
      this.#failures = 0;
      this.#done(lane, waiting);
      if (fate === "sent") this.#spend(lane);
      onFate(waiting.parcel, fate);
    } catch (error) {
      if (this.#abort.signal.aborted) return undefined;
      const reason = asDeliveryError(error);
      waiting.attempts++;
      const isOld = clock.now() - waiting.sinceMs > MAX_AGE_MS || waiting.attempts >= MAX_ATTEMPTS;
      if (reason.retryable) this.#pause(reason);
      if (!reason.retryable || isOld) this.#done(lane, waiting);
      onFate(waiting.parcel, reason.retryable && !isOld ? "failed" : "dropped", reason);
    } finally {
      this.#trying--;
    }
    // A newer parcel has come meanwhile, or this one is to be tried again.
    return this.#waiting.has(lane) ? 1 : undefined;
  }

  /** Waits until the Provider may be asked; false when the outbox is stopped before. */
  async #turn(): Promise<boolean> {
    const { clock } = this.#options;
    for (;;) {
      const waitMs = this.#waitMs(clock.now());
      if (waitMs <= 0) return !this.#abort.signal.aborted;
      try {
        await sleep(clock, Math.ceil(waitMs), this.#abort.signal);
      } catch {
        return false;
      }
    }
  }

  #waitMs(nowMs: number): number {
    if (nowMs < this.#pausedUntilMs) return this.#pausedUntilMs - nowMs;
    // After a failure one tries for all.
    if (this.#failures > 0 && this.#trying > 0) return RETRY.initialMs;
    refill(this.#budget, BURST, REFILL_MS, nowMs);
    return (1 - this.#budget.tokens) * REFILL_MS;
  }

  #done(lane: string, waiting: Waiting<P>): void {
    if (this.#waiting.get(lane) === waiting) this.#waiting.delete(lane);
  }

  #pause({ retryAfterMs }: DeliveryError): void {
    const { clock, random } = this.#options;
    const backoffMs = backoffDelay(RETRY, this.#failures++, random);
    this.#pausedUntilMs = clock.now() + Math.max(retryAfterMs ?? 0, backoffMs);
  }

  /** How long a lane that was busy has to wait, whatever the Provider takes. */
  #laneMs(lane: string): number {
    const own = this.#lanes.get(lane);
    if (own === undefined) return 0;
    refill(own, LANE_BURST, LANE_REFILL_MS, this.#options.clock.now());
    return own.tokens >= 1 ? 0 : Math.ceil((1 - own.tokens) * LANE_REFILL_MS);
  }

  /** Counts a message that was sent. */
  #spend(lane: string): void {
    this.#budget.tokens--;
    const own = this.#lanes.get(lane) ?? { tokens: LANE_BURST, atMs: this.#options.clock.now() };
    own.tokens--;
    this.#lanes.delete(lane);
    this.#lanes.set(lane, own);
    if (this.#lanes.size <= MAX_LANES) return;
    for (const oldest of this.#lanes.keys()) {
      this.#lanes.delete(oldest);
      return;
    }
  }
}

function refill(budget: Budget, burst: number, refillMs: number, nowMs: number): void {
  budget.tokens = Math.min(burst, budget.tokens + Math.max(0, nowMs - budget.atMs) / refillMs);
  budget.atMs = nowMs;
}

/** Whatever else goes wrong, e.g. the API server that has the Secret is away, may pass. */
function asDeliveryError(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  return new DeliveryError("unavailable", "the delivery could not be prepared", { cause: error });
}
