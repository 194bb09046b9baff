import fc from "fast-check";
import { expect, test } from "vitest";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import { type Service, services } from "../../../src/kube/kinds/service.ts";
import { admin, inDefault, startServer } from "./test-server.ts";

type Spec = NonNullable<Service["spec"]>;

const service = (name: string, spec: Partial<Spec> = {}): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: inDefault(name) as { name: string },
  spec: { ports: [{ port: 80 }], ...spec },
});

test("a Service gets an address of the loopback range, beyond the static band", async () => {
  const { client } = await startServer();
  const { spec } = await client.create(services, service("a"));
  expect(spec?.clusterIP).toMatch(/^127\.96\.\d+\.\d+$/);
  expect(spec?.clusterIP).not.toMatch(/^127\.96\.0\./);
  expect(spec?.clusterIPs).toEqual([spec?.clusterIP]);
  expect(spec).toMatchObject({ ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" });
});

test("headless and external Services get none", async () => {
  const { client } = await startServer();
  const headless = await client.create(services, service("a", { clusterIP: "None" }));
  expect(headless.spec).toMatchObject({ clusterIP: "None", clusterIPs: ["None"] });
  const external = await client.create(
    services,
    service("b", { type: "ExternalName", externalName: "example.com" }),
  );
  expect(external.spec?.clusterIP).toBeUndefined();
});

test("no two Services ever hold one address or node port, however many are made and deleted at once", async () => {
  const steps = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom("ClusterIP", "NodePort", "delete")),
    { maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (each) => {
      const { client } = await startServer();
      await Promise.all(
        each.map(([index, action]) =>
          (action === "delete"
            ? client.delete(services, inDefault(`s${index}`))
            : client.create(services, service(`s${index}`, { type: action }))
          ).catch(() => undefined),
        ),
      );
      const { items } = await client.list(services);
      const addresses = items.map(({ spec }) => spec?.clusterIP);
      const ports = items.flatMap(({ spec }) =>
        (spec?.ports ?? []).flatMap(({ nodePort }) => (nodePort === undefined ? [] : [nodePort])),
      );
      expect(new Set(addresses).size).toBe(items.length);
      expect(new Set(ports).size).toBe(ports.length);
    }),
    { numRuns: 25 },
  );
});

test("an address or a node port that is taken, or not in the range, is refused as upstream does", async () => {
  const { client } = await startServer();
  const first = await client.create(
    services,
    service("a", {
      type: "NodePort",
      clusterIP: "127.96.0.9",
      ports: [{ port: 80, nodePort: 30_080 }],
    }),
  );
  expect(first.spec).toMatchObject({ clusterIP: "127.96.0.9", ports: [{ nodePort: 30_080 }] });
  const refused = (spec: Partial<Spec>): Promise<unknown> =>
    client.create(services, service("b", spec)).catch((error: unknown) => error);
  expect(await refused({ clusterIP: "127.96.0.9" })).toMatchObject({
    code: 422,
    message:
      'Service "b" is invalid: spec.clusterIPs: Invalid value: ["127.96.0.9"]: failed to allocate IP 127.96.0.9: provided IP is already allocated',
  });
  expect(await refused({ clusterIP: "10.0.0.1" })).toMatchObject({
    code: 422,
    message: expect.stringContaining("The range of valid IPs is 127.96.0.0/16") as string,
  });
  expect(
    await refused({ type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] }),
  ).toMatchObject({
    message:
      'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
  });
  expect(await refused({ type: "NodePort", ports: [{ port: 80, nodePort: 80 }] })).toMatchObject({
    message: expect.stringContaining("The range of valid ports is 30000-32767") as string,
  });
  expect(await refused({ ipFamilyPolicy: "RequireDualStack" })).toMatchObject({
    message: expect.stringContaining("not configured for dual-stack") as string,
  });
});

