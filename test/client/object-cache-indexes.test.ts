import fc from "fast-check";
import { expect, test } from "vitest";
import type { Logger } from "../../src/client/logger.ts";
import { ObjectCache } from "../../src/client/object-cache.ts";
import { type KubeObject, keyOf } from "../../src/kube/object.ts";

const object = (name: string, labels: Record<string, string>, revision = 0): KubeObject => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { namespace: "ns", name, labels, resourceVersion: String(revision), uid: name },
});

test("an index always equals a scan of the cache", () => {
  const operation = fc.record({
    name: fc.constantFrom("a", "b", "c", "d"),
    apps: fc.uniqueArray(fc.constantFrom("x", "y", "z"), { maxLength: 3 }),
    remove: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), fc.nat(39), (operations, indexAt) => {
      const cache = new ObjectCache();
      const appsOf = (o: KubeObject): string[] => Object.keys(o.metadata.labels ?? {});
      operations.forEach(({ name, apps, remove }, i) => {
        if (i === indexAt) cache.addIndex("app", appsOf);
        const next = object(name, Object.fromEntries(apps.map((app) => [app, ""])), i + 1);
        if (remove) cache.delete(next);
        else cache.put(next);
      });
      cache.addIndex("app", appsOf);
      for (const app of ["x", "y", "z"]) {
        const scanned = cache.list().filter((o) => appsOf(o).includes(app));
        expect(cache.byIndex("app", app).map(keyOf).sort()).toEqual(scanned.map(keyOf).sort());
      }
      expect(cache.list("ns")).toHaveLength(cache.size);
      expect(cache.list("other")).toEqual([]);
    }),
  );
});

test("a late handler first hears of what is there", () => {
  const cache = new ObjectCache();
  cache.put(object("a", {}));
  const seen: string[] = [];
  const unsubscribe = cache.onChange(({ type, object: o }) => seen.push(`${type} ${keyOf(o)}`));
  cache.put(object("b", {}));
  unsubscribe();
  cache.put(object("c", {}));
  expect(seen).toEqual(["ADDED ns/a", "ADDED ns/b"]);
});

test("a handler that throws is logged and does not keep others from hearing", () => {
  const logged: string[] = [];
  const ignore = (): void => undefined;
  const logger: Logger = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (_, message) => logged.push(message),
  };
  const cache = new ObjectCache(logger);
  cache.onChange(() => {
    throw new Error("bug");
  });
  let heard = 0;
  cache.onChange(() => heard++);
  cache.put(object("a", {}));
  expect(heard).toBe(1);
  expect(logged).toEqual(["change handler failed"]);
});

test("an unknown index is an error, not an empty answer", () => {
  expect(() => new ObjectCache().byIndex("owner", "x")).toThrow('no index "owner"');
});
