/**
 * A local, always current copy of one resource: list, then watch, forever. Resumes from the last
 * revision after a broken stream and lists again when that revision is gone (410).
 */
import type { Resource } from "../kube/kind.ts";
import type { KubeObject } from "../kube/object.ts";
import { StatusError } from "../kube/status-error.ts";
import { type Backoff, backoffDelay } from "./backoff.ts";
import type { Client, ListOptions, WatchEvent } from "./client.ts";
import { type Clock, sleep, systemClock } from "./clock.ts";
import { type Logger, silentLogger } from "./logger.ts";
import {
  type ChangeHandler,
  type IndexFunction,
  ObjectCache,
  type ObjectReader,
} from "./object-cache.ts";

export interface InformerOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Objects per list request. Set it for remote clusters. @default one request for everything */
  readonly pageSize?: number;
  /** @default 100 ms doubling to 30 s, half of it random */
  readonly backoff?: Backoff;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Yields [0, 1) for jitter. @default Math.random */
  readonly random?: () => number;
}

/** Fast enough that a restarted API server is found at once, slow enough not to hurt one that is down. */
const RECONNECT_BACKOFF: Backoff = { initialMs: 100, maxMs: 30_000, jitter: 0.5 };
/** A stream that lived this long, or brought an event, was healthy: its end does not add to the back-off. */
const HEALTHY_STREAM_MS = 1_000;

export class Informer<T extends KubeObject = KubeObject> implements ObjectReader<T> {
  readonly resource: Resource<T>;
  /** Resolves once the first list is in the cache; rejects when the informer stops before. */
  readonly synced: Promise<void>;
  readonly #client: Client;
  readonly #options: InformerOptions;
  readonly #cache: ObjectCache<T>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #resourceVersion = "";
  #hasSynced = false;
  #running = false;
  #resolveSynced: () => void = () => undefined;
  #rejectSynced: (reason: unknown) => void = () => undefined;

  constructor(client: Client, resource: Resource<T>, options: InformerOptions = {}) {
    this.#client = client;
    this.resource = resource;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#cache = new ObjectCache(this.#logger);
    this.synced = new Promise((resolve, reject) => {
      this.#resolveSynced = resolve;
      this.#rejectSynced = reject;
    });
    // Whoever awaits `synced` gets the rejection; nobody has to.
    this.synced.catch(() => undefined);
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }
  /** The latest resourceVersion that the cache reflects; empty before the first list. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }
  /** {@link resourceVersion} as a number, for comparing; 0 before the first list. */
  get revision(): number {
    return Number(this.#resourceVersion);
  }
  get(key: string): T | undefined {
    return this.#cache.get(key);
  }
  list(namespace?: string): readonly T[] {
    return this.#cache.list(namespace);
  }
  byIndex(name: string, value: string): readonly T[] {
    return this.#cache.byIndex(name, value);
  }
  /** See {@link ObjectCache.addIndex}. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    this.#cache.addIndex(name, valuesOf);
  }
  /** See {@link ObjectCache.onChange}. */
  onChange(handler: ChangeHandler<T>): () => void {
    return this.#cache.onChange(handler);
  }

  /** Keeps the cache current until the signal aborts; then resolves. Call once. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#running) throw new Error(`the informer of ${this.resource.plural} already ran`);
    this.#running = true;
    let failures = 0;
    let mustList = true;
    while (!signal.aborted) {
      let healthy = false;
      let watchedSinceMs = Number.POSITIVE_INFINITY;
      try {
        if (mustList) await this.#relist(signal);
        mustList = false;
        watchedSinceMs = this.#clock.now();
        for await (const event of this.#watch(signal)) {
          this.#apply(event);
          healthy = true;
        }
      } catch (error) {
        if (signal.aborted) break;
        mustList ||= error instanceof StatusError && error.code === 410;
        this.#logger.warn(
          { err: error, resource: this.resource.plural, relist: mustList },
          "list or watch failed, trying again",
        );
      }
      healthy ||= this.#clock.now() - watchedSinceMs >= HEALTHY_STREAM_MS;
      failures = healthy ? 0 : failures + 1;
      await this.#pause(failures, signal);
    }
    this.#rejectSynced(signal.reason);
  }

  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const { backoff = RECONNECT_BACKOFF, random } = this.#options;
    try {
      await sleep(this.#clock, backoffDelay(backoff, failures, random), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const { pageSize } = this.#options;
    const items: T[] = [];
    let page: Pick<ListOptions, "continue"> = {};
    for (;;) {
      const list = await this.#client.list(this.resource, {
        ...this.#selection(),
        ...(pageSize === undefined ? {} : { limit: pageSize }),
        ...page,
        signal,
      });
      items.push(...list.items);
      if (list.continue === undefined || list.continue === "") {
        this.#cache.replace(items, () => {
          this.#resourceVersion = list.resourceVersion;
        });
        break;
      }
      page = { continue: list.continue };
    }
    this.#hasSynced = true;
    this.#resolveSynced();
  }

  #watch(signal: AbortSignal): AsyncIterable<WatchEvent<T>> {
    return this.#client.watch(this.resource, {
      ...this.#selection(),
      resourceVersion: this.#resourceVersion,
      allowBookmarks: true,
      signal,
    });
  }

  #apply(event: WatchEvent<T>): void {
    if (event.type === "BOOKMARK") {
      this.#resourceVersion = event.resourceVersion;
      return;
    }
    // Before the handlers run: they read `revision` to tell others how far they have come.
    this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
    if (event.type === "DELETED") this.#cache.delete(event.object);
    else this.#cache.put(event.object);
  }

  #selection(): Pick<ListOptions, "namespace" | "labelSelector" | "fieldSelector"> {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }
}
