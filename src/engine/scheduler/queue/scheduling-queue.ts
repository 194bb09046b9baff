/**
 * Pods that wait for a node, in three pools: `active` ones are given out by priority, then in order
 * of arrival; `unschedulable` ones rest until something happens that may help them, or five minutes
 * have passed; those whose back-off is not over when it does wait in `backoff`.
 */
import { type Backoff, backoffDelay } from "../../../client/backoff.ts";
import type { Clock } from "../../../client/clock.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { PodInfo } from "../pod-info.ts";
import { type ClusterEvent, eventKey } from "./cluster-event.ts";
import { PriorityHeap } from "./priority-heap.ts";

/** Upstream's podInitialBackoffSeconds and podMaxBackoffSeconds. */
const BACKOFF: Backoff = { initialMs: 1_000, maxMs: 10_000 };
/** Whatever event was missed: no pod rests longer than this, as upstream. */
const MAX_REST_MS = 300_000;
/** Different events kept until the pods that rest were asked about them; beyond, all are woken. */
const MAX_EVENTS = 256;

type Pool = "active" | "backoff" | "unschedulable" | "taken";

export interface QueuedPod {
  readonly uid: string;
  readonly pod: Pod;
  readonly info: PodInfo;
  /** Searches for a node that found none. */
  readonly failures: number;
}
interface Entry extends QueuedPod {
  pod: Pod;
  info: PodInfo;
  readonly sequence: number;
  failures: number;
  pool: Pool;
  /** Not before, even if something helps. */
  notBeforeMs: number;
  restsUntilMs: number;
  /** Names of plug-ins that rejected it. */
  rejectedBy: readonly string[];
}
/** One going over the resting pods with what has happened. */
interface Round {
  readonly events: readonly ClusterEvent[] | "everything";
  readonly entries: Iterator<Entry>;
  /** Pods that are alike have the same answer. */
  readonly answers: Map<string, boolean>;
}

export interface QueueOptions {
  readonly clock: Clock;
  /** Called when there is something to do after there was nothing. */
  readonly onReady: () => void;
  /** Whether one of these plug-ins may let the pod pass after the event. */
  readonly mayHelp: (queued: QueuedPod, event: ClusterEvent, plugins: readonly string[]) => boolean;
}

export class SchedulingQueue {
  readonly #options: QueueOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #active = new PriorityHeap<Entry>(comesFirst);
  readonly #backoff = new PriorityHeap<Entry>((a, b) => a.notBeforeMs < b.notBeforeMs);
  /** In the order in which they began to rest. */
  readonly #unschedulable = new Map<string, Entry>();
  #events = new Map<string, ClusterEvent>();
  #wakesAll = false;
  #round: Round | undefined;
  #sequence = 0;
  #cancelTimer: () => void = () => undefined;
  #timerMs = Infinity;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Pods in all pools, and those given out. */
  get length(): number {
    return this.#entries.size;
  }

  /** New, or changed such that it may fit now. */
  add(pod: Pod): void {
    const uid = pod.metadata.uid ?? "";
    const known = this.#entries.get(uid);
    const info = new PodInfo(pod);
    if (known === undefined) {
      const entry: Entry = {
        uid,
        pod,
        info,
        sequence: this.#sequence++,
        failures: 0,
        pool: "taken",
        notBeforeMs: 0,
        restsUntilMs: 0,
        rejectedBy: [],
      };
      this.#entries.set(uid, entry);
      this.#activate(entry);
      return;
    }
    known.pod = pod;
    known.info = info;
    if (known.pool === "unschedulable" || known.pool === "backoff") this.#activate(known);
  }

  /** A change that does not matter for where it fits, e.g. of its status. */
  refresh(pod: Pod): void {
    const known = this.#entries.get(pod.metadata.uid ?? "");
    if (known !== undefined) known.pod = pod;
  }

  /** It has a node, or is gone. */
  remove(uid: string): void {
    this.#entries.delete(uid);
    this.#unschedulable.delete(uid);
  }

  has(uid: string): boolean {
    return this.#entries.has(uid);
  }

