/** `/ephemeralcontainers`: the only way in for them, and there is no way out. */
import { expect, test } from "vitest";
import type { Resource } from "../../../src/kube/kind.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { startServer } from "./test-server.ts";

const KEY = { namespace: "default", name: "web" };
const anything: Resource = pods;
const debugContainer = (name: string, extra: object = {}) => ({ name, image: "tools", ...extra });
const on = { subresource: "ephemeralcontainers" };

function pod(spec: object = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...KEY },
    spec: { nodeName: "n1", containers: [{ name: "main", image: "local" }], ...spec },
  };
}
async function start() {
  const { client } = await startServer();
  await client.create(pods, pod());
  const patch = (...ephemeralContainers: object[]) =>
    client.patch(
      pods,
      KEY,
      { type: "strategic", body: { spec: { ephemeralContainers } } } as never,
      on,
    );
  return { client, patch };
}
const names = ({ spec }: Pod): string[] =>
  (spec?.ephemeralContainers ?? []).map(({ name }) => name).toSorted();

test("adds containers with their defaults, to what is there", async () => {
  const { client, patch } = await start();
  const before = await client.get(pods, KEY);
  await patch(debugContainer("a", { targetContainerName: "main" }));
  const after = await patch(debugContainer("b"));
  expect(names(after)).toEqual(["a", "b"]);
  expect(after.spec?.ephemeralContainers?.[0]).toMatchObject({
    terminationMessagePolicy: "File",
    imagePullPolicy: expect.any(String) as string,
  });
  expect(after.metadata.generation).toBe((before.metadata.generation ?? 0) + 2);
  expect(names(await client.get(pods, KEY, on))).toEqual(["a", "b"]);
});

test("changes nothing else of the pod", async () => {
  const { client } = await start();
  const found = await client.get(pods, KEY);
  await client.update(
    pods,
    {
      ...found,
      metadata: { ...found.metadata, labels: { changed: "yes" } },
      spec: {
        ...found.spec,
        containers: [{ name: "main", image: "other" }],
        ephemeralContainers: [debugContainer("a")],
      },
    },
    on,
  );
  const { metadata, spec } = await client.get(pods, KEY);
  expect(metadata.labels).toBeUndefined();
  expect(spec?.containers[0]?.image).toBe("local");
  expect(spec?.ephemeralContainers).toHaveLength(1);
});

test("neither takes one away nor changes one", async () => {
  const { client, patch } = await start();
  await patch(debugContainer("a"));
  const found = await client.get(pods, KEY);
  const put = (...ephemeralContainers: { name: string; image: string }[]) => {
    const { ephemeralContainers: _, ...spec } = found.spec ?? { containers: [] };
    return client.update(pods, { ...found, spec: { ...spec, ephemeralContainers } }, on);
  };
  await expect(put()).rejects.toMatchObject({
    code: 422,
    message: expect.stringContaining(
      'existing ephemeral containers "a" may not be removed',
    ) as string,
  });
  await expect(patch(debugContainer("a", { image: "other" }))).rejects.toMatchObject({
    message: expect.stringContaining(
      'existing ephemeral containers "a" may not be changed',
    ) as string,
  });
});

test("the pod itself takes none, when it is made or later", async () => {
  const { client } = await start();
  const ephemeralContainers = [debugContainer("a")];
  await expect(
    client.create(anything, {
      ...pod({ ephemeralContainers }),
      metadata: { namespace: "default", name: "other" },
    }),
  ).rejects.toMatchObject({
    code: 422,
    message: expect.stringContaining(
      "spec.ephemeralContainers: Forbidden: cannot be set on create",
    ) as string,
  });
  await expect(
    client.patch(pods, KEY, {
      type: "strategic",
      body: { spec: { ephemeralContainers } },
    }),
  ).rejects.toMatchObject({ code: 422 });
});

test.each<[what: string, container: object, field: string]>([
  ["a probe", { livenessProbe: { tcpSocket: { port: 1 } } }, "livenessProbe"],
  ["ports", { ports: [{ containerPort: 80 }] }, "ports"],
  ["resources", { resources: { limits: { cpu: "1" } } }, "resources"],
  ["a restart policy", { restartPolicy: "Always" }, "restartPolicy"],
  ["a target that there is not", { targetContainerName: "nobody" }, "targetContainerName"],
  ["the name of another", { name: "main" }, "name"],
])("refuses %s", async (_what, container, field) => {
  const { patch } = await start();
  await expect(patch(debugContainer("a", container))).rejects.toMatchObject({
    code: 422,
    status: { details: { causes: [{ field: `spec.ephemeralContainers[0].${field}` }] } },
  });
});
