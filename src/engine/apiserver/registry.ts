/**
 * The kinds that are served right now: the built-in ones, and custom ones that come and go with
 * their CustomResourceDefinitions. Several versions of one resource share the stored objects.
 */
import type { Kind } from "../../kube/kind.ts";
import { apiVersionOf } from "../../kube/object.ts";
import { findMetrics } from "./metrics/metrics-kinds.ts";

/** One version of one resource, as requests address it. */
export interface ServedKind {
  readonly kind: Kind;
  /** The version in which objects of this resource are written. */
  readonly storageVersion: string;
  /** For custom kinds, the definition they come from. */
  readonly custom?: CustomOrigin;
}
export interface CustomOrigin {
  /** Name of the CustomResourceDefinition. */
  readonly definition: string;
  /** Set while the definition is being deleted: no more creations. */
  readonly terminating: boolean;
}

export class KindRegistry {
  readonly #byResource = new Map<string, ServedKind>();
  readonly #byKind = new Map<string, ServedKind>();
  readonly #listeners = new Set<() => void>();
  #all: readonly ServedKind[] = [];

  constructor(builtins: readonly Kind[]) {
    for (const kind of builtins)
      this.#add({ kind, storageVersion: kind.storedAs?.version ?? kind.version });
    this.#all = [...this.#byResource.values()];
  }

  /** The kind behind a URL such as `/apis/<group>/<version>/<plural>`. */
  find(group: string, version: string, plural: string): ServedKind | undefined {
    return (
      this.#byResource.get(resourceId(group, version, plural)) ??
      findMetrics(group, version, plural)
    );
  }
  /** The kind of objects that say this `apiVersion` and `kind`. */
  findKind(apiVersion: string, kind: string): ServedKind | undefined {
    return this.#byKind.get(`${apiVersion} ${kind}`);
  }
  /** Every version of every resource, in the order in which they were added. A new array after each change. */
  all(): readonly ServedKind[] {
    return this.#all;
  }

  /** Each resource in one version: the first that is served of it. */
  preferred(): readonly ServedKind[] {
    const first = new Map<string, ServedKind>();
    for (const served of this.#all) {
      const id = `${served.kind.group}/${served.kind.plural}`;
      if (!first.has(id)) first.set(id, served);
    }
    return [...first.values()];
  }
  /** Whether exactly this is still served: a changed definition makes new `ServedKind`s. */
  serves(served: ServedKind): boolean {
    const { group, version, plural } = served.kind;
    return this.find(group, version, plural) === served;
  }

  /** Serves exactly these versions for a definition; an empty list stops serving it. */
  setCustom(definition: string, versions: readonly ServedKind[]): void {
    for (const served of this.#all) {
      if (served.custom?.definition === definition) this.#remove(served);
    }
    for (const served of versions) this.#add(served);
    this.#all = [...this.#byResource.values()];
    for (const listener of this.#listeners) listener();
  }
  /** Calls back after each change. The returned function stops it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #add(served: ServedKind): void {
    const { kind } = served;
    this.#byResource.set(resourceId(kind.group, kind.version, kind.plural), served);
    this.#byKind.set(`${apiVersionOf(kind)} ${kind.kind}`, served);
  }
  #remove({ kind }: ServedKind): void {
    this.#byResource.delete(resourceId(kind.group, kind.version, kind.plural));
    this.#byKind.delete(`${apiVersionOf(kind)} ${kind.kind}`);
  }
}

const resourceId = (group: string, version: string, plural: string): string =>
  `${group}/${version}/${plural}`;
