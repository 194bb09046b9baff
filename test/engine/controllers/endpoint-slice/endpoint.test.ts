import { expect, test } from "vitest";
import { podEndpoint } from "../../../../src/engine/controllers/endpoint-slice/endpoint.ts";
import { endpointPorts } from "../../../../src/engine/controllers/service-endpoints/endpoint-ports.ts";
import { endpointSubsets } from "../../../../src/engine/controllers/service-endpoints/subsets.ts";
import type { Pod } from "../../../../src/kube/kinds/pod.ts";
import type { Service } from "../../../../src/kube/kinds/service.ts";
import { type PodSample, pod } from "../sample-objects.ts";

const service = (spec: Partial<NonNullable<Service["spec"]>> = {}): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "a", name: "web" },
  spec: {
    selector: { app: "web" },
    ports: [{ name: "http", port: 80, targetPort: "http" }],
    ...spec,
  },
});
function podAt(ip: string, sample: PodSample = {}, hostPorts?: string): Pod {
  const base = pod(`pod-${ip}`, sample);
  const annotations =
    hostPorts === undefined ? {} : { annotations: { "gantry.dev/host-ports": hostPorts } };
  return {
    ...base,
    metadata: { ...base.metadata, ...annotations },
    spec: {
      containers: [{ name: "app", image: "v1", ports: [{ name: "http", containerPort: 8080 }] }],
      initContainers: [
        { name: "once", image: "v1", ports: [{ name: "metrics", containerPort: 1 }] },
        {
          name: "side",
          image: "v1",
          restartPolicy: "Always",
          ports: [{ name: "metrics", containerPort: 9090 }],
        },
      ],
      nodeName: "n1",
    },
    status: { ...base.status, podIP: ip },
  };
}
const conditions = (sample: PodSample, spec = {}) =>
  podEndpoint(service(spec), podAt("10.0.0.1", sample), "IPv4")?.conditions;

test.each([
  ["ready", { readyFor: 1 }, {}, { ready: true, serving: true, terminating: false }],
  ["not ready", {}, {}, { ready: false, serving: false, terminating: false }],
  [
    "shutting down, still answering",
    { readyFor: 1, deleting: true },
    {},
    { ready: false, serving: true, terminating: true },
  ],
  [
    "shutting down, silent",
    { deleting: true },
    {},
    { ready: false, serving: false, terminating: true },
  ],
  [
    "published though not ready",
    {},
    { publishNotReadyAddresses: true },
    { ready: true, serving: false, terminating: false },
  ],
])("conditions of a pod that is %s", (_, sample, spec, expected) => {
  expect(conditions(sample, spec)).toEqual(expected);
});

test("finished pods and pods without an address of the family are no endpoints", () => {
  expect(conditions({ phase: "Succeeded" })).toBeUndefined();
  expect(podEndpoint(service(), pod("no-ip", { readyFor: 1 }), "IPv4")).toBeUndefined();
  expect(podEndpoint(service(), podAt("10.0.0.1"), "IPv6")).toBeUndefined();
  expect(podEndpoint(service(), podAt("fd00::1"), "IPv6")?.addresses).toEqual(["fd00::1"]);
});

test("an endpoint names its pod and node", () => {
  expect(podEndpoint(service(), podAt("10.0.0.1"), "IPv4")).toMatchObject({
    addresses: ["10.0.0.1"],
    nodeName: "n1",
    targetRef: { kind: "Pod", namespace: "a", name: "pod-10.0.0.1", uid: "uid-pod-10.0.0.1" },
  });
});

test.each([
  ["by name", { targetPort: "http" }, 8080],
  ["of a sidecar by name, not of an init container", { targetPort: "metrics" }, 9090],
  ["by number", { targetPort: 7000 }, 7000],
  ["the Service's own", {}, 80],
  ["by a name of another protocol", { targetPort: "http", protocol: "UDP" }, undefined],
  ["by an unknown name", { targetPort: "nope" }, undefined],
])("target port %s", (_, port, expected) => {
  const ports = endpointPorts(
    service({ ports: [{ name: "p", port: 80, ...port }] }),
    podAt("10.0.0.1"),
  );
  expect(ports.map((found) => found.port)).toEqual(expected === undefined ? [] : [expected]);
});

test("where pods share the host, the port is the one on the host; a spoilt annotation means none", () => {
  const port = (hostPorts: string): number | undefined =>
    endpointPorts(service(), podAt("127.0.0.1", {}, hostPorts))[0]?.port;
  expect(port('{"8080":34567}')).toBe(34567);
  for (const spoilt of [
    "{",
    "null",
    "[]",
    '{"8080":"x"}',
    '{"8080":1.5}',
    '{"__proto__":{"8080":1}}',
  ])
    expect(port(spoilt)).toBe(8080);
});

test("legacy subsets: same ports together, ready and not ready apart, none that is going", () => {
  const subsets = endpointSubsets(service(), [
    podAt("10.0.0.2", { readyFor: 1 }),
    podAt("10.0.0.1", { readyFor: 1 }),
    podAt("10.0.0.3", {}),
    podAt("10.0.0.4", { readyFor: 1, deleting: true }),
    podAt("10.0.0.5", { readyFor: 1 }, '{"8080":5000}'),
  ]);
  expect(subsets.isTruncated).toBe(false);
  expect(
    subsets.subsets.map(({ addresses = [], notReadyAddresses = [], ports = [] }) => [
      addresses.map(({ ip }) => ip),
      notReadyAddresses.map(({ ip }) => ip),
      ports.map(({ port }) => port),
    ]),
  ).toEqual([
    [["10.0.0.5"], [], [5000]],
    [["10.0.0.1", "10.0.0.2"], ["10.0.0.3"], [8080]],
  ]);
});

test("legacy subsets hold 1,000 addresses, ready ones first", () => {
  const many = Array.from({ length: 1_100 }, (_, i) =>
    podAt(`10.0.${i >> 8}.${i & 255}`, i < 200 ? {} : { readyFor: 1 }),
  );
  const { subsets, isTruncated } = endpointSubsets(service(), many);
  expect(isTruncated).toBe(true);
  expect(subsets[0]?.addresses).toHaveLength(900);
  expect(subsets[0]?.notReadyAddresses).toHaveLength(100);
});
