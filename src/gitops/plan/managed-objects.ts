/**
 * Live copies of everything that Applications manage in one cluster, by watch: one informer per
 * kind in use, restricted to objects that carry the tracking label. Tells whose object changed.
 */
import type { Client } from "../../client/client.ts";
import { Informers } from "../../client/informers.ts";
import type { Informer } from "../../client/informer.ts";
import type { Logger } from "../../client/logger.ts";
import { apiVersionOf, type KubeObject } from "../../kube/object.ts";
import type { Desired } from "./desired.ts";
import { FetchedObjects } from "./live-objects.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { LiveObjects } from "./planner.ts";
import { APPLICATION_LABEL, trackedBy } from "./tracking.ts";

const BY_LABEL = "managed/by-application";

export interface ManagedObjectsOptions {
  readonly client: Client;
  readonly logger: Logger;
  /** Gets the tracking label of the Application whose object was added, changed or deleted. */
  readonly onChange: (label: string) => void;
}

export class ManagedObjects implements LiveObjects {
  readonly #options: ManagedObjectsOptions;
  readonly #informers: Informers;
  readonly #fetched: FetchedObjects;
  readonly #byKind = new Map<string, Informer>();

  constructor(options: ManagedObjectsOptions) {
    this.#options = options;
    this.#informers = new Informers(options.client, { logger: options.logger });
    this.#fetched = new FetchedObjects(options.client);
    this.#informers.start();
  }

  async get(desired: Desired): Promise<KubeObject | undefined> {
    const informer = await this.#informerOf(desired.ref);
    const { namespace, name } = desired.ref;
    const live = informer?.get(namespace === "" ? name : `${namespace}/${name}`);
    // Not ours so far, or changed a moment ago: only the API server knows.
    return live ?? this.#fetched.get(desired);
  }

  async owned(label: string, kinds: readonly ObjectRef[]): Promise<readonly KubeObject[]> {
    const found = new Set<KubeObject>();
    for (const kind of kinds) {
      const informer = await this.#informerOf(kind);
      for (const live of informer?.byIndex(BY_LABEL, label) ?? []) found.add(live);
    }
    return [...found];
  }

  stop(): Promise<void> {
    return this.#informers.stop();
  }

  async #informerOf(kind: ObjectRef): Promise<Informer | undefined> {
    const id = `${kind.group}/${kind.kind}`;
    let informer = this.#byKind.get(id);
    if (informer === undefined) {
      const resource = await this.#options.client.resourceFor(apiVersionOf(kind), kind.kind);
      if (resource === undefined) return undefined;
      informer = this.#byKind.get(id);
      if (informer === undefined) {
        informer = this.#informers.of(resource, { labelSelector: APPLICATION_LABEL });
        informer.addIndex(BY_LABEL, (live) => {
          const label = trackedBy(live);
          return label === undefined ? [] : [label];
        });
        informer.onChange(({ object, previous }) => this.#changed(object, previous));
        this.#byKind.set(id, informer);
      }
    }
    if (!informer.hasSynced) await informer.synced;
    return informer;
  }

  #changed(object: KubeObject, previous: KubeObject | undefined): void {
    const label = object.metadata.labels?.[APPLICATION_LABEL];
    const before = previous?.metadata.labels?.[APPLICATION_LABEL];
    if (label !== undefined) this.#options.onChange(label);
    if (before !== undefined && before !== label) this.#options.onChange(before);
  }
}
