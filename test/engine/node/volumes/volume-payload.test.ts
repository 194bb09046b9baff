import type { Volume } from "kubernetes-types/core/v1";
import { describe, expect, it } from "vitest";
import type { Pod } from "../../../../src/kube/kinds/pod.ts";
import { volumePayload } from "../../../../src/engine/node/volumes/volume-payload.ts";
import { data, facts, podWith } from "../env/env-fixture.ts";

const content = data({ settings: { a: "A", b: "B" } }, { keys: { token: "T" } });
const { pod } = podWith(
  { resources: { limits: { cpu: "2" } } },
  { metadata: { labels: { tier: "front", app: "web" }, annotations: { note: 'say "hi"' } } },
);
function files(
  volume: Omit<Volume, "name">,
  of: Pod = pod,
): Record<string, [string, string]> | undefined {
  const tokenFor = ({ audience = "the API" }: { audience?: string }) => `token for ${audience}`;
  const inputs = { pod: of, data: content, node: facts, tokenFor };
  const payload = volumePayload({ name: "v", ...volume }, inputs);
  return (
    payload &&
    Object.fromEntries(
      [...payload].map(([path, { bytes, mode }]) => [path, [bytes.toString(), mode.toString(8)]]),
    )
  );
}

describe("ConfigMaps and Secrets", () => {
  it("become one file per key", () => {
    expect(files({ configMap: { name: "settings" } })).toEqual({
      a: ["A", "644"],
      b: ["B", "644"],
    });
    expect(files({ secret: { secretName: "keys", defaultMode: 0o400 } })).toEqual({
      token: ["T", "400"],
    });
  });
  it("can be narrowed to items with paths and modes", () => {
    const items = [
      { key: "b", path: "dir/file", mode: 0o600 },
      { key: "a", path: "a" },
    ];
    expect(files({ configMap: { name: "settings", items } })).toEqual({
      "dir/file": ["B", "600"],
      a: ["A", "644"],
    });
  });
  it("that are missing are an error, unless optional", () => {
    expect(() => files({ configMap: { name: "none" } })).toThrow('configmap "none" not found');
    expect(() => files({ secret: { secretName: "none" } })).toThrow('secret "none" not found');
    expect(files({ configMap: { name: "none", optional: true } })).toEqual({});
  });
  it("without an asked-for key are an error, unless optional", () => {
    const items = [{ key: "c", path: "c" }];
    expect(() => files({ configMap: { name: "settings", items } })).toThrow(/has no key "c"/);
    expect(files({ configMap: { name: "settings", items, optional: true } })).toEqual({});
  });
  it.each(["../up", "/abs", "a/../../b", ""])("never reach out of the volume: %j", (path) => {
    const items = [{ key: "a", path }];
    expect(() => files({ configMap: { name: "settings", items } })).toThrow(/leaves its volume/);
  });
});

it("downward API files show labels, annotations and resources", () => {
  const items = [
    { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
    { path: "annotations", fieldRef: { fieldPath: "metadata.annotations" } },
    { path: "cpu", resourceFieldRef: { containerName: "web", resource: "limits.cpu" } },
  ];
  expect(files({ downwardAPI: { items } })).toEqual({
    labels: ['app="web"\ntier="front"', "644"],
    annotations: ['note="say \\"hi\\""', "644"],
    cpu: ["2", "644"],
  });
});

it("projected volumes put sources together, later ones winning", () => {
  const sources = [
    { configMap: { name: "settings" } },
    { secret: { name: "keys", items: [{ key: "token", path: "a" }] } },
    { downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
  ];
  expect(files({ projected: { sources, defaultMode: 0o440 } })).toEqual({
    a: ["T", "440"],
    b: ["B", "440"],
    name: ["web-0", "440"],
  });
});

it("other volumes are not made of API objects", () => {
  expect(files({ emptyDir: {} })).toBeUndefined();
  expect(files({ hostPath: { path: "/tmp" } })).toBeUndefined();
});

describe("resources in files", () => {
  const amounts = (limits: Record<string, string>, resource: string, divisor?: string) => {
    const { pod: limited } = podWith({ resources: { limits } });
    const resourceFieldRef = { containerName: "web", resource, ...(divisor && { divisor }) };
    const volume = { downwardAPI: { items: [{ path: "amount", resourceFieldRef }] } };
    return files(volume, limited)?.["amount"]?.[0];
  };

  it.each([
    [{ cpu: "1500m" }, "limits.cpu", undefined, "2"],
    [{ cpu: "1500m" }, "limits.cpu", "1m", "1500"],
    [{ memory: "64Mi" }, "limits.memory", undefined, "67108864"],
    [{ memory: "64Mi" }, "limits.memory", "1Mi", "64"],
    [{ memory: "64500Ki" }, "limits.memory", "1Mi", "63"],
    [{ cpu: "1" }, "limits.cpu", "0", "1"],
    // Without a limit, what the node has.
    [{}, "limits.cpu", undefined, "4"],
    [{}, "limits.memory", "1Gi", "8"],
    [{}, "requests.cpu", "1m", "0"],
  ])("%j: %s in units of %s is %s", (limits, resource, divisor, expected) => {
    expect(amounts(limits as Record<string, string>, resource, divisor)).toBe(expected);
  });
});

describe("service account tokens", () => {
  const volume = {
    projected: {
      sources: [
        { serviceAccountToken: { path: "token" } },
        { serviceAccountToken: { path: "vault/token", audience: "vault" } },
      ],
    },
  };

  it("are files with the token for their audience", () => {
    expect(files(volume)).toEqual({
      token: ["token for the API", "644"],
      "vault/token": ["token for vault", "644"],
    });
  });

  it.each<[string, object, object, string]>([
    ["one user has all containers", { runAsUser: 1000 }, {}, "600"],
    ["a container has another user", { runAsUser: 1000 }, { runAsUser: 2000 }, "600"],
    ["a group owns the volumes", { fsGroup: 3000 }, {}, "640"],
  ])("are private where %s", (_, securityContext, ofContainer, mode) => {
    const { pod: own } = podWith({ securityContext: ofContainer }, { spec: { securityContext } });
    expect(files(volume, own)?.["token"]?.[1]).toBe(mode);
  });

  it("are readable by all where users differ", () => {
    const { pod: shared, container } = podWith({ securityContext: { runAsUser: 1 } });
    const side = { ...container, name: "side", securityContext: { runAsUser: 2 } };
    const both: Pod = { ...shared, spec: { containers: [container, side] } };
    expect(files(volume, both)?.["token"]?.[1]).toBe("644");
  });
});

it("fsGroup lets the group read what is private, and adds nothing else", () => {
  const { pod: grouped } = podWith({}, { spec: { securityContext: { fsGroup: 3000 } } });
  const items = [{ key: "token", path: "token", mode: 0o400 }];
  expect(files({ secret: { secretName: "keys", items } }, grouped)?.["token"]?.[1]).toBe("440");
});

it.each([
  [{ clusterTrustBundle: { name: "ca", path: "ca" } }, "clusterTrustBundle"],
  [{ podCertificate: { signerName: "x/y", keyType: "ED25519" } }, "podCertificate"],
])("projected sources that a node does not have are refused: %j", (source, kind) => {
  expect(() => files({ projected: { sources: [source as never] } })).toThrow(
    `projected volumes from ${kind} are not supported by this node; use configMap`,
  );
});