test("what a Service no longer needs is free again: type change, deletion", async () => {
  const { client } = await startServer();
  const made = await client.create(
    services,
    service("a", {
      type: "NodePort",
      clusterIP: "127.96.0.9",
      ports: [{ port: 80, nodePort: 30_080 }],
    }),
  );
  const { nodePort: _, ...port } = made.spec?.ports?.[0] ?? { port: 80 };
  await client.update(services, {
    ...made,
    spec: { ...made.spec, type: "ClusterIP", ports: [port] },
  });
  await client.create(
    services,
    service("b", { type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] }),
  );
  await client.patch(services, inDefault("a"), {
    type: "merge",
    body: {
      spec: {
        type: "ExternalName",
        externalName: "example.com",
        clusterIP: null,
        clusterIPs: null,
      },
    },
  });
  await client.create(services, service("c", { clusterIP: "127.96.0.9" }));
  await client.delete(services, inDefault("c"));
  const last = await client.create(services, service("d", { clusterIP: "127.96.0.9" }));
  expect(last.spec?.clusterIP).toBe("127.96.0.9");
});

test("an update keeps what was allocated, and allocates what the new type needs", async () => {
  const { client } = await startServer();
  const made = await client.create(services, service("a"));
  const updated = await client.update(services, service("a", { type: "NodePort" }));
  expect(updated.spec?.clusterIP).toBe(made.spec?.clusterIP);
  const nodePort = updated.spec?.ports?.[0]?.nodePort;
  expect(nodePort).toBeGreaterThanOrEqual(30_086);
  const again = await client.update(services, service("a", { type: "NodePort" }));
  expect(again.spec?.ports?.[0]?.nodePort).toBe(nodePort);
});

test("one port over two protocols gets one node port; a LoadBalancer with local traffic a port for health checks", async () => {
  const { client } = await startServer();
  const ports = [
    { name: "dns", port: 53, protocol: "UDP" },
    { name: "dns-tcp", port: 53, protocol: "TCP" },
  ] as const;
  const dns = await client.create(
    services,
    service("dns", { type: "LoadBalancer", externalTrafficPolicy: "Local", ports: [...ports] }),
  );
  const [udp, tcp] = dns.spec?.ports ?? [];
  expect(udp?.nodePort).toBe(tcp?.nodePort);
  expect(dns.spec?.healthCheckNodePort).not.toBe(udp?.nodePort);
  expect(dns.spec?.healthCheckNodePort).toBeGreaterThanOrEqual(30_000);
  const without = await client.create(
    services,
    service("b", { type: "LoadBalancer", allocateLoadBalancerNodePorts: false }),
  );
  expect(without.spec?.ports?.[0]?.nodePort).toBeUndefined();
});

test("a refused or dry write holds nothing", async () => {
  const { client } = await startServer();
  const wanted = service("a", { clusterIP: "127.96.0.9" });
  await client.create(services, wanted, { dryRun: true });
  await expect(
    client.create(services, service("Bad_Name", { clusterIP: "127.96.0.9" })),
  ).rejects.toMatchObject({ code: 422 });
  const { spec } = await client.create(services, wanted);
  expect(spec?.clusterIP).toBe("127.96.0.9");
});

test("a server that starts on a full store knows what is taken", async () => {
  const { client, store } = await startServer();
  await client.create(services, service("a", { clusterIP: "127.96.0.9" }));
  const restarted = new InProcessClient(createApiServer({ store }), admin);
  await expect(
    restarted.create(services, service("b", { clusterIP: "127.96.0.9" })),
  ).rejects.toMatchObject({ code: 422 });
});

test("when the range is used up the error says so", async () => {
  const { client } = await startServer();
  const ports = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      name: `p${index}`,
      port: index + 1,
      nodePort: from + index,
    }));
  await client.create(services, service("a", { type: "NodePort", ports: ports(30_000, 1_400) }));
  await client.create(services, service("b", { type: "NodePort", ports: ports(31_400, 1_368) }));
  await expect(client.create(services, service("c", { type: "NodePort" }))).rejects.toMatchObject({
    code: 500,
    message: expect.stringContaining("failed to allocate a nodePort") as string,
  });
});