  /** The next pod, which stays in the queue's books until `remove`, `rest` or `retry`. */
  take(): QueuedPod | undefined {
    for (;;) {
      const next = this.#active.pop();
      if (next === undefined) return undefined;
      // Removed, or given out already, since it was pushed.
      if (this.#entries.get(next.uid) !== next || next.pool !== "active") continue;
      next.pool = "taken";
      return next;
    }
  }

  /** No node was found: it rests until something happens that may help. */
  rest({ uid }: QueuedPod, rejectedBy: readonly string[]): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined || entry.pool !== "taken") return;
    this.#fail(entry);
    entry.pool = "unschedulable";
    entry.rejectedBy = rejectedBy;
    entry.restsUntilMs = this.#options.clock.now() + MAX_REST_MS;
    this.#unschedulable.set(uid, entry);
    this.#wakeAt(entry.restsUntilMs);
  }

  /** Something else went wrong: it is tried again after its back-off. */
  retry({ uid }: QueuedPod): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined || entry.pool !== "taken") return;
    this.#fail(entry);
    const earliestMs = this.#options.clock.now() + BACKOFF.initialMs;
    entry.notBeforeMs = Math.max(entry.notBeforeMs, earliestMs);
    this.#backOff(entry);
  }

  /** Something happened; who may be helped by it is found out by {@link review}. */
  tell(event: ClusterEvent): void {
    if (this.#unschedulable.size === 0) return;
    if (this.#events.size >= MAX_EVENTS) this.#wakesAll = true;
    else this.#events.set(eventKey(event), event);
    this.#options.onReady();
  }

  /** Something was told that resting pods were not asked about yet. */
  get hasNews(): boolean {
    return this.#round !== undefined || this.#events.size > 0 || this.#wakesAll;
  }

  /**
   * Goes on asking resting pods about what has happened, at most `max` of them, so that one call
   * never takes long. True when there is more to ask.
   */
  review(max: number): boolean {
    for (let asked = 0; asked < max; asked++) {
      this.#round ??= this.#beginRound();
      if (this.#round === undefined) return false;
      const next = this.#round.entries.next();
      if (next.done === true) this.#round = undefined;
      else if (next.value.pool === "unschedulable" && this.#isHelped(next.value, this.#round))
        this.#wake(next.value);
    }
    return this.hasNews;
  }

  close(): void {
    this.#cancelTimer();
    this.#entries.clear();
    this.#unschedulable.clear();
    this.#events.clear();
    this.#wakesAll = false;
    this.#round = undefined;
  }

  #beginRound(): Round | undefined {
    if (this.#events.size === 0 && !this.#wakesAll) return undefined;
    const events = this.#wakesAll ? "everything" : [...this.#events.values()];
    this.#events = new Map();
    this.#wakesAll = false;
    const entries = [...this.#unschedulable.values()].values();
    return { events, entries, answers: new Map() };
  }

  #isHelped(entry: Entry, { events, answers }: Round): boolean {
    if (events === "everything") return true;
    const key = `${entry.rejectedBy.join()} ${entry.info.signature}`;
    const known = answers.get(key);
    if (known !== undefined) return known;
    const { mayHelp } = this.#options;
    const answer = events.some((event) => mayHelp(entry, event, entry.rejectedBy));
    answers.set(key, answer);
    return answer;
  }

  #fail(entry: Entry): void {
    entry.failures++;
    // The first help is taken at once: a pod often arrives moments before what it waits for.
    const delayMs = entry.failures === 1 ? 0 : backoffDelay(BACKOFF, entry.failures - 2);
    entry.notBeforeMs = this.#options.clock.now() + delayMs;
  }

  #wake(entry: Entry): void {
    this.#unschedulable.delete(entry.uid);
    if (entry.notBeforeMs <= this.#options.clock.now()) this.#activate(entry);
    else this.#backOff(entry);
  }

  #activate(entry: Entry): void {
    this.#unschedulable.delete(entry.uid);
    entry.pool = "active";
    this.#active.push(entry);
    this.#options.onReady();
  }

  #backOff(entry: Entry): void {
    entry.pool = "backoff";
    this.#backoff.push(entry);
    this.#wakeAt(entry.notBeforeMs);
  }

  #onTimer(): void {
    const nowMs = this.#options.clock.now();
    for (;;) {
      const next = this.#backoff.peek();
      if (next === undefined) break;
      const isStale = next.pool !== "backoff" || this.#entries.get(next.uid) !== next;
      if (!isStale && next.notBeforeMs > nowMs) {
        this.#wakeAt(next.notBeforeMs);
        break;
      }
      this.#backoff.pop();
      if (!isStale) this.#activate(next);
    }
    for (const entry of this.#unschedulable.values()) {
      if (entry.restsUntilMs > nowMs) {
        this.#wakeAt(entry.restsUntilMs);
        break;
      }
      this.#wake(entry);
    }
  }

  #wakeAt(dueMs: number): void {
    if (dueMs >= this.#timerMs) return;
    this.#cancelTimer();
    this.#timerMs = dueMs;
    const { clock } = this.#options;
    this.#cancelTimer = clock.after(Math.max(0, dueMs - clock.now()), () => {
      this.#timerMs = Infinity;
      this.#onTimer();
    });
  }
}

const comesFirst = (a: Entry, b: Entry): boolean =>
  a.info.priority === b.info.priority ? a.sequence < b.sequence : a.info.priority > b.info.priority;
