/**
 * Live copies of everything that Applications manage in one cluster, by watch: one informer per
 * kind in use, restricted to objects that carry the tracking label. Tells whose object changed.
 *
 * What was just written is known before the watch shows it: an Application that is looked at again
 * at once does not take its own writes for drift.
 */
import type { Client } from "../../client/client.ts";
import { type Clock, sleep } from "../../client/clock.ts";
import { Informers } from "../../client/informers.ts";
import type { Informer } from "../../client/informer.ts";
import type { Logger } from "../../client/logger.ts";
import type { Resource } from "../../kube/kind.ts";
import { apiVersionOf, type KubeObject, keyOf } from "../../kube/object.ts";
import { StatusError } from "../../kube/status-error.ts";
import type { Desired } from "./desired.ts";
import { FetchedObjects } from "./live-objects.ts";
import { type ObjectRef, refKey } from "./object-ref.ts";
import type { LiveObjects } from "./planner.ts";
import { APPLICATION_LABEL, trackedBy } from "./tracking.ts";

const BY_LABEL = "managed/by-application";
const SELECTION = { labelSelector: APPLICATION_LABEL };
/** A first list that takes longer fails or hangs: the worker is needed elsewhere, and comes back. */
const FIRST_LIST_TIMEOUT_MS = 30_000;

export interface ManagedObjectsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gets the tracking label of the Application whose object was added, changed or deleted. */
  readonly onChange: (label: string) => void;
}

interface Watched {
  readonly resource: Resource;
  readonly informer: Informer;
}

export class ManagedObjects implements LiveObjects {
  readonly #options: ManagedObjectsOptions;
  readonly #informers: Informers;
  readonly #fetched: FetchedObjects;
  readonly #byKind = new Map<string, Watched>();
  /** Own writes that the watch has not shown yet. */
  readonly #written = new Map<string, KubeObject>();
  /** Versions of objects, as `uid/resourceVersion`, whose deletion the watch has not shown yet. */
  readonly #deleted = new Set<string>();

  constructor(options: ManagedObjectsOptions) {
    this.#options = options;
    const { client, clock, logger } = options;
    this.#informers = new Informers(client, { clock, logger });
    this.#fetched = new FetchedObjects(client);
    this.#informers.start();
  }

  async get(desired: Desired, signal?: AbortSignal): Promise<KubeObject | undefined> {
    const informer = await this.#informerOf(desired.ref, signal);
    const { namespace, name } = desired.ref;
    const key = refKey(desired.ref);
    const written = this.#written.get(key);
    if (written !== undefined) {
      if (informer !== undefined && informer.revision < revisionOf(written)) return written;
      this.#written.delete(key);
    }
    const live = informer?.get(namespace === "" ? name : `${namespace}/${name}`);
    // Not ours so far: only the API server knows.
    return live ?? this.#fetched.get(desired);
  }

  async owned(
    label: string,
    kinds: readonly ObjectRef[],
    signal?: AbortSignal,
  ): Promise<readonly KubeObject[]> {
    const found = new Set<KubeObject>();
    const informers = new Set<Informer>();
    for (const kind of kinds) {
      const informer = await this.#informerOf(kind, signal);
      if (informer !== undefined) informers.add(informer);
    }
    for (const informer of informers)
      for (const live of informer.byIndex(BY_LABEL, label))
        if (!this.#deleted.has(version(live))) found.add(live);
    return [...found];
  }

  /** To be told of what was applied. */
  wrote(ref: ObjectRef, live: KubeObject): void {
    this.#written.set(refKey(ref), live);
  }

  /** To be told of what was deleted: the version that was asked to go. */
  removed(ref: ObjectRef, live: KubeObject): void {
    this.#written.delete(refKey(ref));
    const informer = this.#byKind.get(kindId(ref))?.informer;
    const shown = informer?.get(keyOf(live));
    if (shown !== undefined && version(shown) === version(live)) this.#deleted.add(version(live));
  }

  stop(): Promise<void> {
    return this.#informers.stop();
  }

  async #informerOf(kind: ObjectRef, signal?: AbortSignal): Promise<Informer | undefined> {
    const id = kindId(kind);
    const known = this.#byKind.get(id);
    const resource = await this.#options.client.resourceFor(
      apiVersionOf(known?.resource ?? kind),
      kind.kind,
    );
    if (known !== undefined && !isSameResource(known.resource, resource)) {
      this.#byKind.delete(id);
      await this.#informers.remove(known.resource, SELECTION);
      return this.#informerOf(kind, signal);
    }
    if (resource === undefined) return undefined;
    // Somebody else may have begun while this one asked.
    const { informer } = this.#byKind.get(id) ?? this.#watch(id, resource);
    if (!informer.hasSynced) await this.#firstList(informer, signal);
    return informer;
  }

  #watch(id: string, resource: Resource): Watched {
    const informer = this.#informers.of(resource, SELECTION);
    informer.addIndex(BY_LABEL, (live) => {
      const label = trackedBy(live);
      return label === undefined ? [] : [label];
    });
    informer.onChange(({ object, previous }) => this.#changed(object, previous));
    const watched = { resource, informer };
    this.#byKind.set(id, watched);
    return watched;
  }

  async #firstList(informer: Informer, signal: AbortSignal | undefined): Promise<void> {
    const arrived = new AbortController();
    const given = AbortSignal.any([arrived.signal, ...(signal === undefined ? [] : [signal])]);
    const overdue = sleep(this.#options.clock, FIRST_LIST_TIMEOUT_MS, given).then(() => {
      const { plural } = informer.resource;
      throw StatusError.of("Timeout", `the API server does not answer the list of ${plural}`);
    });
    overdue.catch(() => undefined);
    try {
      await Promise.race([informer.synced, overdue]);
    } finally {
      arrived.abort();
    }
  }

  #changed(object: KubeObject, previous: KubeObject | undefined): void {
    if (previous !== undefined) this.#deleted.delete(version(previous));
    this.#deleted.delete(version(object));
    const label = object.metadata.labels?.[APPLICATION_LABEL];
    const before = previous?.metadata.labels?.[APPLICATION_LABEL];
    if (label !== undefined) this.#options.onChange(label);
    if (before !== undefined && before !== label) this.#options.onChange(before);
  }
}

const kindId = ({ group, kind }: ObjectRef): string => `${group}/${kind}`;
const revisionOf = (live: KubeObject): number => Number(live.metadata.resourceVersion ?? 0);
const version = ({ metadata }: KubeObject): string =>
  `${metadata.uid ?? ""}/${metadata.resourceVersion ?? ""}`;

function isSameResource(before: Resource, now: Resource | undefined): boolean {
  return now?.plural === before.plural && now.namespaced === before.namespaced;
}
