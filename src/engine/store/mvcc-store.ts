/**
 * The store proper: state, history and watchers in memory, made durable by a {@link RevisionLog}.
 *
 * One writer. Writes queue up while a commit is under way and go into the next one together
 * (group commit). A commit is planned against the newest state, made durable, and only then
 * applied to memory, published to watchers and acknowledged, in that order. Revisions that
 * nothing needs any more leave the log little by little along with later commits.
 */
import { type Clock, systemClock } from "../../client/clock.ts";
import { EventLog } from "./event-log.ts";
import { ResourceState } from "./resource-state.ts";
import { defaultRetention, type Retention, RetentionPolicy } from "./retention.ts";
import { garbageOf, type LoggedEvent, type RevisionLog, type StoreHealth } from "./revision-log.ts";
import {
  type Mutation,
  type ResourceName,
  type Snapshot,
  type Store,
  type Stored,
  type StoreEvent,
  type StoreKey,
  StoreUnavailableError,
  type WriteOptions,
  type WriteResult,
} from "./store.ts";
import { type PendingWrite, planBatch, type WriteBatch } from "./write-batch.ts";

/** Planning a batch holds the event loop: about 20 µs per write, so 5 ms at this size. */
const MAX_BATCH_WRITES = 256;
/** One batch of objects at the API's size limit stays below what a disk takes in a blink. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
/** Removals per commit: with a batch of writes they stay below a millisecond. */
const MAX_BATCH_REMOVALS = 512;
/** Callers limit themselves far below; beyond it something loops, and memory must not follow. */
const MAX_QUEUED_WRITES = 100_000;

export interface MvccStoreOptions {
  readonly clock?: Clock;
  readonly retention?: Retention;
}

/** The state that a log held when it was opened. */
export interface ReplayedLog {
  readonly revision: number;
  readonly compactedRevision: number;
  /** Objects last changed at or before `compactedRevision`, as creations, by revision. */
  readonly base: readonly LoggedEvent[];
  /** What came after, by revision. */
  readonly history: readonly LoggedEvent[];
  /** Resources with revisions that did not outlive the restart. */
  readonly ephemeral: readonly ResourceName[];
  /** Revisions that a compaction has not got to. */
  readonly garbage: readonly number[];
}

