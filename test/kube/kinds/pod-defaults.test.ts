/** What a pod gets that its schema alone cannot say. */
import { describe, expect, test } from "vitest";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { qosClass } from "../../../src/kube/kinds/pod/qos-class.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { completed, type Draft } from "./checked.ts";

const podSpec = (spec: Draft) => completed(pods, { spec }).spec;
const container = (fields: Draft) =>
  podSpec({ containers: [{ name: "app", image: "web:1", ...fields }] })?.containers[0];

describe("image pull policy", () => {
  test.each([
    ["web", "Always"],
    ["web:latest", "Always"],
    ["web:1", "IfNotPresent"],
    ["registry:5000/web", "Always"],
    ["registry:5000/web:1", "IfNotPresent"],
    [`web@sha256:${"0".repeat(64)}`, "IfNotPresent"],
    [`web:latest@sha256:${"0".repeat(64)}`, "IfNotPresent"],
  ])("of %s is %s", (image, policy) => {
    expect(container({ image })?.imagePullPolicy).toBe(policy);
  });
  test("stays as given", () => {
    expect(container({ image: "web", imagePullPolicy: "Never" })?.imagePullPolicy).toBe("Never");
  });
});

describe("resources", () => {
  test("a limit without a request requests the limit", () => {
    const limits = { cpu: "500m", memory: "1Gi" };
    expect(container({ resources: { limits, requests: { cpu: "100m" } } })?.resources).toEqual({
      limits,
      requests: { cpu: "100m", memory: "1Gi" },
    });
  });
  test("quantities are written canonically", () => {
    const requests = { cpu: 0.1, memory: "1024Mi" };
    expect(container({ resources: { requests } })?.resources?.requests).toEqual({
      cpu: "100m",
      memory: "1Gi",
    });
  });
  test("in a template limits are not copied, only pods are", () => {
    const resources = { limits: { cpu: "1" } };
    const template = { spec: { containers: [{ name: "app", image: "web:1", resources }] } };
    const deployment = completed(deployments, { spec: { template } });
    expect(deployment.spec?.template.spec?.containers[0]?.resources).toEqual(resources);
    expect(deployment.spec?.template.spec?.containers[0]?.imagePullPolicy).toBe("IfNotPresent");
  });
});

test("with the host's network, container ports are host ports, for pods but not for templates", () => {
  const spec = {
    hostNetwork: true,
    containers: [
      {
        name: "app",
        image: "web:1",
        ports: [{ containerPort: 80 }, { containerPort: 81, hostPort: 81 }],
      },
    ],
  };
  const portsOf = (given: typeof spec | undefined) =>
    given?.containers[0]?.ports.map(({ hostPort }) => hostPort);
  expect(portsOf(completed(pods, { spec }).spec as typeof spec | undefined)).toEqual([80, 81]);
  const deployment = completed(deployments, { spec: { template: { spec } } });
  expect(portsOf(deployment.spec?.template.spec as typeof spec | undefined)).toEqual([
    undefined,
    81,
  ]);
});

test("a volume without a source is an emptyDir", () => {
  const volumes = [{ name: "a" }, { name: "b", configMap: { name: "c" } }];
  const spec = podSpec({ containers: [], volumes });
  expect(spec?.volumes?.[0]).toEqual({ name: "a", emptyDir: {} });
  expect(spec?.volumes?.[1]?.emptyDir).toBeUndefined();
});

describe("service account", () => {
  test("is default, under both of its names", () => {
    expect(podSpec({ containers: [] })).toMatchObject({
      serviceAccountName: "default",
      serviceAccount: "default",
    });
  });
  test("may be given by the deprecated name", () => {
    const template = { spec: { serviceAccount: "robot", containers: [] } };
    expect(completed(deployments, { spec: { template } }).spec?.template.spec).toMatchObject({
      serviceAccountName: "robot",
    });
  });
});

test("a pod outlives its node for five minutes unless it says otherwise", () => {
  const seconds = (tolerations: Draft[]) =>
    podSpec({ containers: [], tolerations })?.tolerations?.map(
      ({ tolerationSeconds }) => tolerationSeconds,
    );
  expect(seconds([])).toEqual([300, 300]);
  expect(
    seconds([
      {
        key: "node.kubernetes.io/not-ready",
        operator: "Exists",
        effect: "NoExecute",
        tolerationSeconds: 5,
      },
    ]),
  ).toEqual([5, 300]);
  expect(seconds([{ operator: "Exists" }])).toEqual([undefined]);
});

describe("quality of service", () => {
  const of = (...resources: Draft[]) =>
    qosClass({
      containers: resources.map((each, index) => ({ name: `c${index}`, resources: each })),
    });
  const both = { cpu: "1", memory: "1Gi" };
  test.each([
    ["BestEffort", of({})],
    ["BestEffort", of({ limits: { "example.com/gpu": "1" } })],
    ["Guaranteed", of({ limits: both })],
    ["Guaranteed", of({ limits: both, requests: { cpu: "1000m", memory: "1024Mi" } })],
    ["Burstable", of({ limits: both }, {})],
    ["Burstable", of({ requests: { cpu: "100m" } })],
    ["Burstable", of({ limits: { cpu: "1" } })],
    ["Burstable", of({ limits: both, requests: { cpu: "500m" } })],
    ["BestEffort", qosClass("nonsense")],
  ])("%s", (expected, found) => {
    expect(found).toBe(expected);
  });
  test("is part of a new pod's status, with phase Pending", () => {
    expect(
      completed(pods, { spec: { containers: [] }, status: { phase: "Running" } }).status,
    ).toEqual({
      phase: "Pending",
      qosClass: "BestEffort",
    });
  });
});
