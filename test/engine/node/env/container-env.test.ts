import { describe, expect, it } from "vitest";
import { commandLine, containerEnv } from "../../../../src/engine/node/env/container-env.ts";
import type { Container } from "../../../../src/engine/node/pod-model.ts";
import { data, facts, podWith } from "./env-fixture.ts";

const settings = data(
  { settings: { COLOUR: "blue", "app.conf": "text", "a=b": "no name" } },
  { keys: { TOKEN: "secret" } },
);
function envOf(
  container: Partial<Container>,
  overrides: Parameters<typeof podWith>[1] = {},
  extra: Partial<Parameters<typeof containerEnv>[0]> = {},
) {
  return containerEnv({
    ...podWith(container, overrides),
    data: settings,
    node: facts,
    serviceLinks: new Map(),
    portMap: new Map(),
    ...extra,
  });
}
const valuesOf = (...parameters: Parameters<typeof envOf>) =>
  Object.fromEntries(envOf(...parameters).env);

describe("values", () => {
  it("expand what was defined before, not after", () => {
    const env = [
      { name: "A", value: "$(B)" },
      { name: "B", value: "b" },
      { name: "C", value: "$(A) $(B) $$(B)" },
    ];
    expect(valuesOf({ env })).toEqual({ A: "$(B)", B: "b", C: "$(B) b $(B)" });
  });
  it("are empty when none is given", () => {
    expect(valuesOf({ env: [{ name: "A" }] })).toEqual({ A: "" });
  });
  it("come from ConfigMaps and Secrets by key", () => {
    const env = [
      { name: "A", valueFrom: { configMapKeyRef: { name: "settings", key: "COLOUR" } } },
      { name: "B", valueFrom: { secretKeyRef: { name: "keys", key: "TOKEN" } } },
      { name: "C", value: "$(A)-$(B)" },
    ];
    expect(valuesOf({ env })).toEqual({ A: "blue", B: "secret", C: "blue-secret" });
  });
  it("come from fields", () => {
    const field = (name: string, fieldPath: string) => ({
      name,
      valueFrom: { fieldRef: { fieldPath } },
    });
    const env = [
      field("NAME", "metadata.name"),
      field("NAMESPACE", "metadata.namespace"),
      field("UID", "metadata.uid"),
      field("NODE", "spec.nodeName"),
      field("ACCOUNT", "spec.serviceAccountName"),
      field("HOST", "status.hostIP"),
      field("IP", "status.podIP"),
      field("LABEL", "metadata.labels['example.com/tier']"),
      field("NONE", "metadata.annotations['none']"),
    ];
    const metadata = { labels: { "example.com/tier": "front" } };
    expect(valuesOf({ env }, { metadata, spec: { serviceAccountName: "robot" } })).toEqual({
      NAME: "web-0",
      NAMESPACE: "default",
      UID: "uid-1",
      NODE: "node-1",
      ACCOUNT: "robot",
      HOST: "192.0.2.1",
      IP: "127.0.0.1",
      LABEL: "front",
      NONE: "",
    });
  });
  it.each([
    ["limits.cpu", undefined, "2"],
    ["limits.cpu", "1m", "1500"],
    ["limits.memory", undefined, String(64 * 1024 * 1024)],
    ["limits.memory", "1Mi", "64"],
    ["limits.memory", "1Gi", "1"],
    ["requests.cpu", undefined, "1"],
    ["requests.memory", undefined, "0"],
    ["limits.ephemeral-storage", undefined, "0"],
  ])("come from resources: %s in units of %s is %s", (resource, divisor, expected) => {
    const resourceFieldRef = { resource, ...(divisor === undefined ? {} : { divisor }) };
    const resources = { limits: { cpu: "1500m", memory: "64Mi" }, requests: { cpu: "100m" } };
    const env = [{ name: "R", valueFrom: { resourceFieldRef } }];
    expect(valuesOf({ env, resources })).toEqual({ R: expected });
  });
  it("come from what the node has, where there is no limit", () => {
    const resourceFieldRef = { resource: "limits.memory", divisor: "1Gi" };
    expect(valuesOf({ env: [{ name: "R", valueFrom: { resourceFieldRef } }] })).toEqual({ R: "8" });
  });
});

