import { expect, test } from "vitest";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { bootstrap, publishApiAddress } from "../../../src/engine/apiserver/bootstrap.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import { endpointSlices } from "../../../src/kube/kinds/endpointslice.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { services } from "../../../src/kube/kinds/service.ts";
import { admin } from "./test-server.ts";

test("a new cluster gets its namespaces and the Service kubernetes; a second start changes nothing", async () => {
  const store = new MemoryStore();
  const server = createApiServer({ store });
  const client = new InProcessClient(server, admin);
  await bootstrap(server);
  await publishApiAddress(server, { ip: "127.0.0.1", port: 6443 });
  const { items } = await client.list(namespaces);
  expect(items.map(({ metadata }) => metadata.name)).toEqual([
    "default",
    "kube-node-lease",
    "kube-public",
    "kube-system",
  ]);
  expect(items[0]).toMatchObject({
    metadata: { labels: { "kubernetes.io/metadata.name": "default" } },
    spec: { finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  });
  const service = await client.get(services, { namespace: "default", name: "kubernetes" });
  expect(service.spec?.clusterIP).toBe("127.96.0.1");

  const { revision } = store;
  await bootstrap(server);
  await publishApiAddress(server, { ip: "127.0.0.1", port: 6443 });
  expect(store.revision).toBe(revision);
});

test("the endpoint of the Service kubernetes follows the address of the API", async () => {
  const server = createApiServer({ store: new MemoryStore() });
  await bootstrap(server);
  await publishApiAddress(server, { ip: "127.0.0.1", port: 6443 });
  await publishApiAddress(server, { ip: "127.0.0.1", port: 7443 });
  const slice = await new InProcessClient(server, admin).get(endpointSlices, {
    namespace: "default",
    name: "kubernetes",
  });
  expect(slice.ports).toMatchObject([{ name: "https", port: 7443 }]);
});

test("the API may move between IPv4 and IPv6", async () => {
  const server = createApiServer({ store: new MemoryStore() });
  const client = new InProcessClient(server, admin);
  await bootstrap(server);
  for (const [ip, addressType] of [
    ["127.0.0.1", "IPv4"],
    ["::1", "IPv6"],
    ["127.0.0.1", "IPv4"],
  ] as const) {
    await publishApiAddress(server, { ip, port: 6443 });
    const slice = await client.get(endpointSlices, { namespace: "default", name: "kubernetes" });
    expect(slice).toMatchObject({ addressType, endpoints: [{ addresses: [ip] }] });
  }
});