/** What a Service holds, as clients see it. */
const heldBy = ({ spec = {} }: Service) => ({
  type: spec.type,
  hasAddress: spec.clusterIP !== undefined && spec.clusterIP !== "",
  addresses: spec.clusterIPs?.length ?? 0,
  nodePorts: (spec.ports ?? []).filter(({ nodePort }) => (nodePort ?? 0) !== 0).length,
  healthPort: (spec.healthCheckNodePort ?? 0) !== 0,
  families: spec.ipFamilies?.length ?? 0,
});
const HELD = {
  ClusterIP: { hasAddress: true, addresses: 1, nodePorts: 0, healthPort: false, families: 1 },
  NodePort: { hasAddress: true, addresses: 1, nodePorts: 1, healthPort: false, families: 1 },
  LoadBalancer: { hasAddress: true, addresses: 1, nodePorts: 1, healthPort: true, families: 1 },
  ExternalName: { hasAddress: false, addresses: 0, nodePorts: 0, healthPort: false, families: 0 },
} as const;
type Type = keyof typeof HELD;
/** As kubectl and the conformance tests write it: the whole object back, with another type. */
const retyped = (current: Service, type: Type): Service => {
  const { externalName: _, ...spec } = current.spec ?? {};
  const fields: Record<Type, Partial<Spec>> = {
    ClusterIP: {},
    NodePort: {},
    LoadBalancer: { externalTrafficPolicy: "Local" },
    ExternalName: { externalName: "example.com" },
  };
  return { ...current, spec: { ...spec, type, ...fields[type] } };
};

test("from any type to any other, a Service holds what the type needs and nothing else", async () => {
  const types: Type[] = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...types), { minLength: 1, maxLength: 8 }),
      async (path) => {
        const { client } = await startServer();
        let current = await client.create(services, service("a"));
        for (const type of path) {
          const before = current;
          current = await client.update(services, retyped(current, type));
          expect(heldBy(current)).toEqual({ type, ...HELD[type] });
          const bothNeed = before.spec?.type !== "ExternalName" && type !== "ExternalName";
          if (bothNeed) expect(current.spec?.clusterIP).toBe(before.spec?.clusterIP);
        }
        await client.delete(services, inDefault("a"));
      },
    ),
    { numRuns: 40 },
  );
});

test("what a type change gave up is anybody's at once", async () => {
  const { client } = await startServer();
  const made = await client.create(
    services,
    service("a", {
      type: "LoadBalancer",
      clusterIP: "127.96.0.9",
      externalTrafficPolicy: "Local",
      healthCheckNodePort: 30_090,
      ports: [{ port: 80, nodePort: 30_080 }],
    }),
  );
  await client.update(services, retyped(made, "ExternalName"));
  const other = await client.create(
    services,
    service("b", {
      type: "NodePort",
      clusterIP: "127.96.0.9",
      ports: [
        { name: "a", port: 80, nodePort: 30_080 },
        { name: "b", port: 81, nodePort: 30_090 },
      ],
    }),
  );
  expect(other.spec?.clusterIP).toBe("127.96.0.9");
});

test("the addresses of a load balancer go with its type", async () => {
  const { client } = await startServer();
  const made = await client.create(services, service("a", { type: "LoadBalancer" }));
  const balanced = await client.update(
    services,
    { ...made, status: { loadBalancer: { ingress: [{ ip: "10.0.0.1" }] } } },
    { subresource: "status" },
  );
  expect(balanced.status?.loadBalancer?.ingress).toEqual([{ ip: "10.0.0.1", ipMode: "VIP" }]);
  const plain = await client.update(services, retyped(balanced, "NodePort"));
  expect(plain.status?.loadBalancer).toEqual({});
  await expect(
    client.update(
      services,
      { ...plain, status: { loadBalancer: { ingress: [{ ip: "10.0.0.1" }] } } },
      { subresource: "status" },
    ),
  ).rejects.toMatchObject({ code: 422 });
});

test("a cluster of one family gives one, unless two are required", async () => {
  const { client } = await startServer();
  const preferring = await client.create(
    services,
    service("a", { ipFamilyPolicy: "PreferDualStack" }),
  );
  expect(preferring.spec).toMatchObject({
    ipFamilyPolicy: "PreferDualStack",
    ipFamilies: ["IPv4"],
  });
  expect(preferring.spec?.clusterIPs).toHaveLength(1);
  const foreign = await client.create(services, service("b", { clusterIP: "None" }));
  expect(foreign.spec).toMatchObject({
    ipFamilyPolicy: "RequireDualStack",
    ipFamilies: ["IPv4", "IPv6"],
  });
  await expect(
    client.create(services, service("c", { ipFamilies: ["IPv6"] })),
  ).rejects.toMatchObject({ code: 422 });
  await expect(
    client.create(
      services,
      service("d", { ipFamilyPolicy: "RequireDualStack", clusterIP: "None", selector: { a: "b" } }),
    ),
  ).rejects.toMatchObject({ code: 422 });
});