describe("envFrom", () => {
  it("takes all keys, with a prefix, and is overridden by env", () => {
    const envFrom = [
      { prefix: "X_", configMapRef: { name: "settings" } },
      { secretRef: { name: "keys" } },
    ];
    const env = [{ name: "TOKEN", value: "own $(X_COLOUR)" }];
    expect(valuesOf({ envFrom, env })).toEqual({
      X_COLOUR: "blue",
      "X_app.conf": "text",
      TOKEN: "own blue",
    });
  });
  it("skips keys that can be no names, and says which", () => {
    const { skipped } = envOf({ envFrom: [{ configMapRef: { name: "settings" } }] });
    expect(skipped).toEqual([
      "Keys [a=b] from the EnvFrom configmap settings were skipped since they are considered invalid environment variable names.",
    ]);
  });
});

describe("what is missing", () => {
  const ref = (name: string, key: string, optional?: boolean) => ({
    env: [
      {
        name: "A",
        valueFrom: {
          configMapKeyRef: { name, key, ...(optional === undefined ? {} : { optional }) },
        },
      },
    ],
  });
  it("is an error that names it", () => {
    expect(() => envOf(ref("none", "k"))).toThrow('configmap "none" not found');
    expect(() => envOf(ref("settings", "k"))).toThrow(
      "couldn't find key k in ConfigMap default/settings",
    );
    expect(() => envOf({ envFrom: [{ secretRef: { name: "none" } }] })).toThrow(
      'secret "none" not found',
    );
  });
  it("is nothing when it is optional", () => {
    expect(valuesOf(ref("none", "k", true))).toEqual({});
    expect(valuesOf(ref("settings", "k", true))).toEqual({});
    expect(valuesOf({ envFrom: [{ secretRef: { name: "none", optional: true } }] })).toEqual({});
  });
});

describe("ports", () => {
  const ports = [
    { name: "http", containerPort: 8080 },
    { name: "admin-ui", containerPort: 9090 },
  ];
  const portMap = new Map([
    [8080, 20001],
    [9090, 20002],
    [7070, 20003],
  ]);
  it("are told as PORT and PORT_<NAME>", () => {
    expect(valuesOf({ ports }, {}, { portMap })).toEqual({
      PORT: "20001",
      PORT_HTTP: "20001",
      PORT_ADMIN_UI: "20002",
    });
  });
  it("of other containers of the pod are told by name", () => {
    const other = { name: "sidecar", ports: [{ name: "metrics", containerPort: 7070 }] };
    const { pod, container } = podWith({ ports: [{ containerPort: 8080 }] });
    const both = { ...pod, spec: { containers: [container, other] } };
    expect(valuesOf({}, {}, { pod: both, container, portMap })).toEqual({
      PORT: "20001",
      PORT_METRICS: "20003",
    });
  });
  it("that a manifest sets to its own container port follow the mapping", () => {
    const env = [{ name: "PORT", value: "8080" }];
    expect(valuesOf({ ports, env }, {}, { portMap })).toMatchObject({ PORT: "20001" });
    const elsewhere = [{ name: "PORT", value: "1234" }];
    expect(valuesOf({ ports, env: elsewhere }, {}, { portMap })).toMatchObject({ PORT: "1234" });
  });
  it("can be used in other values", () => {
    const env = [{ name: "LISTEN", value: ":$(PORT_HTTP)" }];
    expect(valuesOf({ ports, env }, {}, { portMap })).toMatchObject({ LISTEN: ":20001" });
  });
});

it("expands the command line with the container's environment", () => {
  const { container } = podWith({
    command: ["run", "$(A)"],
    args: ["--to=$(A)", "$(NONE)", "$$(A)"],
  });
  expect(commandLine(container, new Map([["A", "x"]]))).toEqual([
    "run",
    "x",
    "--to=x",
    "$(NONE)",
    "$(A)",
  ]);
});
