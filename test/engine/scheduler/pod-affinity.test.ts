import type { PodAffinityTerm } from "kubernetes-types/core/v1";
import { describe, expect, test } from "vitest";
import { ClusterState } from "../../../src/engine/scheduler/cluster-state.ts";
import type { Pod } from "../../../src/kube/kinds/pod.ts";
import { choose, cluster, node, pod } from "./cluster-fixtures.ts";

const term = (rest: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  topologyKey: "zone",
  labelSelector: { matchLabels: { app: "db" } },
  ...rest,
});
const near = (...terms: PodAffinityTerm[]) => ({
  podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms },
});
const apart = (...terms: PodAffinityTerm[]) => ({
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms },
});
const ratherNear = (weight: number, rest = {}) => ({
  podAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm: term(rest) }],
  },
});
const ratherApart = (weight: number) => ({
  podAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm: term() }],
  },
});
const zones = () =>
  cluster(
    node("a1", { labels: { zone: "a" } }),
    node("a2", { labels: { zone: "a" } }),
    node("b1", { labels: { zone: "b" } }),
  );
const db = (spec: Parameters<typeof pod>[0] = {}): Pod => pod(spec, "db-0", { app: "db" });
const web = (affinity: object): Pod => pod({ affinity }, "web-0", { app: "web" });

const NO_AFFINITY = ["node(s) didn't match pod affinity rules"];
const OWN_ANTI = ["node(s) didn't match pod anti-affinity rules"];
const THEIR_ANTI = ["node(s) didn't satisfy existing pods anti-affinity rules"];

describe("required", () => {
  test("affinity goes where such a pod is, in the same domain", () => {
    const state = zones();
    expect(choose(web(near(term())), state)).toEqual({
      a1: NO_AFFINITY,
      a2: NO_AFFINITY,
      b1: NO_AFFINITY,
    });
    state.place(db(), "b1");
    expect(choose(web(near(term())), state)).toBe("b1");
  });
  test("affinity to itself lets the first of a group in, and only the first go anywhere", () => {
    const state = zones();
    const first = db({ affinity: near(term()) });
    expect(choose(first, state)).toMatch(/^[ab]\d$/);
    state.place(first, "b1");
    expect(choose(db({ affinity: near(term()) }), state)).toBe("b1");
  });
  test("anti-affinity keeps off the whole domain", () => {
    const state = zones();
    state.place(db(), "a1");
    expect(choose(web(apart(term())), state)).toBe("b1");
    state.place(db(), "b1");
    expect(choose(web(apart(term())), state)).toEqual({ a1: OWN_ANTI, a2: OWN_ANTI, b1: OWN_ANTI });
  });
  test("anti-affinity is symmetric: who is there keeps off whom it does not want", () => {
    const state = zones();
    const lonely = pod({ affinity: apart(term()) }, "lonely", { app: "lonely" });
    state.place(lonely, "a1");
    expect(choose(db(), state)).toBe("b1");
    state.place({ ...lonely, metadata: { ...lonely.metadata, uid: "second" } }, "b1");
    expect(choose(db(), state)).toEqual({ a1: THEIR_ANTI, a2: THEIR_ANTI, b1: THEIR_ANTI });
    state.free("second");
    expect(choose(db(), state)).toBe("b1");
  });
  test("means pods of its own namespace, of those named, or of those selected by label", () => {
    const state = new ClusterState((name) => (name === "prod" ? { tier: "prod" } : {}));
    for (const { metadata, status } of [node("a", { labels: { zone: "a" } })])
      state.setNode({ apiVersion: "v1", kind: "Node", metadata, ...(status ? { status } : {}) });
    const there = db();
    state.place({ ...there, metadata: { ...there.metadata, namespace: "prod" } }, "a");
    expect(choose(web(near(term())), state)).toEqual({ a: NO_AFFINITY });
    expect(choose(web(near(term({ namespaces: ["prod"] }))), state)).toBe("a");
    const namespaceSelector = { matchLabels: { tier: "prod" } };
    expect(choose(web(near(term({ namespaceSelector }))), state)).toBe("a");
    const others = { matchLabels: { tier: "test" } };
    expect(choose(web(near(term({ namespaceSelector: others }))), state)).toEqual({
      a: NO_AFFINITY,
    });
    expect(choose(web(near(term({ namespaceSelector: {} }))), state)).toBe("a");
  });
  test("a namespace that is relabelled is selected from then on", () => {
    const labels: Record<string, string> = {};
    const state = new ClusterState(() => labels);
    state.setNode(node("a", { labels: { zone: "a" } }));
    state.place(db(), "a");
    const picky = web(near(term({ namespaceSelector: { matchLabels: { tier: "prod" } } })));
    expect(choose(picky, state)).toEqual({ a: NO_AFFINITY });
    labels["tier"] = "prod";
    state.counters.forgetNamespaceSelectors();
    expect(choose(picky, state)).toBe("a");
  });
  test("follows a node to another domain", () => {
    const state = zones();
    state.place(db(), "b1");
    state.setNode(node("b1", { labels: { zone: "a" } }));
    expect(choose(web(apart(term())), state)).toEqual({ a1: OWN_ANTI, a2: OWN_ANTI, b1: OWN_ANTI });
  });
});

describe("preferred", () => {
  test("goes near, or apart, when it can", () => {
    const state = zones();
    state.place(db(), "b1");
    expect(choose(web(ratherNear(100)), state)).toBe("b1");
    expect(choose(web(ratherApart(100)), state)).toMatch(/^a/);
  });
  test("counts what placed pods would like of the new one", () => {
    const state = zones();
    state.place(pod({ affinity: ratherNear(100) }, "fan", { app: "fan" }), "b1");
    expect(choose(db(), state)).toBe("b1");
    const shy = zones();
    shy.place(pod({ affinity: ratherApart(100) }, "shy", { app: "shy" }), "b1");
    expect(choose(db(), shy)).toMatch(/^a/);
  });
});
