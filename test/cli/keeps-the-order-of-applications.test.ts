import { afterAll, beforeAll, expect, test } from "vitest";
import { applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { type ServerFixture, startServerFixture } from "./server-fixture.ts";

/** Two Applications of one real repository, the second behind the first. */
const configMap = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: ${value}\n`;

let fixture: ServerFixture;
beforeAll(async () => {
  fixture = await startServerFixture({ "README.md": "nothing yet" });
  // The fixture's own follows the whole repository: it would own what is in the folders.
  await fixture.server.client.delete(applications, { namespace: "default", name: "default" });
  fixture.commit(
    { "db/a.yaml": configMap("db", "one"), "web/a.yaml": configMap("web", "one") },
    "start",
  );
  for (const [name, dependsOn] of [
    ["web", [{ name: "db" }]],
    ["db", []],
  ] as const)
    await fixture.server.client.create(applications, {
      apiVersion: "gantry.dev/v1",
      kind: "Application",
      metadata: { name, namespace: "default" },
      spec: {
        source: { repoURL: fixture.repository, path: name },
        destination: { namespace: "default" },
        syncPolicy: { automated: {} },
        dependsOn: [...dependsOn],
      },
    });
});
afterAll(() => fixture.stop());

const live = async (name: string): Promise<string | undefined> => {
  const { items } = await fixture.server.client.list(configMaps, { namespace: "default" });
  return items.find(({ metadata }) => metadata.name === name)?.data?.["key"];
};
const becomes = (name: string, value: string): Promise<void> =>
  expect.poll(() => live(name), { timeout: 10_000 }).toBe(value);

test("commits of both, of one and of the other all arrive", async () => {
  await becomes("web", "one");
  fixture.commit(
    { "db/a.yaml": configMap("db", "two"), "web/a.yaml": configMap("web", "two") },
    "both",
  );
  await becomes("web", "two");
  expect(await live("db")).toBe("two");
  fixture.commit({ "web/a.yaml": configMap("web", "three") }, "only the second");
  await becomes("web", "three");
  fixture.commit({ "db/a.yaml": configMap("db", "four") }, "only the first");
  await becomes("db", "four");
  fixture.commit(
    { "web/a.yaml": configMap("web", "five"), "other/a.txt": "x" },
    "the second again",
  );
  await becomes("web", "five");
});
