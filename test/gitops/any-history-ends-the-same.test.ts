/** Whatever commits and whatever meddling came before: in the end the cluster is as Git says. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { configMap, OperatedCluster } from "./operated-cluster.ts";

const NAMES = ["a", "b", "c", "d"];
const name = fc.constantFrom(...NAMES);
const value = fc.constantFrom("1", "2");
const contents = fc.dictionary(name, value, { minKeys: 1, noNullPrototype: true });

type Step =
  | { readonly kind: "push"; readonly contents: Readonly<Record<string, string>> }
  | { readonly kind: "break" | "restart" }
  | { readonly kind: "edit" | "create" | "delete"; readonly name: string };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("push" as const), contents }),
  fc.record({ kind: fc.constantFrom("break" as const, "restart" as const) }),
  fc.record({ kind: fc.constantFrom("edit" as const, "create" as const, "delete" as const), name }),
);

/** Objects of somebody else have names that Git never uses, and must outlive everything. */
async function take(cluster: OperatedCluster, next: Step): Promise<void> {
  switch (next.kind) {
    case "push":
      await cluster.push(Object.entries(next.contents).map(([key, n]) => configMap(key, { n })));
      return;
    case "break":
      await cluster.push([], { errors: ["all.yaml:1:1: broken"] });
      return;
    case "restart":
      await cluster.stopOperator();
      await cluster.startOperator();
      await cluster.settle();
      return;
    case "edit":
      if ((await cluster.data(next.name)) === undefined) return;
      await cluster.meddle(configMaps, next.name, { data: { n: "theirs" } });
      return;
    case "create": {
      if ((await cluster.find(configMaps, `${next.name}-theirs`)) !== undefined) return;
      const copied = (await cluster.find(configMaps, next.name))?.metadata;
      await cluster.client.create(configMaps, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: {
          name: `${next.name}-theirs`,
          namespace: "default",
          ...(copied?.labels && { labels: copied.labels }),
          ...(copied?.annotations && { annotations: copied.annotations }),
        },
      });
      return;
    }
    case "delete":
      if ((await cluster.data(next.name)) !== undefined)
        await cluster.delete(configMaps, next.name);
  }
}

test("the cluster ends as Git says, and what others made stays", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), contents, async (steps, last) => {
      const cluster = await OperatedCluster.start();
      try {
        await cluster.push([configMap("a", { n: "0" })]);
        await cluster.createApplication();
        for (const next of steps) await take(cluster, next);
        const created = steps.flatMap((next) => (next.kind === "create" ? [next.name] : []));
        await take(cluster, { kind: "push", contents: last });
        // As long as drift may have to wait for its turn.
        await cluster.pass(400_000);
        const { items } = await cluster.client.list(configMaps);
        const found = items.filter(({ metadata }) => NAMES.includes(metadata.name));
        expect(
          Object.fromEntries(found.map((map) => [map.metadata.name, map.data?.["n"]])),
        ).toEqual(last);
        for (const theirs of created)
          expect(await cluster.find(configMaps, `${theirs}-theirs`)).toBeDefined();
        expect(await cluster.status()).toMatchObject({
          sync: { status: "Synced" },
          health: { status: "Healthy" },
          operationState: { phase: "Succeeded" },
          conditions: [],
        });
      } finally {
        await cluster.stop();
      }
    }),
    { numRuns: 40 },
  );
}, 60_000);
