/** A client whose writes all carry one field manager, so that managedFields say who wrote what. */
import type { Client, WriteOptions } from "./client.ts";

export function withFieldManager(client: Client, fieldManager: string): Client {
  const named = (options?: WriteOptions): WriteOptions => ({ fieldManager, ...options });
  return {
    resourceFor: (apiVersion, kind) => client.resourceFor(apiVersion, kind),
    resources: () => client.resources(),
    get: (resource, key, options) => client.get(resource, key, options),
    list: (resource, options) => client.list(resource, options),
    watch: (resource, options) => client.watch(resource, options),
    create: (resource, object, options) => client.create(resource, object, named(options)),
    update: (resource, object, options) => client.update(resource, object, named(options)),
    patch: (resource, key, patch, options) => client.patch(resource, key, patch, named(options)),
    delete: (resource, key, options) => client.delete(resource, key, options),
    deleteCollection: (resource, options) => client.deleteCollection(resource, options),
    logs: (key, options) => client.logs(key, options),
  };
}
