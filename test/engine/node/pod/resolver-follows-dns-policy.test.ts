import { expect, test } from "vitest";
import { podResolver } from "../../../../src/engine/node/pod/pod-resolver.ts";
import type { Pod } from "../../../../src/kube/kinds/pod.ts";

const HOST = { nameservers: ["192.0.2.53"], searches: ["corp.example"], options: ["timeout:1"] };
const CLUSTER_SEARCHES = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

function resolve(
  spec: Partial<Pod["spec"]>,
  clusterNameserver: string | undefined = "127.96.0.10",
) {
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "shop" },
    spec: { containers: [], ...spec },
  };
  return podResolver(pod, { clusterNameserver, host: HOST });
}

test.each([
  {},
  { dnsPolicy: "ClusterFirst" },
  { dnsPolicy: "ClusterFirstWithHostNet", hostNetwork: true },
])("%j asks the cluster first, and completes names below it", (spec) => {
  expect(resolve(spec)).toEqual({
    dns: {
      nameservers: ["127.96.0.10"],
      searches: [...CLUSTER_SEARCHES, "corp.example"],
      options: ["ndots:5"],
    },
    omitted: [],
  });
});

test.each([{ dnsPolicy: "Default" }, { hostNetwork: true }])("%j is as on the machine", (spec) => {
  expect(resolve(spec)).toEqual({ omitted: [] });
});

test("without an address of the server that the file can name, it is as on the machine", () => {
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a" },
    spec: { containers: [] },
  };
  expect(podResolver(pod, { clusterNameserver: undefined, host: HOST })).toEqual({ omitted: [] });
});

test("None is what dnsConfig says, and nothing else", () => {
  const dnsConfig = {
    nameservers: ["192.0.2.1"],
    searches: ["own.example"],
    options: [{ name: "ndots", value: "2" }, { name: "edns0" }],
  };
  expect(resolve({ dnsPolicy: "None", dnsConfig }).dns).toEqual({
    nameservers: ["192.0.2.1"],
    searches: ["own.example"],
    options: ["ndots:2", "edns0"],
  });
});

test("dnsConfig adds to the policy, and its options stand in for those of the same name", () => {
  const dnsConfig = {
    nameservers: ["192.0.2.1", "127.96.0.10"],
    searches: ["own.example", "cluster.local"],
    options: [{ name: "ndots", value: "1" }, { name: "rotate" }],
  };
  expect(resolve({ dnsConfig }).dns).toEqual({
    nameservers: ["127.96.0.10", "192.0.2.1"],
    searches: [...CLUSTER_SEARCHES, "corp.example", "own.example"],
    options: ["ndots:1", "rotate"],
  });
  expect(resolve({ dnsPolicy: "Default", dnsConfig }).dns).toEqual({
    nameservers: ["192.0.2.53", "192.0.2.1", "127.96.0.10"],
    searches: ["corp.example", "own.example", "cluster.local"],
    options: ["timeout:1", "ndots:1", "rotate"],
  });
});

test("what resolvers would not read is left out, and told", () => {
  const nameservers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
  const searches = Array.from({ length: 40 }, (_, index) => `d${index}.example`);
  const { dns, omitted } = resolve({ dnsConfig: { nameservers, searches } });
  expect(dns?.nameservers).toEqual(["127.96.0.10", "192.0.2.1", "192.0.2.2"]);
  expect(dns?.searches).toHaveLength(32);
  expect(omitted).toEqual([
    expect.stringContaining("applied nameserver line is: 127.96.0.10 192.0.2.1 192.0.2.2"),
    expect.stringContaining("Search Line limits were exceeded"),
  ]);
  const long = Array.from({ length: 20 }, (_, index) => `${"x".repeat(200)}${index}.example`);
  const joined = resolve({ dnsConfig: { searches: long } }).dns?.searches.join(" ") ?? "";
  expect(joined.length).toBeLessThanOrEqual(2_048);
});
