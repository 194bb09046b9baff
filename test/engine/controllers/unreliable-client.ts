import type { Client, WatchEvent } from "../../../src/client/client.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { StatusError } from "../../../src/kube/status-error.ts";

export interface Faults {
  /** Set to false to let everything work from now on. */
  active: boolean;
  /** Faults that occurred, by kind. */
  readonly count: Map<string, number>;
}

/**
 * A client whose watches lag, repeat events, break and expire (so that events are never seen), and
 * whose writes fail before or after they took effect. `random` yields [0, 1).
 */
export function unreliable(
  client: Client,
  random: () => number,
): { client: Client; faults: Faults } {
  const faults: Faults = { active: true, count: new Map() };
  const strikes = (kind: string, probability: number): boolean => {
    if (!faults.active || random() >= probability) return false;
    faults.count.set(kind, (faults.count.get(kind) ?? 0) + 1);
    return true;
  };
  const down = (when: string): StatusError => StatusError.of("ServiceUnavailable", `fault ${when}`);
  async function write<R>(act: () => Promise<R>): Promise<R> {
    if (strikes("write refused", 0.1)) throw down("before the write");
    const result = await act();
    if (strikes("answer lost", 0.1)) throw down("after the write");
    return result;
  }
  async function* watch<T extends KubeObject>(
    events: AsyncIterable<WatchEvent<T>>,
  ): AsyncGenerator<WatchEvent<T>> {
    for await (const event of events) {
      if (strikes("stream ended", 0.03)) return;
      if (strikes("stream broken", 0.03)) throw new Error("connection reset");
      if (strikes("revision expired", 0.03)) throw StatusError.of("Expired", "too old");
      for (let turns = strikes("lag", 0.3) ? Math.floor(random() * 30) : 0; turns > 0; turns--)
        await new Promise((resolve) => setImmediate(resolve));
      yield event;
      if (strikes("repeated", 0.1)) yield event;
    }
  }
  return {
    faults,
    client: {
      resourceFor: (apiVersion, kind) => client.resourceFor(apiVersion, kind),
      resources: () => client.resources(),
      get: (resource, key, options) => client.get(resource, key, options),
      list: (resource, options) => client.list(resource, options),
      watch: (resource, options) => watch(client.watch(resource, options)),
      create: (resource, object, options) => write(() => client.create(resource, object, options)),
      update: (resource, object, options) => write(() => client.update(resource, object, options)),
      patch: (resource, key, patch, options) =>
        write(() => client.patch(resource, key, patch, options)),
      delete: (resource, key, options) => write(() => client.delete(resource, key, options)),
      deleteCollection: (resource, options) =>
        write(() => client.deleteCollection(resource, options)),
      logs: (key, options) => client.logs(key, options),
    },
  };
}