/** A store starts at revision 1: 0 means "any" to Kubernetes clients. */
export const emptyLog: ReplayedLog = {
  revision: 1,
  compactedRevision: 1,
  base: [],
  history: [],
  ephemeral: [],
  garbage: [],
};

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class MvccStore implements Store {
  readonly #log: RevisionLog;
  readonly #clock: Clock;
  readonly #retention: RetentionPolicy;
  readonly #resources = new Map<string, ResourceState>();
  readonly #history = new EventLog<LoggedEvent>();
  #revision: number;
  #compactedRevision: number;
  #durableCompactedRevision: number;
  /** Durable revisions to remove, in the order in which they must go. */
  #garbage: number[];
  #queue: PendingWrite[] = [];
  #compactions: Waiter[] = [];
  #tasks: (() => void)[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(log: RevisionLog, replayed: ReplayedLog, options: MvccStoreOptions = {}) {
    this.#log = log;
    this.#clock = options.clock ?? systemClock;
    this.#revision = replayed.revision;
    this.#compactedRevision = replayed.compactedRevision;
    this.#durableCompactedRevision = replayed.compactedRevision;
    this.#garbage = [...replayed.garbage];
    this.#retention = new RetentionPolicy(
      options.retention ?? defaultRetention,
      replayed.revision,
      this.#clock.now(),
    );
    for (const { key, current } of replayed.base) this.#resource(key).index.set(key, current);
    for (const event of replayed.history) this.#apply(event);
    for (const resource of replayed.ephemeral)
      this.#resource(resource).raiseFloor(replayed.revision);
  }

  get revision(): number {
    return this.#revision;
  }
  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  /** For `/readyz`: whether writes are accepted, and if not, why. Reads always are. */
  health(): StoreHealth {
    return this.#closed ? { writable: false, reason: "the store is closed" } : this.#log.health();
  }

  get(key: StoreKey): Stored | undefined {
    return this.#resources.get(resourceId(key))?.index.get(key);
  }

  list(resource: ResourceName, namespace?: string): Snapshot {
    const items = this.#resources.get(resourceId(resource))?.index.list(namespace) ?? [];
    return { revision: this.#revision, items };
  }

  /** @throws RangeError for a revision that is yet to come. */
  listAt(resource: ResourceName, revision: number, namespace?: string): Snapshot {
    if (revision > this.#revision)
      throw new RangeError(`revision ${revision} is newer than the store's, ${this.#revision}`);
    const items = this.#resource(resource).listAt(revision, this.#compactedRevision, namespace);
    return { revision, items };
  }

  count(resource: ResourceName, namespace?: string): number {
    return this.#resources.get(resourceId(resource))?.index.count(namespace) ?? 0;
  }

  /** Every resource that has objects or was asked about, sorted. */
  resources(): ResourceName[] {
    return [...this.#resources.keys()].sort().map((id) => {
      const slash = id.lastIndexOf("/");
      return { group: id.slice(0, slash), plural: id.slice(slash + 1) };
    });
  }

  write(key: StoreKey, mutation: Mutation, options: WriteOptions = {}): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new StoreUnavailableError("the store is closed");
      if (this.#queue.length >= MAX_QUEUED_WRITES)
        throw new StoreUnavailableError(`${MAX_QUEUED_WRITES} writes are waiting: slow down`);
      const ephemeral = options.ephemeral ?? false;
      this.#queue.push({ key: checkedKey(key), mutation, ephemeral, resolve, reject });
      this.#start();
    });
  }

  watch(
    resource: ResourceName,
    revision: number,
    onEvent: (event: StoreEvent) => void,
  ): () => void {
    return this.#resource(resource).watch(revision, this.#compactedRevision, onEvent);
  }

  /** The oldest revision that watches of this resource may start from. */
  historyStart(resource: ResourceName): number {
    return this.#resource(resource).historyStart(this.#compactedRevision);
  }

  compact(revision: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new StoreUnavailableError("the store is closed");
      if (revision > this.#revision)
        throw new RangeError(`cannot compact ${revision}: the newest is ${this.#revision}`);
      this.#forget(revision);
      this.#compactions.push({ resolve, reject });
      this.#start();
    });
  }

  /** Runs `task` while no commit is under way: memory and log agree then. */
  betweenCommits<T>(task: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#tasks.push(() => {
        try {
          resolve(task());
        } catch (error) {
          reject(error);
        }
      });
      this.#start();
    });
  }

  /** Lets writes that were accepted finish, ends all watches and closes the log. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    for (const resource of this.#resources.values()) resource.stopWatchers();
    await this.#log.close();
  }

  #start(): void {
    this.#running ??= this.#run();
  }

  /** Commits until nothing is left to do. Never rejects. */
  async #run(): Promise<void> {
    // What is written in the same turn as the first write joins its batch.
    await Promise.resolve();
    while (this.#queue.length + this.#compactions.length + this.#tasks.length > 0) {
      for (const task of this.#tasks.splice(0)) task();
      await this.#commitNext();
      // Those who waited for this batch get a turn to write again before the next one is planned.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#running = undefined;
  }

  async #commitNext(): Promise<void> {
    const limits = { maxWrites: MAX_BATCH_WRITES, maxBytes: MAX_BATCH_BYTES };
    const batch = planBatch(this.#queue, (key) => this.get(key), this.#revision, limits);
    const pending = this.#queue.slice(0, batch.size);
    this.#queue = this.#queue.slice(batch.size);
    try {
      await this.#commit(batch);
    } catch (error) {
      for (const { reject } of pending) reject(error);
      for (const { reject } of this.#compactions.splice(0)) reject(error);
      return;
    }
    for (const event of batch.events) this.#apply(event);
    for (const event of batch.events) this.#resource(event.key).publish(event);
    for (const settle of batch.settle) settle();
    if (batch.events.length > 0) this.#retain();
    if (this.#garbage.length === 0)
      for (const { resolve } of this.#compactions.splice(0)) resolve();
  }

  async #commit({ events }: WriteBatch): Promise<void> {
    const removable = this.#garbage.slice(0, MAX_BATCH_REMOVALS);
    const compactedRevision = this.#compactedRevision;
    const compacted = compactedRevision > this.#durableCompactedRevision;
    if (events.length === 0 && removable.length === 0 && !compacted) return;
    const superseded = events.flatMap(({ ephemeral, previous }) =>
      ephemeral && previous !== undefined ? [previous.revision] : [],
    );
    await this.#log.commit({
      append: events,
      remove: [...removable, ...superseded],
      ...(compacted ? { compactedRevision } : {}),
    });
    this.#garbage = this.#garbage.slice(removable.length);
    this.#durableCompactedRevision = compactedRevision;
  }

  #apply(event: LoggedEvent): void {
    this.#resource(event.key).apply(event);
    this.#history.append(event);
    this.#revision = event.revision;
  }

  #retain(): void {
    const target = this.#retention.afterCommit(this.#revision, this.#clock.now(), this.#history);
    if (target !== undefined) this.#forget(target);
  }

  /** Forgets history in memory; the log follows with the next commits. */
  #forget(revision: number): void {
    if (revision <= this.#compactedRevision) return;
    this.#compactedRevision = revision;
    for (const garbage of garbageOf(this.#history.dropThrough(revision)))
      this.#garbage.push(garbage);
    for (const resource of this.#resources.values()) resource.forget(revision);
  }

  #resource(name: ResourceName): ResourceState {
    const id = resourceId(name);
    let resource = this.#resources.get(id);
    if (resource === undefined) {
      resource = new ResourceState();
      this.#resources.set(id, resource);
    }
    return resource;
  }
}

function resourceId({ group, plural }: ResourceName): string {
  return `${group}/${plural}`;
}

/** A copy: the store keeps it, and the caller may have passed something larger. */
function checkedKey({ group, plural, namespace, name }: StoreKey): StoreKey {
  const parts = [group, plural, namespace, name];
  if (plural === "" || name === "" || parts.some((part) => part.includes("/")))
    throw new RangeError(`not a store key: ${JSON.stringify(parts.join(" / "))}`);
  return Object.freeze({ group, plural, namespace, name });
}
