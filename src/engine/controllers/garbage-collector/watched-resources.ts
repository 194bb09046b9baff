/** Keeps an informer for every resource that is served and can have owners, custom ones included. */
import type { Client } from "../../../client/client.ts";
import type { Informer } from "../../../client/informer.ts";
import type { Informers } from "../../../client/informers.ts";
import type { CacheChange } from "../../../client/object-cache.ts";
import type { Resource } from "../../../kube/kind.ts";

/** Events own nothing, are owned by nothing and are many. */
const IGNORED: ReadonlySet<string> = new Set(["events.", "events.events.k8s.io"]);

interface Watched {
  readonly resource: Resource;
  readonly informer: Informer;
  readonly unsubscribe: () => void;
}

export class WatchedResources {
  readonly #client: Client;
  readonly #informers: Informers;
  readonly #onChange: (resource: Resource, change: CacheChange) => void;
  readonly #watched = new Map<string, Watched>();

  constructor(
    client: Client,
    informers: Informers,
    onChange: (resource: Resource, change: CacheChange) => void,
  ) {
    this.#client = client;
    this.#informers = informers;
    this.#onChange = onChange;
  }

  /** Whether the first list of every resource is in; nothing may be judged before. */
  get hasSynced(): boolean {
    return [...this.#watched.values()].every(({ informer }) => informer.hasSynced);
  }

  /** Begins to watch what is new and stops watching what is gone. */
  async refresh(): Promise<void> {
    const served = new Map<string, Resource>();
    for (const resource of await this.#client.resources()) {
      if (IGNORED.has(`${resource.plural}.${resource.group}`)) continue;
      served.set(`${resource.plural}.${resource.version}.${resource.group}`, resource);
    }
    for (const [id, resource] of served) if (!this.#watched.has(id)) this.#add(id, resource);
    for (const [id, { resource, unsubscribe, informer }] of this.#watched) {
      if (served.has(id)) continue;
      this.#watched.delete(id);
      unsubscribe();
      // Gone with their kind, though no event says so any more.
      for (const object of informer.list()) this.#onChange(resource, { type: "DELETED", object });
      await this.#informers.remove(resource);
    }
  }

  #add(id: string, resource: Resource): void {
    const informer = this.#informers.of(resource);
    const unsubscribe = informer.onChange((change) => this.#onChange(resource, change));
    this.#watched.set(id, { resource, informer, unsubscribe });
  }
}
