/** A watch that lags behind must not make the operator take its own writes for drift. */
import { expect, test } from "vitest";
import type { Client, WatchEvent, WatchOptions } from "../../src/client/client.ts";
import type { Resource } from "../../src/kube/kind.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { configMap, OperatedCluster } from "./operated-cluster.ts";

/** A client whose watches of ConfigMaps can be held up. */
class LaggingWatch {
  #gate: Promise<void> = Promise.resolve();
  open: () => void = () => undefined;

  close(): void {
    this.#gate = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  wrap(client: Client): Client {
    const gate = (): Promise<void> => this.#gate;
    async function* watch<T extends KubeObject>(
      resource: Resource<T>,
      options: WatchOptions,
    ): AsyncGenerator<WatchEvent<T>> {
      for await (const event of client.watch(resource, options)) {
        if (resource.plural === configMaps.plural) await gate();
        yield event;
      }
    }
    return new Proxy(client, {
      get: (target, property) => {
        if (property === "watch") return watch;
        const value: unknown = Reflect.get(target, property);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }
}

test("a lagging watch is no drift, and changes made meanwhile are", async () => {
  const lag = new LaggingWatch();
  const cluster = await OperatedCluster.start({ wrap: (client) => lag.wrap(client) });
  await cluster.push([configMap("a"), configMap("gone")]);
  await cluster.createApplication();
  lag.close();
  await cluster.push([configMap("a", { key: "new" })]);
  for (let look = 0; look < 3; look++) {
    cluster.operator?.refresh(["default/app"]);
    await cluster.settle();
  }
  expect(await cluster.data("a")).toEqual({ key: "new" });
  expect(await cluster.data("gone")).toBeUndefined();
  expect(await cluster.status()).toMatchObject({
    sync: { status: "Synced" },
    resources: [{ name: "a" }],
  });
  expect(await cluster.events("DriftDetected")).toEqual([]);
  expect(await cluster.events("Synced")).toHaveLength(2);
  await cluster.meddle(configMaps, "a", { data: { key: "meddled" } });
  expect(await cluster.data("a")).toEqual({ key: "meddled" });
  lag.open();
  await cluster.settle();
  expect(await cluster.data("a")).toEqual({ key: "new" });
  expect(await cluster.events("DriftDetected")).toHaveLength(1);
  await cluster.stop();
});
