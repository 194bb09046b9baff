import { afterEach, beforeEach, expect, test } from "vitest";
import { type Endpoints, endpoints } from "../../../src/kube/kinds/endpoints.ts";
import { endpointSlices } from "../../../src/kube/kinds/endpointslice.ts";
import { services } from "../../../src/kube/kinds/service.ts";
import { type Cluster, startCluster } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const key = { namespace: "default", name: "database" };
const written = (ips: readonly string[], labels: Record<string, string> = {}): Endpoints => ({
  apiVersion: "v1",
  kind: "Endpoints",
  metadata: { ...key, labels },
  subsets: [{ addresses: ips.map((ip) => ({ ip })), ports: [{ name: "sql", port: 5432 }] }],
});
const service = (selector?: Record<string, string>) =>
  cluster.client.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: key,
    spec: { ports: [{ name: "sql", port: 5432 }], ...(selector === undefined ? {} : { selector }) },
  });

test("hand-written Endpoints become slices, follow changes and go", async () => {
  await service();
  const created = await cluster.client.create(
    endpoints,
    written(["10.1.0.1", "10.1.0.2", "fd00::1"]),
  );
  await cluster.settle();
  const slices = await cluster.list(endpointSlices);
  expect(slices).toHaveLength(2);
  expect(slices.find(({ addressType }) => addressType === "IPv4")).toMatchObject({
    metadata: {
      labels: {
        "kubernetes.io/service-name": "database",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
      },
      ownerReferences: [{ kind: "Endpoints", uid: created.metadata.uid }],
    },
    ports: [{ name: "sql", port: 5432, protocol: "TCP" }],
    endpoints: [
      { addresses: ["10.1.0.1"], conditions: { ready: true } },
      { addresses: ["10.1.0.2"], conditions: { ready: true } },
    ],
  });
  await cluster.client.update(endpoints, {
    ...created,
    subsets: written(["10.1.0.3"]).subsets ?? [],
  });
  await cluster.settle();
  const after = await cluster.list(endpointSlices);
  expect(after.flatMap((slice) => slice.endpoints.flatMap(({ addresses }) => addresses))).toEqual([
    "10.1.0.3",
  ]);
  await cluster.client.delete(endpoints, key);
  await cluster.settle();
  expect(await cluster.list(endpointSlices)).toEqual([]);
});

test("not those that ask not to be, nor those of a Service that selects pods", async () => {
  await service();
  await cluster.client.create(
    endpoints,
    written(["10.1.0.1"], { "endpointslice.kubernetes.io/skip-mirror": "true" }),
  );
  await cluster.settle();
  expect(await cluster.list(endpointSlices)).toEqual([]);
  await cluster.client.delete(services, key);
  await service({ app: "database" });
  await cluster.settle();
  const managers = (await cluster.list(endpointSlices)).map(
    ({ metadata }) => metadata.labels?.["endpointslice.kubernetes.io/managed-by"],
  );
  expect(managers).toEqual(["endpointslice-controller.k8s.io"]);
});
