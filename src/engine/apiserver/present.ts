/** How stored objects look in the version that a request asks for. */
import { apiVersionOf, deepFreeze, type KubeObject } from "../../kube/object.ts";
import { applyDefaults } from "../../kube/schema/defaults.ts";
import { prune } from "../../kube/schema/prune.ts";
import type { Stored } from "../store/store.ts";
import { type Encoded, encodeLazily } from "./encoded.ts";
import type { ServedKind } from "./registry.ts";

/**
 * Converted objects by served version. A new definition of a custom kind is a new `ServedKind`, so
 * that nothing computed under the old one lives on.
 */
const presented = new WeakMap<ServedKind, WeakMap<KubeObject, Encoded>>();

/**
 * The stored object itself where it is already in the served version, which is always so for
 * built-in kinds. Custom objects also get the defaults of today's schema and lose what it does not
 * know any more, as upstream does on read.
 */
export function present(served: ServedKind, stored: Encoded): Encoded {
  if (served.custom === undefined && served.kind.version === served.storageVersion) return stored;
  let cache = presented.get(served);
  if (cache === undefined) {
    cache = new WeakMap();
    presented.set(served, cache);
  }
  let result = cache.get(stored.object);
  if (result === undefined) {
    const object = convert(served, stored.object);
    result = object === stored.object ? stored : encodeLazily(deepFreeze(object));
    cache.set(stored.object, result);
  }
  return result;
}

/** A list's items in the served version; the same array where nothing needs converting. */
export function presentAll(served: ServedKind, items: readonly Stored[]): readonly Encoded[] {
  if (served.custom === undefined && served.kind.version === served.storageVersion) return items;
  return items.map((stored) => present(served, stored));
}

function convert(served: ServedKind, object: KubeObject): KubeObject {
  const { kind } = served;
  const apiVersion = apiVersionOf(kind);
  const converted = object.apiVersion === apiVersion ? object : { ...object, apiVersion };
  if (kind.storedAs !== undefined) return kind.storedAs.fromStorage(object);
  if (served.custom === undefined) return converted;
  return prune(kind.schema, applyDefaults(kind.schema, converted));
}
