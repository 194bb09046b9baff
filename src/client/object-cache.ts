/**
 * The objects of one resource as last seen, with indexes and change callbacks. Pure bookkeeping:
 * `Informer` feeds it. Objects are frozen and shared by reference.
 */
import { deepFreeze, type KubeObject, keyOf } from "../kube/object.ts";
import { type Logger, silentLogger } from "./logger.ts";

/** `previous` is absent for ADDED; for DELETED `object` is the last state that was seen. */
export interface CacheChange<T extends KubeObject = KubeObject> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: T;
  readonly previous?: T;
}
export type ChangeHandler<T extends KubeObject> = (change: CacheChange<T>) => void;
/** The values under which an index finds an object: none, one or several. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[];

interface Index<T extends KubeObject> {
  readonly valuesOf: IndexFunction<T>;
  readonly entries: Map<string, Map<string, T>>;
}

const NAMESPACE_INDEX = "metadata.namespace";

/** The reading side of a cache: all that controllers see of an informer besides its life cycle. */
export interface ObjectReader<T extends KubeObject> {
  /** By `namespace/name`, or `name` for cluster-scoped objects. */
  get(key: string): T | undefined;
  /** All objects, or those of one namespace. Treat as a snapshot: later changes make a new array. */
  list(namespace?: string): readonly T[];
  /** The objects that `addIndex(name, …)` filed under `value`. Throws when there is no such index. */
  byIndex(name: string, value: string): readonly T[];
}

export class ObjectCache<T extends KubeObject = KubeObject> implements ObjectReader<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #logger: Logger;
  #snapshot: readonly T[] | undefined;

  constructor(logger: Logger = silentLogger) {
    this.#logger = logger;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): readonly T[] {
    if (namespace !== undefined) {
      this.addIndex(NAMESPACE_INDEX, (object) => [object.metadata.namespace ?? ""]);
      return this.byIndex(NAMESPACE_INDEX, namespace);
    }
    this.#snapshot ??= [...this.#objects.values()];
    return this.#snapshot;
  }

  /** Idempotent by name: the first function given for a name stays, so share names only for one meaning. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { valuesOf, entries: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) file(index, key, object);
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`no index "${name}": call addIndex before byIndex`);
    const found = index.entries.get(value);
    return found === undefined ? [] : [...found.values()];
  }

  /**
   * Calls back synchronously after each change, the cache being up to date; first for every object
   * already there, as ADDED. A handler that throws is logged and does not stop the others. The
   * returned function unsubscribes.
   */
  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) this.#call(handler, { type: "ADDED", object });
    return () => this.#handlers.delete(handler);
  }

  put(object: T): void {
    this.#emit(this.#store(object));
  }

  /** `object` is the last state, as a DELETED event carries it. */
  delete(object: T): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous === undefined) return;
    this.#remove(key, previous);
    this.#emit([{ type: "DELETED", object: deepFreeze(object), previous }]);
  }

  /** Makes the cache equal to a list, telling handlers only of differences, once all are in place. */
  replace(objects: readonly T[], inPlace: () => void = () => undefined): void {
    const listed = new Set(objects.map(keyOf));
    const changes: CacheChange<T>[] = [];
    for (const [key, previous] of this.#objects) {
      if (listed.has(key)) continue;
      this.#remove(key, previous);
      changes.push({ type: "DELETED", object: previous, previous });
    }
    for (const object of objects) changes.push(...this.#store(object));
    inPlace();
    this.#emit(changes);
  }

  #store(object: T): CacheChange<T>[] {
    deepFreeze(object);
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous !== undefined && isSameRevision(previous, object)) return [];
    if (previous !== undefined) this.#remove(key, previous);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) file(index, key, object);
    this.#snapshot = undefined;
    if (previous === undefined) return [{ type: "ADDED", object }];
    // Deleted and created again under one name while we were not looking: two objects, not one.
    if (previous.metadata.uid !== object.metadata.uid)
      return [
        { type: "DELETED", object: previous, previous },
        { type: "ADDED", object },
      ];
    return [{ type: "MODIFIED", object, previous }];
  }

  #remove(key: string, previous: T): void {
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) unfile(index, key, previous);
    this.#snapshot = undefined;
  }

  #emit(changes: readonly CacheChange<T>[]): void {
    for (const change of changes) for (const handler of this.#handlers) this.#call(handler, change);
  }

  #call(handler: ChangeHandler<T>, change: CacheChange<T>): void {
    try {
      handler(change);
    } catch (error) {
      this.#logger.error(
        { err: error, kind: change.object.kind, key: keyOf(change.object), type: change.type },
        "change handler failed",
      );
    }
  }
}

function isSameRevision(a: KubeObject, b: KubeObject): boolean {
  return (
    a.metadata.resourceVersion !== undefined &&
    a.metadata.resourceVersion === b.metadata.resourceVersion &&
    a.metadata.uid === b.metadata.uid
  );
}

function file<T extends KubeObject>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const entry = index.entries.get(value);
    if (entry === undefined) index.entries.set(value, new Map([[key, object]]));
    else entry.set(key, object);
  }
}

function unfile<T extends KubeObject>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const entry = index.entries.get(value);
    entry?.delete(key);
    if (entry?.size === 0) index.entries.delete(value);
  }
}
