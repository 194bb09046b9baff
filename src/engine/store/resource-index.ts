/**
 * The current objects of one resource, in memory. Sorted lists are made when somebody asks and
 * kept until the next change, so that a burst of writes never sorts and repeated lists cost nothing.
 */
import type { Stored, StoreKey } from "./store.ts";

interface NamespaceItems {
  readonly items: Map<string, Stored>;
  /** Every name in `items`, and perhaps names deleted since; sorted unless `unsorted`. */
  names: string[];
  unsorted: boolean;
  list: readonly Stored[] | undefined;
}

export class ResourceIndex {
  readonly #namespaces = new Map<string, NamespaceItems>();
  #all: readonly Stored[] | undefined;
  #count = 0;

  get(key: Pick<StoreKey, "namespace" | "name">): Stored | undefined {
    return this.#namespaces.get(key.namespace)?.items.get(key.name);
  }

  set(key: Pick<StoreKey, "namespace" | "name">, stored: Stored): void {
    let namespace = this.#namespaces.get(key.namespace);
    if (namespace === undefined) {
      namespace = { items: new Map(), names: [], unsorted: false, list: undefined };
      this.#namespaces.set(key.namespace, namespace);
    }
    if (!namespace.items.has(key.name)) {
      this.#count++;
      namespace.names.push(key.name);
      namespace.unsorted = true;
    }
    namespace.items.set(key.name, stored);
    this.#changed(namespace);
  }

  delete(key: Pick<StoreKey, "namespace" | "name">): void {
    const namespace = this.#namespaces.get(key.namespace);
    if (namespace === undefined || !namespace.items.delete(key.name)) return;
    this.#count--;
    // The name stays in `names` until the next list: then one pass drops all that are gone.
    if (namespace.items.size === 0) this.#namespaces.delete(key.namespace);
    else namespace.unsorted = true;
    this.#changed(namespace);
  }

  count(namespace?: string): number {
    return namespace === undefined
      ? this.#count
      : (this.#namespaces.get(namespace)?.items.size ?? 0);
  }

  /** Ordered by namespace, then name. The array is shared: it is replaced, never changed. */
  list(namespace?: string): readonly Stored[] {
    if (namespace !== undefined) {
      const items = this.#namespaces.get(namespace);
      return items === undefined ? [] : listNamespace(items);
    }
    this.#all ??= [...this.#namespaces.keys()]
      .sort()
      .flatMap((name) => this.list(name) as Stored[]);
    return this.#all;
  }

  /** A copy that can be changed on its own. */
  clone(): ResourceIndex {
    const copy = new ResourceIndex();
    for (const [name, { items, names, unsorted }] of this.#namespaces)
      copy.#namespaces.set(name, {
        items: new Map(items),
        names: [...names],
        unsorted,
        list: undefined,
      });
    copy.#count = this.#count;
    return copy;
  }

  #changed(namespace: NamespaceItems): void {
    namespace.list = undefined;
    this.#all = undefined;
  }
}

function listNamespace(namespace: NamespaceItems): readonly Stored[] {
  if (namespace.list !== undefined) return namespace.list;
  // Mostly sorted with a few names behind: the sort runs in nearly linear time.
  if (namespace.unsorted) namespace.names.sort();
  const names: string[] = [];
  const list: Stored[] = [];
  for (const name of namespace.names) {
    const stored = namespace.items.get(name);
    // A name deleted and created again since the last list is there twice, side by side.
    if (stored === undefined || names.at(-1) === name) continue;
    names.push(name);
    list.push(stored);
  }
  namespace.names = names;
  namespace.unsorted = false;
  namespace.list = list;
  return list;
}
