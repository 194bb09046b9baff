import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EndpointGroup } from "../../../../src/engine/controllers/endpoint-slice/slice-plan.ts";
import {
  type Topology,
  withTopology,
} from "../../../../src/engine/controllers/endpoint-slice/topology-hints.ts";
import { allocateZones } from "../../../../src/engine/controllers/endpoint-slice/zone-allocation.ts";
import type { Endpoint } from "../../../../src/kube/kinds/endpointslice.ts";
import { nodes } from "../../../../src/kube/kinds/node.ts";
import { endpointSlices } from "../../../../src/kube/kinds/endpointslice.ts";
import { deployments } from "../../../../src/kube/kinds/deployment.ts";
import { type Service, services } from "../../../../src/kube/kinds/service.ts";
import { NODE, startCluster, webDeployment } from "../cluster.ts";

const service = (
  spec: Partial<NonNullable<Service["spec"]>>,
  annotations: Record<string, string> = {},
): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "default", name: "web", annotations },
  spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80 }], ...spec },
});
const AUTO = { "service.kubernetes.io/topology-mode": "Auto" };
const endpoint = (id: number, nodeName: string, ready = true): Endpoint => ({
  addresses: [`10.0.0.${id}`],
  nodeName,
  conditions: { ready },
  targetRef: { kind: "Pod", uid: `uid-${String(id).padStart(3, "0")}` },
});
const topology = (cores: Record<string, number> = { a: 2, b: 2 }): Topology => ({
  zoneOf: (nodeName) => (nodeName === "nowhere" ? undefined : nodeName[0]),
  coresByZone: () => new Map(Object.entries(cores)),
});
const hintsOf = (object: Service, endpoints: Endpoint[], at: Topology = topology()) => {
  const groups: EndpointGroup[] = [{ ports: [], endpoints }];
  return withTopology(object, groups, at).flatMap((group) =>
    group.endpoints.map(({ hints }) => ({
      zones: (hints?.forZones ?? []).map(({ name }) => name).join(),
      nodes: (hints?.forNodes ?? []).map(({ name }) => name).join(),
    })),
  );
};

describe("traffic distribution", () => {
  const two = [endpoint(1, "a1"), endpoint(2, "b1")];
  test.each(["PreferClose", "PreferSameZone"])(
    "%s means each endpoint for its own zone",
    (kind) => {
      expect(hintsOf(service({ trafficDistribution: kind }), two)).toEqual([
        { zones: "a", nodes: "" },
        { zones: "b", nodes: "" },
      ]);
    },
  );
  test("PreferSameNode names the node, and the zone for clients on others", () => {
    expect(hintsOf(service({ trafficDistribution: "PreferSameNode" }), two)).toEqual([
      { zones: "a", nodes: "a1" },
      { zones: "b", nodes: "b1" },
    ]);
  });
  test("what is not ready, or nobody knows where, has no hint", () => {
    const endpoints = [endpoint(1, "a1", false), endpoint(2, "nowhere")];
    expect(hintsOf(service({ trafficDistribution: "PreferClose" }), endpoints)).toEqual([
      { zones: "", nodes: "" },
      { zones: "", nodes: "" },
    ]);
  });
  test("without it endpoints have their zone but no hint", () => {
    const [group] = withTopology(service({}), [{ ports: [], endpoints: two }], topology());
    expect(group?.endpoints.map(({ zone, hints }) => ({ zone, hints }))).toEqual([
      { zone: "a", hints: undefined },
      { zone: "b", hints: undefined },
    ]);
  });
});

describe("the topology mode Auto", () => {
  test("makes up for a zone that has fewer endpoints than cores, and wins over the distribution", () => {
    const endpoints = [1, 2, 3, 4].map((id) => endpoint(id, id === 4 ? "b1" : "a1"));
    const object = service({ trafficDistribution: "PreferSameNode" }, AUTO);
    expect(hintsOf(object, endpoints)).toEqual([
      { zones: "a", nodes: "" },
      { zones: "a", nodes: "" },
      { zones: "b", nodes: "" },
      { zones: "b", nodes: "" },
    ]);
  });
  test("gives no hints where no fair share exists", () => {
    const some = [endpoint(1, "a1"), endpoint(2, "b1")];
    const none = [
      { zones: "", nodes: "" },
      { zones: "", nodes: "" },
    ];
    const auto = service({}, AUTO);
    expect(hintsOf(auto, some, topology({ a: 4 }))).toEqual(none);
    expect(hintsOf(auto, some, topology({ a: 1, b: 1, c: 1 }))).toEqual(none);
    expect(hintsOf(auto, some, { ...topology(), coresByZone: () => undefined })).toEqual(none);
    expect(hintsOf(auto, [endpoint(1, "a1"), endpoint(2, "nowhere")])).toEqual(none);
  });
  test("never leaves a zone with less than its share, whatever the spread", () => {
    const spread = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 3, maxLength: 60 });
    const cores = fc.record({
      a: fc.integer({ min: 1, max: 64 }),
      b: fc.integer({ min: 1, max: 64 }),
      c: fc.integer({ min: 1, max: 64 }),
    });
    fc.assert(
      fc.property(spread, cores, (zones, each) => {
        const ready = zones.map((zone, id) => ({ ...endpoint(id, `${zone}1`), zone }));
        const given = allocateZones(ready, new Map(Object.entries(each)));
        if (given === undefined) return;
        expect(given.size).toBe(ready.length);
        const total = each.a + each.b + each.c;
        for (const zone of ["a", "b", "c"] as const) {
          const count = [...given.values()].filter((name) => name === zone).length;
          const desired = (each[zone] / total) * ready.length;
          // Nobody carries more than a fifth above the average.
          expect(desired / count).toBeLessThanOrEqual(1.2 + 1e-9);
        }
      }),
    );
  });
});

test("slices carry hints, and follow a node that moves to another zone", async () => {
  const cluster = await startCluster();
  try {
    const { client } = cluster;
    const label = (zone: string) =>
      client.patch(
        nodes,
        { name: NODE },
        {
          type: "merge",
          body: { metadata: { labels: { "topology.kubernetes.io/zone": zone } } },
        },
      );
    await label("a");
    await client.create(services, service({ trafficDistribution: "PreferSameNode" }));
    await client.create(deployments, webDeployment(2));
    const hints = async () =>
      (await cluster.list(endpointSlices)).flatMap(({ endpoints }) =>
        (endpoints ?? []).map((each) => ({ zone: each.zone, hints: each.hints })),
      );
    const inZone = (name: string) => {
      const one = { zone: name, hints: { forZones: [{ name }], forNodes: [{ name: NODE }] } };
      return JSON.stringify([one, one]);
    };
    await cluster.until(async () => JSON.stringify(await hints()) === inZone("a"));
    await label("b");
    await cluster.until(async () => JSON.stringify(await hints()) === inZone("b"));
  } finally {
    await cluster.stop();
  }
});
