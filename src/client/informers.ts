/**
 * The informers of one process, one per resource and selection, shared by all controllers. They
 * start in the order in which they were asked for and stop in reverse.
 */
import type { Resource } from "../kube/kind.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Client } from "./client.ts";
import { Informer, type InformerOptions } from "./informer.ts";

type Selection = Pick<InformerOptions, "namespace" | "labelSelector" | "fieldSelector">;
interface Entry {
  readonly informer: Informer;
  readonly abort: AbortController;
  running: Promise<void> | undefined;
}

export class Informers {
  readonly #client: Client;
  readonly #options: Omit<InformerOptions, keyof Selection>;
  readonly #entries = new Map<string, Entry>();
  #state: "new" | "started" | "stopped" = "new";

  constructor(client: Client, options: Omit<InformerOptions, keyof Selection> = {}) {
    this.#client = client;
    this.#options = options;
  }

  /** The shared informer. After `start` a new one begins at once: await its `synced` before use. */
  of<T extends KubeObject>(resource: Resource<T>, selection: Selection = {}): Informer<T> {
    const id = identify(resource, selection);
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      if (this.#state === "stopped") throw new Error("the informers are stopped");
      const informer = new Informer<T>(this.#client, resource, { ...this.#options, ...selection });
      entry = {
        informer: informer as unknown as Informer,
        abort: new AbortController(),
        running: undefined,
      };
      this.#entries.set(id, entry);
      if (this.#state === "started") begin(entry);
    }
    // The id contains group, version and plural, so the type is the one of the first caller's resource.
    return entry.informer as unknown as Informer<T>;
  }

  start(): void {
    if (this.#state !== "new") return;
    this.#state = "started";
    for (const entry of this.#entries.values()) begin(entry);
  }

  /** Resolves once every informer asked for so far has its first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => entry.informer.synced));
  }

  /** Stops and forgets the informer of a resource that is no longer served. */
  async remove(resource: Resource, selection: Selection = {}): Promise<void> {
    const id = identify(resource, selection);
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    await end(entry);
  }

  async stop(): Promise<void> {
    this.#state = "stopped";
    for (const entry of [...this.#entries.values()].reverse()) await end(entry);
    this.#entries.clear();
  }
}

function identify(resource: Resource, selection: Selection): string {
  const { namespace = "", labelSelector = "", fieldSelector = "" } = selection;
  const { group, version, plural } = resource;
  return JSON.stringify([group, version, plural, namespace, labelSelector, fieldSelector]);
}

function begin(entry: Entry): void {
  entry.running = entry.informer.run(entry.abort.signal);
}

async function end(entry: Entry | undefined): Promise<void> {
  entry?.abort.abort(new Error("the informer was stopped"));
  await entry?.running;
}
