import type { Client, Patch, WriteOptions } from "../../src/client/client.ts";
import type { Resource } from "../../src/kube/kind.ts";
import type { KubeObject, ObjectKey } from "../../src/kube/object.ts";
import { StatusError } from "../../src/kube/status-error.ts";

const unused = (): never => {
  throw new Error("the object table does not do this");
};

/** Objects by name with resourceVersion conflicts: enough of an API for leases and Events. */
export class ObjectTable implements Client {
  readonly objects = new Map<string, KubeObject>();
  /** When set, every call fails with it. */
  failure: Error | undefined;
  calls = 0;
  #revision = 0;

  #key(resource: Resource, { namespace = "", name }: ObjectKey): string {
    return `${resource.plural}/${namespace}/${name}`;
  }
  #begin(): Promise<void> {
    this.calls++;
    return this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure);
  }
  #find(resource: Resource, key: ObjectKey): KubeObject {
    const found = this.objects.get(this.#key(resource, key));
    if (found === undefined) throw StatusError.notFound(resource, key.name);
    return found;
  }
  #put<T extends KubeObject>(resource: Resource, object: T): T {
    const resourceVersion = String(++this.#revision);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion } };
    this.objects.set(this.#key(resource, stored.metadata), stored);
    return stored;
  }
  async get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey): Promise<T> {
    await this.#begin();
    return this.#find(resource, key) as T;
  }
  async create<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    await this.#begin();
    if (this.objects.has(this.#key(resource, object.metadata)))
      throw StatusError.alreadyExists(resource, object.metadata.name);
    return this.#put(resource, object);
  }
  async update<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    await this.#begin();
    const current = this.#find(resource, object.metadata);
    if (current.metadata.resourceVersion !== object.metadata.resourceVersion)
      throw StatusError.conflict(resource, object.metadata.name, "the object has been modified");
    return this.#put(resource, object);
  }
  /** Merges top-level fields. */
  async patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Patch,
    _options?: WriteOptions,
  ): Promise<T> {
    await this.#begin();
    if (patch.type !== "merge") throw new Error(`the object table knows no ${patch.type} patch`);
    return this.#put(resource, { ...(this.#find(resource, key) as T), ...patch.body });
  }
  resourceFor = unused;
  resources = unused;
  list = unused;
  watch = unused;
  delete = unused;
  deleteCollection = unused;
  logs = unused;
}
