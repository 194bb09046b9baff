/**
 * Pods that wait for a node: by priority, then in order of arrival. A pod that fits nowhere rests
 * until the cluster changes, and not more often than its back-off allows.
 */
import { type Backoff, backoffDelay } from "../../client/backoff.ts";
import type { Clock } from "../../client/clock.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import { PriorityHeap } from "./priority-heap.ts";

/** Upstream's podInitialBackoffSeconds and podMaxBackoffSeconds. */
const BACKOFF: Backoff = { initialMs: 1_000, maxMs: 10_000 };
/** Whatever event was missed: no pod rests longer than this, as upstream. */
const MAX_REST_MS = 300_000;

export interface QueuedPod {
  readonly uid: string;
  pod: Pod;
  readonly sequence: number;
  /** Searches for a node that found none. */
  failures: number;
  /** Not before. */
  notBeforeMs: number;
}

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #onReady: () => void;
  readonly #ready = new PriorityHeap<QueuedPod>(comesFirst);
  readonly #waiting = new Map<string, QueuedPod>();
  readonly #resting = new Set<QueuedPod>();
  #sequence = 0;
  #cancelTimer: () => void = () => undefined;
  #timerMs = Infinity;

  /** `onReady` is called when a pod can be taken after there was none. */
  constructor(clock: Clock, onReady: () => void) {
    this.#clock = clock;
    this.#onReady = onReady;
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** New, or changed such that it may fit now. */
  add(pod: Pod): void {
    const uid = pod.metadata.uid ?? "";
    const known = this.#waiting.get(uid);
    if (known === undefined) {
      const queued = { uid, pod, sequence: this.#sequence++, failures: 0, notBeforeMs: 0 };
      this.#waiting.set(uid, queued);
      this.#push(queued);
    } else {
      known.pod = pod;
      if (this.#resting.delete(known)) this.#push(known);
    }
  }

  /** A change that does not matter for where it fits, e.g. of its status. */
  refresh(pod: Pod): void {
    const known = this.#waiting.get(pod.metadata.uid ?? "");
    if (known !== undefined) known.pod = pod;
  }

  /** It has a node, or is gone. */
  remove(uid: string): void {
    const known = this.#waiting.get(uid);
    if (known === undefined) return;
    this.#waiting.delete(uid);
    this.#resting.delete(known);
  }

  /** The next pod, which stays in the queue's books until `remove` or `rest`. */
  take(): QueuedPod | undefined {
    for (;;) {
      const next = this.#ready.pop();
      // Removed since.
      if (next === undefined || this.#waiting.get(next.uid) === next) return next;
    }
  }

  /** No node was found, or the binding failed: another search after back-off and a change. */
  rest(queued: QueuedPod, options: { readonly untilChange: boolean }): void {
    if (this.#waiting.get(queued.uid) !== queued) return;
    queued.failures++;
    // The first change is answered at once: a pod often arrives moments before what it waits for.
    const delayMs = queued.failures === 1 ? 0 : backoffDelay(BACKOFF, queued.failures - 2);
    queued.notBeforeMs = this.#clock.now() + delayMs;
    this.#resting.add(queued);
    if (options.untilChange) this.#wakeAt(this.#clock.now() + MAX_REST_MS);
    else this.#wakeAt(Math.max(queued.notBeforeMs, this.#clock.now() + BACKOFF.initialMs));
  }

  /** The cluster has changed: every resting pod whose back-off is over gets another search. */
  wake(): void {
    const nowMs = this.#clock.now();
    let earliestMs = Infinity;
    for (const queued of this.#resting)
      if (queued.notBeforeMs <= nowMs) {
        this.#resting.delete(queued);
        this.#push(queued);
      } else earliestMs = Math.min(earliestMs, queued.notBeforeMs);
    if (earliestMs < Infinity) this.#wakeAt(earliestMs);
  }

  close(): void {
    this.#cancelTimer();
    this.#waiting.clear();
    this.#resting.clear();
  }

  #push(queued: QueuedPod): void {
    this.#ready.push(queued);
    this.#onReady();
  }

  #wakeAt(dueMs: number): void {
    if (dueMs >= this.#timerMs) return;
    this.#cancelTimer();
    this.#timerMs = dueMs;
    this.#cancelTimer = this.#clock.after(dueMs - this.#clock.now(), () => {
      this.#timerMs = Infinity;
      this.wake();
    });
  }
}

const priorityOf = ({ pod }: QueuedPod): number => pod.spec?.priority ?? 0;
const comesFirst = (a: QueuedPod, b: QueuedPod): boolean =>
  priorityOf(a) === priorityOf(b) ? a.sequence < b.sequence : priorityOf(a) > priorityOf(b);
